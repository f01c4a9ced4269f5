"""The tensors that a lowering collects, under readable unique names."""

from __future__ import annotations

import numpy as np

from snnc.frontend.refusal import Refusal
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape


def finite(array: Array) -> Array:
    """An array as float32; Refusal if a value is not finite there."""
    with np.errstate(over="ignore"):
        kept = np.ascontiguousarray(array, dtype=np.float32)
    if not np.all(np.isfinite(kept)):
        raise Refusal(
            "its constants are not finite in float32",
            "check the training run and export finite weights",
        )
    return kept


class TensorTable:
    """Arrays by name. An initializer that several nodes use becomes one tensor."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}
        self._initializers: dict[str, list[str]] = {}

    def add(self, name: str, array: Array, initializer: str = "") -> m.Ref:
        """Keep `array` as float32 under `name` or, if that is taken, under `name_2`, ...

        Args:
            name: The wanted name.
            array: Its values.
            initializer: The ONNX initializer it comes from; the same one with the same values is
                kept once and shared.

        Raises:
            Refusal: a value is not finite in float32.
        """
        kept = finite(array)
        for known in self._initializers.get(initializer, ()) if initializer else ():
            if np.array_equal(self._arrays[known], kept):
                return m.Ref(known)
        unique = name
        count = 1
        while unique in self._arrays:
            count += 1
            unique = f"{name}_{count}"
        self._arrays[unique] = kept
        self._initializers.setdefault(initializer, []).append(unique)
        return m.Ref(unique)

    def array(self, ref: m.Ref) -> Array:
        """The array of a reference."""
        return self._arrays[ref.name]

    def shape(self, ref: m.Ref) -> Shape:
        """The shape of a reference's array."""
        return self._arrays[ref.name].shape

    def arrays(self) -> dict[str, Array]:
        """All arrays by name."""
        return dict(self._arrays)
