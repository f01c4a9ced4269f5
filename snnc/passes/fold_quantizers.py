"""Folding quantisers into each other and into the activations in front of them, exactly.

Exporters write one quantised activation in several pieces: a ReLU, a max pooling and a quantiser
behind them, or a second quantiser with the same step behind the pooling. A staircase is monotone,
so it may change places with a maximum, and a clipped staircase is a staircase again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snnc.ir import model as m
from snnc.ir.staircase import level
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.chains import FUSE_RULES, Chain, simplify
from snnc.passes.max_pool import varies_in_space
from snnc.passes.properties import ANN
from snnc.passes.read_out import is_read_out
from snnc.passes.staircases import (
    equal_parameters,
    only_views,
    same_staircase,
    single,
)
from snnc.passes.tensors import NewTensors, free_name, full, values_of

_MARGIN = 2.0**-10
"""A level is read back as itself where the shift keeps this far from 0 and 1: the quotient of a
level's value and the step may be off by a rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldQuantizers:
    """Fold quantisers into the activations in front of them, where that is exact.

    A quantiser behind max pooling moves in front of it; a ReLU, a clip or a linear value that only
    a quantiser reads becomes that quantiser; a quantiser that reads values of its own levels, or
    that does what another one does already, goes away.
    """

    name: ClassVar[str] = "fold-quantizers"
    requires: ClassVar[tuple[Property, ...]] = (ANN,)
    ensures: ClassVar[tuple[Property, ...]] = (ANN,)

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with fewer quantisers; every value that a head reads stays the same."""
        while True:
            before = network
            for name in [p.name for p in network.populations]:
                population = next((p for p in network.populations if p.name == name), None)
                if population is not None:
                    network = _folded(network, population, context) or network
            if network is before:
                return network


def _folded(network: m.Network, quantiser: m.Population, context: Context) -> m.Network | None:
    """The network without this quantiser; None where it is none or has to stay."""
    staircase = quantiser.neuron
    if not isinstance(staircase, m.Quantized):
        return None
    twin = _twin(network, quantiser, staircase)
    if twin is not None:
        context.note(f"fold-quantizers: {quantiser.name} does what {twin} does")
        return _rewired(network, quantiser, twin, ())
    connection = quantiser.incoming[0]
    plain = len(quantiser.incoming) == 1 and quantiser.bias is None and not connection.delay
    if not plain or not only_views(connection.ops) or quantiser.scale != 1.0:
        return None
    if connection.source in {i.name for i in network.inputs}:
        return None
    if connection.ops and not _movable(network, quantiser, staircase):
        return None
    redundant = _redundant(network, quantiser, staircase, context)
    return redundant or _pushed_back(network, quantiser, staircase, context)


def _movable(network: m.Network, quantiser: m.Population, staircase: m.Quantized) -> bool:
    """Whether a quantiser behind views may stand before them."""
    users = network.consumers(quantiser.name)
    pooled = any(isinstance(user.neuron, m.MaxPool2d) for user in users)
    uniform = None not in (single(network, staircase.step), single(network, staircase.shift))
    return uniform and not pooled and not is_read_out(network, quantiser.name)


def _twin(network: m.Network, quantiser: m.Population, staircase: m.Quantized) -> str | None:
    """An earlier quantiser with the same parameters that reads the same."""
    for other in network.populations:
        if other.name == quantiser.name:
            return None
        if (
            isinstance(other.neuron, m.Quantized)
            and (other.incoming, other.bias, other.scale, other.shape)
            == (quantiser.incoming, quantiser.bias, quantiser.scale, quantiser.shape)
            and same_staircase(network, other.neuron, staircase)
        ):
            return other.name
    return None


def _redundant(
    network: m.Network, quantiser: m.Population, staircase: m.Quantized, context: Context
) -> m.Network | None:
    """Leave out a quantiser whose input has only values of its own levels."""
    connection = quantiser.incoming[0]
    before = _grid(network, connection.source)
    if before is None or not _reads_back(network, before, staircase):
        return None
    if before.lowest < staircase.lowest or before.levels > staircase.levels:
        return None
    context.note(f"fold-quantizers: {quantiser.name} leaves values of {connection.source} alone")
    return _rewired(network, quantiser, connection.source, connection.ops)


def _grid(network: m.Network, name: str) -> m.Quantized | None:
    """The staircase that a population's values lie on, also behind max pooling.

    Max pooling mixes neurons of a channel, so their steps must not differ there.
    """
    population, pooled = network.population(name), False
    while _plain_pool(network, population):
        population, pooled = network.population(population.incoming[0].source), True
    neuron = population.neuron
    if not isinstance(neuron, m.Quantized) or (pooled and varies_in_space(neuron, network)):
        return None
    return neuron


def _plain_pool(network: m.Network, population: m.Population) -> bool:
    """Whether a population is max pooling of another population as it is."""
    incoming = population.incoming
    return (
        isinstance(population.neuron, m.MaxPool2d)
        and len(incoming) == 1
        and not incoming[0].ops
        and not incoming[0].delay
        and population.bias is None
        and incoming[0].source not in {i.name for i in network.inputs}
    )


def _reads_back(network: m.Network, before: m.Quantized, after: m.Quantized) -> bool:
    """Whether `after` gives a level of `before` back, but for its own bounds."""
    shift = values_of(after.shift, network)
    inside = bool((shift >= _MARGIN).all() and (shift <= 1 - _MARGIN).all())
    return inside and equal_parameters(network, before.step, after.step)


def _pushed_back(
    network: m.Network, quantiser: m.Population, staircase: m.Quantized, context: Context
) -> m.Network | None:
    """Merge a quantiser into the activation that it alone reads, through max pooling."""
    pools: list[m.Population] = []
    connection = quantiser.incoming[0]
    base = network.population(connection.source)
    while _alone(network, base) and _plain_pool(network, base):
        pools.insert(0, base)
        base = network.population(base.incoming[0].source)
    if not _alone(network, base) or (pools and varies_in_space(staircase, network)):
        return None
    neuron = _composed(network, base, staircase)
    if neuron is None:
        return None
    names = _names(network, quantiser, len(pools))
    origin = (*base.origin, *quantiser.origin)
    merged = [replace(base, name=names[0], neuron=neuron, origin=origin)]
    for pool, name in zip(pools, names[1:], strict=True):
        source = replace(pool.incoming[0], source=merged[-1].name)
        merged.append(replace(pool, name=name, incoming=(source,)))
    context.note(f"fold-quantizers: {base.name} rounds to the levels of {quantiser.name}")
    renamed = dict(zip([base.name, *(p.name for p in pools)], merged, strict=True))
    kept = [p for p in network.populations if p.name != quantiser.name]
    changed = replace(network, populations=tuple(renamed.get(p.name, p) for p in kept))
    return _rewired(changed, quantiser, names[-1], connection.ops)


def _names(network: m.Network, quantiser: m.Population, pools: int) -> list[str]:
    """Names of the merged population and the poolings behind it: values have new names.

    The last one has the quantiser's value and takes its name; behind views it has another shape.
    """
    inner = [f"{quantiser.name}.unpooled" + (f".{i + 1}" if i else "") for i in range(pools)]
    last = quantiser.name
    if quantiser.incoming[0].ops:
        last = free_name(network, f"{quantiser.name}.folded")
    return [*(free_name(network, name) for name in inner), last]


def _alone(network: m.Network, population: m.Population) -> bool:
    """Whether one connection of one population reads it, and no head does."""
    readers = [i for p in network.populations for i in p.incoming if i.source == population.name]
    return len(readers) == 1 and not is_read_out(network, population.name)


def _composed(network: m.Network, base: m.Population, after: m.Quantized) -> m.Quantized | None:
    """The staircase behind an activation as one staircase; None where it is none."""
    neuron = base.neuron
    if base.scale != 1.0:
        return None
    match neuron:
        case m.Identity():
            return after
        case m.Relu():
            return _bounded(network, after, base, None)
        case m.Clip(high):
            return _bounded(network, after, base, values_of(high, network))
        case m.Quantized() if _reads_back(network, neuron, after):
            lowest, levels = max(neuron.lowest, after.lowest), min(neuron.levels, after.levels)
            return replace(neuron, lowest=lowest, levels=levels)
    return None


def _bounded(
    network: m.Network, after: m.Quantized, base: m.Population, high: Array | None
) -> m.Quantized | None:
    """`after` of `min(max(x, 0), high)`: the levels of the bounds bound the levels."""
    low = _levels_at(network, after, base, np.zeros(()))
    top = np.array([after.levels]) if high is None else _levels_at(network, after, base, high)
    lowest, levels = np.unique(low), np.unique(top)
    if len(lowest) != 1 or len(levels) != 1 or lowest[0] > 0 or levels[0] < 1:
        return None
    return replace(after, lowest=int(lowest[0]), levels=int(levels[0]))


def _levels_at(network: m.Network, staircase: m.Quantized, base: m.Population, x: Array) -> Array:
    """The levels of values `x`, in the shape of the population."""
    step, shift, values = (
        full(np.asarray(v), base.shape)
        for v in (values_of(staircase.step, network), values_of(staircase.shift, network), x)
    )
    return level(values, step, staircase.lowest, staircase.levels, shift, staircase.ties)


def _rewired(
    network: m.Network, gone: m.Population, source: str, ops: tuple[m.Operator, ...]
) -> m.Network:
    """What read `gone` reads `source` through `ops`; heads follow."""
    tensors = NewTensors(network)
    populations = []
    for population in network.populations:
        if population.name == gone.name and source != gone.name:
            continue
        incoming = []
        for connection in population.incoming:
            if connection.source == gone.name:
                shape = network.source_shape(source)
                chain = Chain((*ops, *connection.ops), shape, population.name, tensors)
                simple = simplify(chain, FUSE_RULES) if ops else connection.ops
                connection = replace(connection, source=source, ops=simple)
            incoming.append(connection)
        populations.append(replace(population, incoming=tuple(incoming)))
    heads = tuple(
        replace(h, population=source) if h.population == gone.name else h for h in network.heads
    )
    return tensors.attach(replace(network, heads=heads)).with_populations(populations)
