"""A small spiking network with two heads, its exit policies, and every way to break one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from snnc.ir import model as m

STEPS = 8
CLASSES = 3
BOTH = ("early", "final")
INF = float("inf")
NAN = float("nan")

CONFIDENCE = m.Confidence(heads=BOTH, alpha=4.0, temperatures=(1.0, 2.0), thresholds=(0.6, 0.7))
MARGIN = m.Margin(heads=BOTH, alpha=4.0, temperatures=(1.0, 2.0), thresholds=(0.5, 0.25))
ENTROPY = m.Entropy(heads=BOTH, alpha=4.0, temperatures=(1.0, 2.0), thresholds=(0.2, 0.1))
PATIENCE = m.Patience(heads=BOTH, repeats=(3, 2))
FIXED = m.Fixed(head="final", step=5)
BAYES = m.Bayes(heads=BOTH, strength=m.Ref("strength"), threshold=0.75)
INTEGER_MARGIN = m.IntegerMargin(heads=BOTH, limits=(3, 2))
INTEGER_CONFIDENCE = m.IntegerConfidence(
    heads=BOTH, shifts=(0, 1), tables=m.Ref("tables"), limits=(150, 140)
)
TABLES = [[100, 60, 36, 22, 0], [100, 37, 14, 0, 0]]
DEPTH = replace(CONFIDENCE, order="depth", budgets=(4,))


def spiking(classes: int = CLASSES, heads: tuple[str, ...] = BOTH) -> m.Network:
    """x -> hidden -> a head each, which counts spikes; 8 steps, no exit yet."""
    populations = [
        m.Population("hidden", (4,), m.IF(), incoming=(m.Incoming("x", (m.Dense(m.Ref("w")),)),))
    ]
    arrays: dict[str, Any] = {"w": np.eye(4, dtype=np.float32)}
    for name in heads:
        weight = m.Dense(m.Ref(f"{name}.w"))
        arrays[f"{name}.w"] = np.ones((classes, 4), np.float32)
        incoming = (m.Incoming("hidden", (weight,)),)
        populations.append(
            m.Population(f"{name}_", (classes,), m.IF(), scale=0.5, incoming=incoming)
        )
    network = m.Network(
        name="exits",
        stage="snn",
        inputs=(m.Input("x", "f32", (4,)),),
        populations=tuple(populations),
        heads=tuple(m.Head(name, f"{name}_", m.SpikeCount()) for name in heads),
        schedule=m.Synchronous(STEPS),
    )
    return network.with_arrays(arrays)


def bayesian(policy: m.Bayes = BAYES, **arrays: Any) -> m.Network:
    """The network with `bayes`; its strength is 1 in each step unless given."""
    tables = {"strength": np.ones((1, STEPS)), **arrays}
    return replace(spiking(), exit=policy).with_arrays(tables)


def whole(policy: m.ExitPolicy | None = INTEGER_CONFIDENCE, **arrays: Any) -> m.Network:
    """The network at stage fixed, with any policy."""
    network = replace(fixed(spiking()), exit=policy)
    tables = {"tables": np.array(TABLES)} if isinstance(policy, m.IntegerConfidence) else {}
    return network.with_arrays({**tables, **arrays})


def fixed(network: m.Network) -> m.Network:
    """A network whose weights are whole numbers, at stage fixed."""
    weights = {name: network.array(m.Ref(name)).astype(np.int8) for name in network.tensors}
    return replace(network, stage="fixed").with_arrays(weights)


def with_exit(policy: m.ExitPolicy | None) -> m.Network:
    """The network with any policy."""
    if isinstance(policy, m.IntegerMargin | m.IntegerConfidence):
        return whole(policy)
    return bayesian(policy) if isinstance(policy, m.Bayes) else replace(spiking(), exit=policy)


# ---- breakages ---------------------------------------------------------------------------------


def _changed(policy: Any, **changes: Any) -> Callable[[m.Network], m.Network]:
    return lambda _network: with_exit(replace(policy, **changes))


def _bayes(**arrays: Any) -> Callable[[m.Network], m.Network]:
    return lambda _network: bayesian(**arrays)


def _phi(values: Any) -> Callable[[m.Network], m.Network]:
    policy = replace(BAYES, dispersion=m.Ref("phi"))
    return lambda _network: bayesian(policy, phi=np.asarray(values))


def _tables(values: Any, dtype: Any = np.int64) -> Callable[[m.Network], m.Network]:
    return lambda _network: whole(tables=np.asarray(values, dtype))


def _unfit(_network: m.Network) -> m.Network:
    """A spiking network with a policy for whole numbers."""
    return replace(spiking(), exit=INTEGER_MARGIN)


def _whole_head(
    index: int, policy: m.ExitPolicy = INTEGER_CONFIDENCE, **changes: Any
) -> Callable[[m.Network], m.Network]:
    def change(_network: m.Network) -> m.Network:
        network = whole(policy, scale=np.array([1.0, 1.0, 2.0], np.float32))
        populations = list(network.populations)
        populations[index + 1] = replace(populations[index + 1], **changes)
        return replace(network, populations=tuple(populations))

    return change


def _head(index: int, **changes: Any) -> Callable[[m.Network], m.Network]:
    """Other fields of the population that a head of the network with `bayes` reads."""

    def change(_network: m.Network) -> m.Network:
        network = bayesian()
        populations = list(network.populations)
        populations[index + 1] = replace(populations[index + 1], **changes)
        return replace(network, populations=tuple(populations))

    return change


def _ann(_network: m.Network) -> m.Network:
    return replace(with_exit(CONFIDENCE), stage="ann", schedule=None)


def _gated(_network: m.Network) -> m.Network:
    return replace(bayesian(), schedule=m.Gated(STEPS, 4))


def _another_last_head(_network: m.Network) -> m.Network:
    return replace(spiking(heads=("early", "final", "last")), exit=DEPTH)


def _membranes(_network: m.Network) -> m.Network:
    heads = tuple(replace(head, readout=m.Membrane()) for head in spiking().heads)
    return replace(bayesian(), heads=heads)


def _more_classes(_network: m.Network) -> m.Network:
    network = spiking()
    populations = (*network.populations[:2], spiking(classes=4).populations[2])
    changed = replace(network, populations=populations, exit=CONFIDENCE)
    return changed.with_arrays({"final.w": np.ones((4, 4), np.float32)})


def _scaled_per_class(network: m.Network) -> m.Network:
    scaled = _head(1, scale=m.Ref("scale"))(network)
    return scaled.with_arrays({"scale": np.array([1.0, 1.0, 2.0], np.float32)})


def _one_neuron(_network: m.Network) -> m.Network:
    network = replace(spiking(classes=1), exit=BAYES)
    return network.with_arrays({"strength": np.ones((1, STEPS))})


EARLY_ONLY = m.IntegerMargin(heads=("early",), limits=(0,))
ONLY_LAST: dict[str, Any] = {"heads": ("final",), "temperatures": (1.0,), "thresholds": (0.5,)}

# What is done to a sound network of stage snn, the code, and words of the message.
BREAKAGES: list[tuple[Callable[[m.Network], m.Network], str, str]] = [
    (_ann, "SN420", "has no time"),
    (_changed(CONFIDENCE, heads=(), temperatures=(), thresholds=()), "SN421", "asks no head"),
    (_changed(CONFIDENCE, heads=("early", "fnal")), "SN421", "asks head fnal"),
    (_changed(CONFIDENCE, heads=("final", "early")), "SN421", "network's order"),
    (_changed(CONFIDENCE, heads=("final", "final")), "SN421", "each once"),
    (_changed(FIXED, head="x"), "SN421", "asks head x"),
    (_changed(BAYES, heads=("early",)), "SN421", "must be final"),
    (_another_last_head, "SN421", "must be last"),
    (_changed(CONFIDENCE, thresholds=(0.5,)), "SN422", "1 thresholds are given for 2 heads"),
    (_changed(ENTROPY, temperatures=(1.0,) * 3), "SN422", "3 temperatures are given for 2 heads"),
    (_changed(PATIENCE, repeats=()), "SN422", "0 repeats are given for 2 heads"),
    (_changed(CONFIDENCE, budgets=(3,)), "SN422", "order=time takes 0"),
    (_changed(DEPTH, budgets=()), "SN422", "order=depth takes 1"),
    (_changed(DEPTH, budgets=(), **ONLY_LAST), "SN422", "there is only one"),
    (_changed(CONFIDENCE, alpha=0.0), "SN423", "alpha is 0.0"),
    (_changed(MARGIN, alpha=INF), "SN423", "alpha is inf"),
    (_changed(MARGIN, temperatures=(1.0, -1.0)), "SN423", "temperature is -1.0"),
    (_changed(ENTROPY, alpha=1e-300, temperatures=(1.0, 1e-300)), "SN423", "product of alpha"),
    (_changed(PATIENCE, repeats=(1, 0)), "SN423", "number of repeats is 0"),
    (_changed(CONFIDENCE, thresholds=(0.5, NAN)), "SN423", "no number"),
    (_changed(BAYES, threshold=NAN), "SN423", "no number"),
    (_changed(BAYES, dispersion=-0.5), "SN423", "dispersion is -0.5"),
    (_changed(BAYES, dispersion=INF), "SN423", "dispersion is inf"),
    (_changed(FIXED, step=0), "SN424", "step of the exit is 0"),
    (_changed(FIXED, step=STEPS + 1), "SN424", "step of the exit is 9, not within 1 to 8"),
    (_changed(MARGIN, first_step=0), "SN424", "first_step of the exit is 0"),
    (_changed(BAYES, first_step=STEPS + 1), "SN424", "first_step of the exit is 9"),
    (_changed(PATIENCE, first_step=4, last_step=3), "SN424", "last_step of the exit is 3"),
    (_changed(PATIENCE, last_step=STEPS + 1), "SN424", "last_step of the exit is 9"),
    (_changed(DEPTH, budgets=(0,)), "SN424", "budget 1 of the exit is 0"),
    (_changed(DEPTH, budgets=(STEPS + 1,)), "SN424", "budget 1 of the exit is 9"),
    (_more_classes, "SN425", "early 3, final 4"),
    (_changed(BAYES, heads=("final",)), "SN426", "needs an internal one"),
    (_gated, "SN426", "as many input steps"),
    (_membranes, "SN426", "spike count of head early"),
    (_head(0, neuron=m.IF(negative_spikes="retract")), "SN426", "spike count of head early"),
    (_head(1, neuron=m.Integrator()), "SN426", "spike count of head final"),
    (_one_neuron, "SN426", "head early has one"),
    (_scaled_per_class, "SN426", "head final weighs them"),
    (_head(0, scale=0.0), "SN426", "head early weighs them"),
    (_bayes(strength=np.ones((2, STEPS))), "SN427", "shape [2, 8], not [1, 8]"),
    (_bayes(strength=np.ones(STEPS)), "SN427", "shape [8], not [1, 8]"),
    (_bayes(strength=np.full((1, STEPS), -1.0)), "SN427", "strength of the exit holds -1,"),
    (_bayes(strength=np.full((1, STEPS), 1e13)), "SN427", "strength of the exit holds 1e+13,"),
    (_phi(np.ones(STEPS - 1)), "SN427", "dispersion of the exit has shape [7], not [8]"),
    (_phi(np.linspace(-1, 1, STEPS)), "SN427", "dispersion of the exit holds -1,"),
    (_changed(INTEGER_MARGIN, limits=(1,)), "SN422", "1 limits are given for 2 heads"),
    (_changed(INTEGER_CONFIDENCE, shifts=()), "SN422", "0 shifts are given for 2 heads"),
    (_changed(INTEGER_CONFIDENCE, last_step=STEPS + 1), "SN424", "last_step of the exit is 9"),
    (_unfit, "SN428", "read-outs of stage snn are none"),
    (_whole_head(0, scale=m.Ref("scale")), "SN428", "head early counts one unit"),
    (_whole_head(1, scale=0.0), "SN428", "head final counts one unit"),
    (_whole_head(1, EARLY_ONLY, scale=m.Ref("scale")), "SN428", "head final counts one unit"),
    (_changed(INTEGER_MARGIN, limits=(-2, 0)), "SN429", "limit of the exit is -2, not within -1"),
    (_changed(INTEGER_MARGIN, limits=(0, 2**53 + 1)), "SN429", "limit of the exit is 9007199254"),
    (
        _changed(INTEGER_CONFIDENCE, limits=(-1, 0)),
        "SN429",
        "limit of the exit is -1, not within 0",
    ),
    (_changed(INTEGER_CONFIDENCE, shifts=(0, -1)), "SN429", "shift of the exit is -1"),
    (_changed(INTEGER_CONFIDENCE, shifts=(63, 0)), "SN429", "shift of the exit is 63"),
    (_tables(TABLES[:1]), "SN429", "shape [1, 5]"),
    (_tables(TABLES[0]), "SN429", "shape [5]"),
    (_tables([[0], [0]]), "SN429", "shape [2, 1]"),
    (_tables(TABLES, np.int32), "SN429", "hold i32"),
    (_tables(TABLES, np.float64), "SN429", "hold f64"),
    (_tables([[5, 0], [0, 0]]), "SN429", "head final begins with 0"),
    (_tables([[5, 1], [5, 0]]), "SN429", "head early ends with 1"),
    (_tables([[5, 4, 0], [5, 6, 0]]), "SN429", "head final rises"),
    (_tables([[5, -1, 0], [5, 1, 0]]), "SN429", "head early rises"),
    (_tables([[2**31, 0], [1, 0]]), "SN429", "head early begins with 2147483648"),
]
