"""Properties of networks that passes require and ensure."""

from __future__ import annotations

from snnc.ir import model as m
from snnc.passes.base import Property


def _stage(stage: str) -> Property:
    def check(network: m.Network) -> str:
        return "" if network.stage == stage else f"the network is at stage {network.stage}"

    return Property(f"stage {stage}", check)


ANN = _stage("ann")
SNN = _stage("snn")
FIXED = _stage("fixed")


def _not_fixed(network: m.Network) -> str:
    return "" if network.stage in ("ann", "snn") else f"the network is at stage {network.stage}"


ANN_OR_SNN = Property("stage ann or snn", _not_fixed)


def _spiking(network: m.Network) -> str:
    return "" if network.stage in ("snn", "fixed") else f"the network is at stage {network.stage}"


SPIKING = Property("stage snn or fixed", _spiking)


def _foldable_scale(network: m.Network) -> str:
    weighted = (m.Dense, m.Conv2d, m.ConvTranspose2d)
    for population in network.populations:
        for incoming in population.incoming:
            for before, after in zip(incoming.ops, incoming.ops[1:], strict=False):
                if isinstance(before, weighted) and isinstance(after, m.Scale):
                    factor = after.factor
                    if not isinstance(factor, m.Ref) or len(network.array(factor).shape) == 1:
                        return f"population {population.name} still scales a weighted operator"
    return ""


NO_SCALE_BEHIND_WEIGHTS = Property("no scale behind a weighted operator", _foldable_scale)


def _pooled_alone(network: m.Network) -> str:
    inputs = {i.name for i in network.inputs}
    for population in network.populations:
        if isinstance(population.neuron, m.MaxPool2d):
            incoming = population.incoming
            plain = len(incoming) == 1 and not incoming[0].ops and population.bias is None
            if not plain or incoming[0].source in inputs:
                return f"max pooling {population.name} does not read one population as it is"
    return ""


PLAIN_MAX_POOL = Property("max pooling reads populations as they are", _pooled_alone)


def _no_exit(network: m.Network) -> str:
    return "the network has an exit already, made for its present heads" if network.exit else ""


NO_EXIT = Property("no exit policy", _no_exit)


def _single_operators(network: m.Network) -> str:
    for population in network.populations:
        if isinstance(population.neuron, m.POOL_NEURONS):
            continue
        for incoming in population.incoming:
            weighted = [o for o in incoming.ops if isinstance(o, (m.Dense, m.Conv2d))]
            views = (m.Flatten, m.Reshape)
            others = [o for o in incoming.ops if o not in weighted and not isinstance(o, views)]
            factors = [o for o in others if isinstance(o, m.Scale) and not _is_tensor(o.factor)]
            if len(weighted) != 1 or others != factors:
                name = population.name
                return f"population {name} does not read {incoming.source} through one operator"
    return ""


def _is_tensor(parameter: m.Parameter) -> bool:
    return isinstance(parameter, m.Ref)


SINGLE_OPERATORS = Property("one weighted operator per connection", _single_operators)


def _timeable(network: m.Network) -> str:
    if network.stage == "ann":
        return ""
    phased = network.stage == "snn" and isinstance(network.schedule, m.Phased)
    return "" if phased else f"the network is at stage {network.stage} and has no phases"


def _timed(network: m.Network) -> str:
    return "" if isinstance(network.schedule, m.Phased) else "the schedule has no phases"


TIMEABLE = Property("stage ann, or stage snn with a schedule of phases", _timeable)
TIMED = Property("a schedule of phases", _timed)
