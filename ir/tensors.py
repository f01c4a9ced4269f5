"""Tensors of a network: references in the IR, arrays in a read-only store.

A `TensorRef` is small, hashable and says everything about an array but its values' meaning;
the values lie in a `TensorStore`, addressed by digest. Two networks are equal when their
references are equal, so comparing and printing a network never touches an array.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]

DTYPES: dict[str, np.dtype[Any]] = {
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
    "i8": np.dtype("i1"),
    "i16": np.dtype("<i2"),
    "i32": np.dtype("<i4"),
    "i64": np.dtype("<i8"),
    "u8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class TensorRef:
    """What the IR knows of an array: element type (`f32`), shape and SHA-256 digest."""

    dtype: str
    shape: Shape
    sha256: str


def dtype_name(array: Array) -> str:
    """The IR's name of an array's element type; ValueError if the IR has none."""
    name = _NAMES.get(array.dtype.newbyteorder("<"))
    if name is None:
        accepted = ", ".join(DTYPES)
        raise ValueError(f"element type {array.dtype} has no name in the IR (accepted: {accepted})")
    return name


def reference(array: Array) -> TensorRef:
    """The reference of an array: digest over element type, shape and little-endian bytes."""
    name = dtype_name(array)
    data = np.ascontiguousarray(array, dtype=DTYPES[name])
    digest = hashlib.sha256(f"{name}{list(array.shape)}".encode())
    digest.update(data.tobytes())
    return TensorRef(name, tuple(int(n) for n in array.shape), digest.hexdigest())


class TensorStore:
    """Arrays by digest. It only ever grows, and what it returns is read-only.

    Passes share one store: a pass that changes a weight adds an array and refers to the new
    digest, so the network it started from stays whole.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}

    def add(self, array: Array) -> TensorRef:
        """Keep a private read-only copy of `array` and return its reference."""
        ref = reference(array)
        if ref.sha256 not in self._arrays:
            copy = np.array(array, dtype=DTYPES[ref.dtype], order="C", copy=True)
            copy.setflags(write=False)
            self._arrays[ref.sha256] = copy
        return ref

    def get(self, ref: TensorRef) -> Array:
        """The array of a reference; KeyError if the store does not hold it."""
        return self._arrays[ref.sha256]

    def __contains__(self, ref: TensorRef) -> bool:
        return ref.sha256 in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._arrays))

    def __len__(self) -> int:
        return len(self._arrays)
