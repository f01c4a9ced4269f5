"""One weighted operator per connection, for targets whose connections are synapses and no more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.shapes import chain_shape
from snnc.ir.tensors import Shape
from snnc.ir.windows import pool_divisors
from snnc.passes.base import Context, Property
from snnc.passes.chains import Chain
from snnc.passes.properties import SINGLE_OPERATORS, SNN
from snnc.passes.single_operator import pool_as_conv, single_operator, split_factor
from snnc.passes.tensors import NewTensors, compress, free_name, values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldChains:
    """Fold the operators of every connection into one convolution or one matrix (stage snn).

    Exact wherever it can be: pools, concatenations, cuts and paddings move into weights, one-to-one
    connections become depthwise convolutions, and other chains are written out as a matrix of at
    most `largest` entries. An average pooling too large for that becomes a spiking population,
    which rounds once more; a note says so. `pools=spike` does that to every average pooling that
    opens a connection between populations: more neurons, but less fan-in.
    """

    name: ClassVar[str] = "fold-chains"
    requires: ClassVar[tuple[Property, ...]] = (SNN,)
    ensures: ClassVar[tuple[Property, ...]] = (SNN, SINGLE_OPERATORS)
    largest: int = 1 << 24
    pools: Literal["fold", "spike"] = "fold"

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with single operators.

        Raises:
            InputError: a chain cannot be folded (SN760).
        """
        if self.largest < 1:
            raise InputError(Diagnostic("SN721", f"fold-chains: largest={self.largest} is below 1"))
        folding = _Folding(network, context, self.largest, self.pools == "spike")
        for population in network.populations:
            folding.add(population)
        return folding.tensors.attach(network).with_populations(folding.populations)


class _Folding:
    """The populations so far; pools that must spike stand in front of what reads them."""

    def __init__(
        self, network: m.Network, context: Context, largest: int, spiking_pools: bool
    ) -> None:
        self._network = network
        self._context = context
        self._largest = largest
        self._spiking_pools = spiking_pools
        self.tensors = NewTensors(network)
        self.populations: list[m.Population] = []

    def add(self, population: m.Population) -> None:
        """Fold the connections of a population and take it over."""
        if isinstance(population.neuron, m.RunningMax2d | m.MaxGate2d):
            self.populations.append(population)  # reads spikes as they are
            return
        incoming = [self._folded(population, i) for i in population.incoming]
        self.populations.append(replace(population, incoming=tuple(incoming)))

    def _folded(self, population: m.Population, connection: m.Incoming) -> m.Incoming:
        shape = self._network.source_shape(connection.source)
        target = chain_shape(connection.ops, shape, self.tensors.shape)
        chain = Chain(connection.ops, shape, population.name, self.tensors)
        wished = self._spiking_pools and self._splits(connection)
        found = None if wished else single_operator(chain, target, self._largest)
        if found is not None:
            ops, written = found
            if written:
                self._context.note(
                    f"fold-chains wrote the operators from {connection.source} to "
                    f"{population.name} out as a matrix of {_entries(shape, target)} entries"
                )
            return replace(connection, ops=ops)
        factor, ops = split_factor(chain)
        if not ops or not isinstance(ops[0], m.AvgPool2d):
            raise self._refusal(population, connection, shape, target)
        pool = self._pool(population, connection, ops[0], target)
        back = (m.Scale(factor),) if factor != 1.0 else ()
        rest = replace(connection, source=pool.name, ops=(*back, *ops[1:]), delay=0)
        chain = Chain(rest.ops, pool.shape, population.name, self.tensors)
        found = single_operator(chain, target, self._largest)
        if found is None:
            raise self._refusal(population, connection, shape, target)
        self.populations.append(pool)
        return replace(rest, ops=found[0])

    def _splits(self, connection: m.Incoming) -> bool:
        """Whether a connection between populations begins with an average pooling."""
        inputs = {entry.name for entry in self._network.inputs}
        shape = self._network.source_shape(connection.source)
        _, ops = split_factor(Chain(connection.ops, shape, connection.source, self.tensors))
        return connection.source not in inputs and bool(ops) and isinstance(ops[0], m.AvgPool2d)

    def _signed(self, source: m.Population) -> bool:
        """Whether a population can send negative spikes; max pooling can where its source can."""
        if isinstance(source.neuron, m.IF):
            return source.neuron.negative_spikes != "none"
        sources = [i.source for i in source.incoming]
        return any(self._signed(p) for p in self._network.populations if p.name in sources)

    def _pool(
        self, user: m.Population, connection: m.Incoming, pool: m.AvgPool2d, target: Shape
    ) -> m.Population:
        """An average pooling as a population: it counts the spikes of a window up to its size."""
        network = self._network
        source = {p.name: p for p in network.populations}.get(connection.source)
        if source is None or values_of(source.scale, network).ndim > 1:
            shape = network.source_shape(connection.source)
            raise self._refusal(user, connection, shape, target)
        if isinstance(network.schedule, m.Gated):
            raise _not_lossless(user, connection)
        if isinstance(network.schedule, m.Phased):
            raise _no_spike_time(user, connection)
        out = chain_shape((pool,), source.shape, self.tensors.shape)
        conv = pool_as_conv(pool, source.shape, out)
        ones = np.ones((source.shape[0], 1, *pool.kernel))
        weight = self.tensors.put(f"{user.name}.pool.weight", ones)
        cells = np.broadcast_to(pool_divisors(pool, (source.shape[1], source.shape[2])), out)
        known = network.with_populations((*network.populations, *self.populations))
        name = free_name(known, f"{user.name}.pool")
        threshold = self.tensors.put_parameter(f"{name}.threshold", compress(cells))
        start = self.tensors.put_parameter(f"{name}.v_init", compress(cells / 2))
        signed = self._signed(source)
        self._context.note(
            f"fold-chains made the average pooling between {source.name} and {user.name} spike: "
            "it is not folded into the weights behind it, and rounds once more"
        )
        return m.Population(
            name=name,
            shape=out,
            neuron=m.IF(threshold, v_init=start, negative_spikes="retract" if signed else "none"),
            scale=source.scale,
            origin=user.origin,
            incoming=(m.Incoming(source.name, (replace(conv, weight=weight),), connection.delay),),
        )

    def _refusal(
        self, population: m.Population, connection: m.Incoming, shape: Shape, target: Shape
    ) -> InputError:
        names = ", ".join(type(op).__name__ for op in connection.ops)
        text = (
            f"the operators from {connection.source} to {population.name} ({names}) cannot be "
            f"folded into one: written out they are a matrix of {_entries(shape, target)} "
            f"entries, and the largest allowed has {self._largest:,}"
        )
        cure = (
            "raise fold-chains{largest=...}, keep linear values as populations with "
            "fuse-linear{inline=false}, or put an activation between the operators"
        )
        return InputError(Diagnostic("SN760", text, ", ".join(population.origin), cure))


def _not_lossless(user: m.Population, connection: m.Incoming) -> InputError:
    text = (
        f"the average pooling between {connection.source} and {user.name} would have to spike, and "
        "its counts would not come to rest at the averages: the network would not be lossless"
    )
    cure = "leave pools=fold, raise fold-chains{largest=...}, or use map-quantized{mode=qcfs}"
    return InputError(Diagnostic("SN760", text, ", ".join(user.origin), cure))


def _no_spike_time(user: m.Population, connection: m.Incoming) -> InputError:
    text = (
        f"the average pooling between {connection.source} and {user.name} would have to spike, and "
        "counts spikes, where every neuron fires once and its time is the value"
    )
    cure = "leave pools=fold, or raise fold-chains{largest=...}"
    return InputError(Diagnostic("SN760", text, ", ".join(user.origin), cure))


def _entries(shape: Shape, target: Shape) -> str:
    return f"{int(np.prod(shape)) * int(np.prod(target)):,}"
