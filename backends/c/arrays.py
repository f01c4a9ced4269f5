"""Arrays of numbers as C source: the parameters of layers, in the order of the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.backends.c.trains import Size, size_of
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array

INT32_MAX = 2**31 - 1

_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t"}
_PER_LINE = 24


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A constant array of the program: its name, its values and what it is."""

    name: str
    values: Array
    text: str

    def as_dict(self) -> dict[str, Any]:
        """What the templates print."""
        flat = self.values.reshape(-1)
        return {
            "name": self.name,
            "type": _TYPES[flat.dtype.name],
            "size": flat.size,
            "text": self.text,
            "listed": _listed(flat),
        }


def _listed(flat: Array) -> str:
    numbers = [str(n) for n in flat.tolist()]
    lines = (numbers[i : i + _PER_LINE] for i in range(0, len(numbers), _PER_LINE))
    return ",\n".join(",".join(line) for line in lines)


def lanes_of(values: Array, size: Size, fill: int = 0) -> Array:
    """Values (C, H, W) as (H, W, lanes) int32; lanes that stand for no neuron hold `fill`."""
    full = np.full((size.height, size.width, size.lanes), fill, np.int32)
    image = values.reshape(size.channels, size.height, size.width)
    full[:, :, : size.channels] = np.moveaxis(image, 0, -1)
    return full


def by_neuron(
    network: m.Network, p: m.Population, parameter: m.Parameter, fill: int = 0
) -> tuple[Array, bool]:
    """A parameter of a population as lanes, int32, and whether all positions share them.

    Shared ones are (lanes,), the others (H, W, lanes).
    """
    values = linear.broadcast_parameter(parameter, p.shape, network.array)
    full = lanes_of(np.broadcast_to(values, p.shape), size_of(p.shape), fill)
    first = full[0, 0]
    shared = bool((full == first).all())
    return (first.copy(), True) if shared else (full, False)
