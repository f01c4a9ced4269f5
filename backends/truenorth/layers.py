"""Layers as the mapper sees them: whole matrices between units, with what cannot matter removed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.host import chip_populations, is_signed, pin_sources
from snnc.backends.truenorth.matrices import connection_matrix
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array, Shape

Key = tuple[str, int, int]
"""What drives a column: source, sign of its spikes, and the IR's delay in time steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A population on the chip.

    Attributes:
        name: Of the population.
        shape: Of the population.
        weights: int64 CSR (units, columns) over all that it reads; rows of dead units are empty.
        keys: What the columns are: blocks of one source, sign and delay each.
        starts: First column of each block, and the number of columns at the end.
        alive: bool (units,): units that a head reads or that something alive reads.
        thresholds, biases, starts_at: int64 (units,): threshold, bias per step, initial potential.
        reset: Of its neurons.
        memoryless: Whether the potential is forgotten in every step (a threshold gate).
        read: Whether a head reads it.
        origin: Names of its ONNX nodes.
    """

    name: str
    shape: Shape
    weights: sparse.csr_matrix
    keys: tuple[Key, ...]
    starts: tuple[int, ...]
    alive: Array
    thresholds: Array
    biases: Array
    starts_at: Array
    reset: m.Reset
    memoryless: bool
    read: bool
    origin: tuple[str, ...]

    @property
    def units(self) -> int:
        """Number of units, dead ones included."""
        return math.prod(self.shape)

    def block(self, key: Key) -> sparse.csr_matrix:
        """The columns of one block."""
        index = self.keys.index(key)
        return self.weights[:, self.starts[index] : self.starts[index + 1]]


def layers_of(network: m.Network) -> tuple[Layer, ...]:
    """All layers on the chip, in topological order, without what cannot matter.

    A unit is dead if no head reads it and every weight from it to units that are alive is 0.

    Args:
        network: of stage fixed, in layer-local time, checked.
    """
    layers = [_layer(network, p) for p in chip_populations(network)]
    alive: dict[str, Array] = {
        layer.name: np.full(layer.units, layer.read, bool) for layer in layers
    }
    found: list[Layer] = []
    for layer in reversed(layers):
        live = alive[layer.name]
        kept = layer.weights.copy()
        kept.data[~live[np.repeat(np.arange(len(live)), np.diff(kept.indptr))]] = 0
        kept.eliminate_zeros()
        used = np.bincount(kept.indices, minlength=kept.shape[1]) > 0
        for index, (source, _, _) in enumerate(layer.keys):
            if source in alive:
                alive[source] |= used[layer.starts[index] : layer.starts[index + 1]]
        found.append(replace(layer, weights=kept, alive=live))
    return tuple(reversed(found))


def _layer(network: m.Network, population: m.Population) -> Layer:
    neuron = population.neuron
    assert isinstance(neuron, m.IF)
    blocks: dict[Key, sparse.csr_matrix] = {}
    for incoming in population.incoming:
        matrix = connection_matrix(network, incoming)
        for sign in (1, -1) if is_signed(network, incoming.source) else (1,):
            key = (incoming.source, sign, incoming.delay)
            signed = matrix if sign == 1 else -matrix
            blocks[key] = blocks[key] + signed if key in blocks else signed
    shape = summed_shape(network, population)
    bias: m.Parameter = 0.0 if population.bias is None else population.bias
    weights, starts = _side_by_side(list(blocks.values()), math.prod(shape))
    return Layer(
        name=population.name,
        shape=population.shape,
        weights=weights,
        keys=tuple(blocks),
        starts=starts,
        alive=np.ones(math.prod(shape), bool),
        thresholds=_whole(network, neuron.threshold, shape),
        biases=_whole(network, bias, shape),
        starts_at=_whole(network, neuron.v_init, shape),
        reset=neuron.reset,
        memoryless=neuron.leak == 0.0,
        read=any(head.population == population.name for head in network.heads),
        origin=population.origin,
    )


def _side_by_side(
    blocks: Sequence[sparse.csr_matrix], rows: int
) -> tuple[sparse.csr_matrix, tuple[int, ...]]:
    """Blocks beside each other, and the first column of each."""
    starts = (0, *(int(n) for n in np.cumsum([b.shape[1] for b in blocks], dtype=np.int64)))
    if not blocks:
        return sparse.csr_matrix((rows, 0), dtype=np.int64), starts
    joined = sparse.csr_matrix(sparse.hstack(blocks, format="csr"))
    joined.eliminate_zeros()
    joined.sort_indices()
    return joined, starts


def _whole(network: m.Network, parameter: m.Parameter, shape: Shape) -> Array:
    values = linear.broadcast_parameter(parameter, shape, network.array)
    whole: Array = np.rint(np.broadcast_to(values, shape)).astype(np.int64).reshape(-1)
    return whole


def sizes_of(network: m.Network) -> Mapping[str, int]:
    """Units of everything that the chip is given, by name."""
    return {name: math.prod(network.source_shape(name)) for name in pin_sources(network)}
