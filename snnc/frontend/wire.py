"""A look at the outermost layer of a protobuf message, before a parser allocates anything."""

from __future__ import annotations

_LENGTHS = {1: 8, 5: 4}  # wire types of fixed length
_LENGTH_DELIMITED = 2
_LARGEST_FIELD = 1000


class WireError(ValueError):
    """The bytes are no protobuf message, or one that was cut off (`truncated`)."""

    def __init__(self, message: str, truncated: bool) -> None:
        super().__init__(message)
        self.truncated = truncated


def scan(data: bytes) -> set[int]:
    """The field numbers of a message whose every field lies inside `data`.

    Raises:
        WireError: a field is longer than the file, or the bytes are no ONNX model.
    """
    if not data:
        raise WireError("the file is empty", truncated=True)
    fields: set[int] = set()
    position = 0
    while position < len(data):
        tag, position = _varint(data, position, fields)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < _LARGEST_FIELD or kind not in (0, *_LENGTHS, _LENGTH_DELIMITED):
            raise WireError("it is not an ONNX file", truncated=False)
        if kind == 0:
            _, position = _varint(data, position, fields)
            length = 0
        elif kind == _LENGTH_DELIMITED:
            length, position = _varint(data, position, fields)
        else:
            length = _LENGTHS[kind]
        if length > len(data) - position:
            raise _too_long(fields, number, length, len(data) - position)
        position += length
        fields.add(number)
    return fields


def _too_long(fields: set[int], number: int, length: int, left: int) -> WireError:
    """A model starts with its IR version (field 1); bytes that do not are some other file."""
    if 1 not in fields and number != 7:
        return WireError("it is not an ONNX file", truncated=False)
    return WireError(
        f"it is truncated: field {number} claims {length:,} bytes, {left:,} are left in the file",
        truncated=True,
    )


def _varint(data: bytes, position: int, fields: set[int]) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 70:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if not byte & 0x80:
            return value, position
        shift += 7
    if position < len(data) or not fields:
        raise WireError("it is not an ONNX file", truncated=False)
    raise WireError("it is truncated", truncated=True)
