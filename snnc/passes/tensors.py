"""Naming what a pass makes: arrays and populations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from snnc.ir.model import Network, Parameter, Quantized, Ref
from snnc.ir.tensors import Array, Shape, reference


class NewTensors:
    """Collects arrays for a network under unique names; `attach` puts them into its table.

    A name that is taken by other content gets a number, so a tensor that another population
    shares is never changed under it. Floating-point arrays are stored as float32; in a network
    that holds float64 arrays, or rounds activations to levels, as float64: there a weight that is
    rounded once more than in the file moves sums over the edges between levels.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._arrays: dict[str, Array] = {}
        double = any(ref.dtype == "f64" for ref in network.tensors.values())
        double |= any(isinstance(p.neuron, Quantized) for p in network.populations)
        self._precision = np.float64 if double else np.float32

    def put(self, name: str, array: Array) -> Ref:
        """A reference to `array`, stored in the network's precision where it is floating point."""
        if array.dtype.kind == "f":
            array = array.astype(self._precision)
        wanted = reference(array)
        candidate, number = name, 2
        while True:
            held = self._held(candidate)
            if held is None:
                self._arrays[candidate] = array
                return Ref(candidate)
            if held == wanted:
                return Ref(candidate)
            candidate, number = f"{name}.{number}", number + 1

    def put_parameter(self, name: str, array: Array) -> Parameter:
        """As `put`, but one number for all where all values are the same."""
        single = array.astype(self._precision)
        if single.size and (single == single.flat[0]).all():
            return float(single.flat[0].item())
        return self.put(name, array)

    def _held(self, name: str) -> object:
        if name in self._arrays:
            return reference(self._arrays[name])
        return self._network.tensors.get(name)

    def array(self, ref: Ref) -> Array:
        """The array of a reference, new or old."""
        if ref.name in self._arrays:
            return self._arrays[ref.name]
        return self._network.array(ref)

    def shape(self, ref: Ref) -> Shape:
        """The shape of a reference, new or old."""
        return self.array(ref).shape

    def attach(self, network: Network) -> Network:
        """`network` with the collected arrays in its table."""
        return network.with_arrays(self._arrays)


def free_name(network: Network, name: str) -> str:
    """`name`, or `name.2`, `name.3`, ... where an input or population has it already."""
    taken = {i.name for i in network.inputs} | {p.name for p in network.populations}
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name}.{number}"
    return unique


def values_of(parameter: Parameter, network: Network) -> Array:
    """A parameter's values as they are stored: `()`, `(C,)` or the full shape."""
    return network.array(parameter) if isinstance(parameter, Ref) else np.asarray(parameter)


def compress(array: Array) -> Array:
    """A full map (C, ...) as its per-channel values (C,) where every channel is uniform."""
    if array.ndim < 2:
        return array
    flat = array.reshape(len(array), -1)
    if flat.shape[1] and (flat == flat[:, :1]).all():
        return flat[:, 0]
    return array


def full(array: Array, shape: Shape) -> Array:
    """A scalar, per-channel or full array as a full float64 map of `shape`."""
    values = np.asarray(array, dtype=np.float64)
    if values.shape != shape and values.ndim == 1 and values.shape[:1] == shape[:1]:
        values = values.reshape(values.shape + (1,) * (len(shape) - 1))
    return np.broadcast_to(values, shape).copy()


T = TypeVar("T")
_NUMBERED = re.compile(r"(.+)\.([2-9]|[1-9][0-9]+)")


def short_names(network: Network) -> Network:
    """The network with numbered tensor names (`w.2`) as short as they can be (`w`).

    A changed weight cannot take its old name while the old one is in the table; once the pass is
    through, the name is free again.
    """
    names: dict[str, str] = {}
    taken = {name for name in network.tensors if not _NUMBERED.fullmatch(name)}
    numbered = [m for m in map(_NUMBERED.fullmatch, network.tensors) if m]
    for match in sorted(numbered, key=lambda m: (m[1], int(m[2]))):
        short = match[1]
        for number in range(2, int(match[2]) + 1):
            if short not in taken:
                break
            short = f"{match[1]}.{number}"
        taken.add(short)
        if short != match[0]:
            names[match[0]] = short
    if not names:
        return network
    populations = tuple(_renamed(p, names) for p in network.populations)
    table = {names.get(name, name): ref for name, ref in network.tensors.items()}
    policy = None if network.exit is None else _renamed(network.exit, names)
    table = dict(sorted(table.items()))
    return replace(network, populations=populations, tensors=table, exit=policy)


def _renamed(node: T, names: Mapping[str, str]) -> T:
    """A dataclass, or a tuple of them, with its tensor references renamed."""
    value: Any = node
    if isinstance(value, Ref):
        value = Ref(names.get(value.name, value.name))
    elif isinstance(value, tuple):
        value = tuple(_renamed(part, names) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: _renamed(getattr(value, f.name), names) for f in fields(value)}
        value = replace(value, **changes)
    result: T = value
    return result
