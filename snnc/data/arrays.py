"""The `.npy` format, read in rows from any byte stream, so that an array need not fit memory.

Objects are never unpickled: the element type is checked in the header, before any value is read.
"""

from __future__ import annotations

import math
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array, Shape

_MALFORMED = (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)
_NPY: Any = np.lib.format  # typed in some versions of NumPy only
_SKIP = 1 << 18  # bytes thrown away at a time where a stream cannot seek


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """What the header of an array says; `offset` bytes precede the values."""

    shape: Shape
    dtype: np.dtype[Any]
    fortran: bool
    offset: int

    @property
    def bytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def row_bytes(self) -> int:
        """Bytes of one sample."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def read_header(stream: IO[bytes], size: int, where: str) -> ArrayHeader:
    """The header at the beginning of a stream that holds `size` bytes altogether.

    Raises:
        InputError: SN803 no array, or one that ends too early; SN804 elements are no numbers.
    """
    try:
        if _NPY.read_magic(stream) == (1, 0):
            shape, fortran, dtype = _NPY.read_array_header_1_0(stream)
        else:
            shape, fortran, dtype = _NPY.read_array_header_2_0(stream)
    except _MALFORMED as error:
        raise damaged(where, f"it is no .npy array ({_first_line(error)})") from error
    _check_numeric(dtype, where)
    offset = stream.tell()
    header = ArrayHeader(tuple(shape), dtype, fortran, offset)
    if header.bytes != size - offset or any(n < 0 for n in header.shape):
        promise = f"its header promises {list(shape)} of {dtype}, {header.bytes} bytes"
        raise damaged(where, f"{promise}, and {size - offset} are there")
    return header


def _check_numeric(dtype: np.dtype[Any], where: str) -> None:
    if dtype.kind in "biuf" and dtype.itemsize <= 8:
        return
    what = "Python objects, which snnc never unpickles" if dtype.hasobject else f"of type {dtype}"
    cure = "save one numeric array (all images of one size): numpy.savez(path, x=images, y=labels)"
    raise InputError(Diagnostic("SN804", f"the elements are {what}", where=where, help=cure))


def read_all(stream: IO[bytes], header: ArrayHeader, where: str) -> Array:
    """The whole array; the stream stands behind the header."""
    data = _exactly(stream, header.bytes, where)
    flat: Array = np.frombuffer(data, dtype=header.dtype)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def read_rows(
    stream: IO[bytes], header: ArrayHeader, start: int, stop: int, size: int, where: str
) -> Iterator[Array]:
    """Samples `start` up to `stop` in row-major batches of `size`; the header has been read."""
    if header.fortran:
        whole = read_all(stream, header, where)
        for first in range(start, stop, size):
            yield whole[first : min(first + size, stop)]
        return
    _skip(stream, start * header.row_bytes, where)
    for first in range(start, stop, size):
        rows = min(size, stop - first)
        data = _exactly(stream, rows * header.row_bytes, where)
        yield np.frombuffer(data, dtype=header.dtype).reshape(rows, *header.shape[1:])


def _skip(stream: IO[bytes], count: int, where: str) -> None:
    while count > 0:
        count -= len(_exactly(stream, min(count, _SKIP), where))


def _exactly(stream: IO[bytes], count: int, where: str) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise damaged(where, "it ends too early")
    return data


def damaged(where: str, reason: str) -> InputError:
    """The error about a file that is not what its name says."""
    cure = "copy or download it again, or save it again with numpy.savez or numpy.save"
    return InputError(Diagnostic("SN803", f"the file is damaged: {reason}", where=where, help=cure))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
