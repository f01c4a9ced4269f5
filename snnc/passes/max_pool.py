"""Max pooling made ready for spikes: exact by default, another rule only on request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.shapes import summed_shape
from snnc.passes.base import Context, Property
from snnc.passes.fuse_linear import FuseLinear
from snnc.passes.properties import ANN, PLAIN_MAX_POOL
from snnc.passes.read_out import is_read_out
from snnc.passes.tensors import NewTensors, compress, free_name, full

_MONOTONE = (m.Relu, m.Clip, m.LeakyRelu, m.Quantized, m.TTFS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool:
    """Choose the spiking form of max pooling.

    `exact`: the running maximum of the spike counts, whose output count is the largest input
    count at every step. `gate`: the spikes of the neuron with the largest count pass (Rueckauer
    et al. 2017), biased high. `average`: average pooling instead, which changes the network.

    Max pooling in front of a monotone activation is exchanged with it (exact), so that it reads
    spikes; in front of anything else its input becomes a signed spiking population.
    """

    name: ClassVar[str] = "max-pool"
    requires: ClassVar[tuple[Property, ...]] = (ANN,)
    ensures: ClassVar[tuple[Property, ...]] = (ANN, PLAIN_MAX_POOL)
    mode: Literal["exact", "gate", "average"] = "exact"

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network whose max poolings read populations as they are."""
        if self.mode == "average":
            return _average_all(network, context)
        populations = list(network.populations)
        for population in network.populations:
            if isinstance(population.neuron, m.MaxPool2d):
                current = next(p for p in populations if p.name == population.name)
                self._spiking(network, current, population.neuron, populations, context)
        return network.with_populations(populations)

    def _spiking(
        self,
        network: m.Network,
        pool: m.Population,
        maximum: m.MaxPool2d,
        populations: list[m.Population],
        context: Context,
    ) -> None:
        rule: m.MaxRule = "gate" if self.mode == "gate" else "running_max"
        neuron = replace(maximum, spiking=rule)
        if self.mode == "gate":
            context.note(f"max-pool: {pool.name} passes the neuron with the largest count (gate)")
        if _reads_a_population(pool, network):
            _replace(populations, pool.name, [replace(pool, neuron=neuron)])
            return
        follower = _only_follower(pool, populations, network)
        unpooled = m.Population(
            name=free_name(network, f"{pool.name}.unpooled"),
            shape=summed_shape(network, pool),
            neuron=m.Identity() if follower is None else follower.neuron,
            bias=pool.bias,
            origin=pool.origin,
            incoming=pool.incoming,
        )
        name = pool.name if follower is None else follower.name
        origin = pool.origin if follower is None else (*pool.origin, *follower.origin)
        pooled = replace(
            pool,
            name=name,
            neuron=neuron,
            bias=None,
            origin=origin,
            incoming=(m.Incoming(unpooled.name),),
        )
        _replace(populations, pool.name, [unpooled, pooled])
        if follower is not None:
            # The pooled population has taken the follower's name and value.
            populations.remove(follower)
            context.note(f"max-pool moved {pool.name} behind the activation of {follower.name}")


def _reads_a_population(pool: m.Population, network: m.Network) -> bool:
    inputs = {i.name for i in network.inputs}
    plain = len(pool.incoming) == 1 and pool.bias is None and not pool.incoming[0].ops
    return plain and pool.incoming[0].source not in inputs


def _only_follower(
    pool: m.Population, populations: list[m.Population], network: m.Network
) -> m.Population | None:
    """The monotone activation that alone reads the pooling, if it reads nothing else."""
    users = [p for p in populations if any(i.source == pool.name for i in p.incoming)]
    if len(users) != 1 or is_read_out(network, pool.name):
        return None
    user = users[0]
    plain = len(user.incoming) == 1 and user.bias is None and not user.incoming[0].ops
    if not plain or not isinstance(user.neuron, _MONOTONE) or varies_in_space(user.neuron, network):
        return None
    return user


def varies_in_space(neuron: m.Neuron, network: m.Network) -> bool:
    """Whether a parameter of the activation differs between positions (then it must stay)."""
    return any(len(network.tensors[name].shape) > 1 for name in m.references(neuron))


def _average_all(network: m.Network, context: Context) -> m.Network:
    """Average pooling everywhere; as it is linear, it goes into the populations that read it."""
    tensors = NewTensors(network)
    populations, changed = [], set[str]()
    for population in network.populations:
        if isinstance(population.neuron, m.MaxPool2d):
            context.note(f"max-pool CHANGED the network: {population.name} takes averages")
            population = _averaged(population, population.neuron, network, tensors)
            changed.add(population.name)
        elif any(i.source in changed for i in population.incoming):
            changed.add(population.name)
        populations.append(population)
    # Statistics of the trained network say nothing about what now has other values.
    kept = {name: s for name, s in context.statistics.items() if name not in changed}
    context.statistics = kept
    averaged = tensors.attach(network).with_populations(populations)
    return FuseLinear().run(averaged, context)


def _averaged(
    pool: m.Population, neuron: m.MaxPool2d, network: m.Network, tensors: NewTensors
) -> m.Population:
    if neuron.dilations != (1, 1):
        raise InputError(
            Diagnostic(
                "SN721",
                f"max-pool{{mode=average}} cannot replace {pool.name}: its windows are dilated",
                where=", ".join(pool.origin),
                help="use max-pool{mode=exact}, which is exact for every window",
            )
        )
    average = m.AvgPool2d(neuron.kernel, neuron.strides, neuron.pads, False, neuron.ceil_mode)
    incoming = tuple(replace(i, ops=(*i.ops, average)) for i in pool.incoming)
    bias = pool.bias
    if bias is not None:
        before = full(network.array(bias), summed_shape(network, pool))
        after = linear.apply(average, before[None], network.array)[0]
        bias = tensors.put(f"{pool.name}.bias", compress(after))
    return replace(pool, neuron=m.Identity(), incoming=incoming, bias=bias)


def _replace(populations: list[m.Population], name: str, replacement: list[m.Population]) -> None:
    index = next(i for i, p in enumerate(populations) if p.name == name)
    populations[index : index + 1] = replacement
