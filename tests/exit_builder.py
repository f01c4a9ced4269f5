"""Random classifiers and valid exit policies for the networks of `network_builder`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.ir import model as m
from snnc.ir.answers import class_count, is_scaled
from snnc.ir.exits import NEVER

if TYPE_CHECKING:
    from network_builder import Builder

LIMITS = (0.1, 0.5, 0.6, 0.95, 1.0, 7.25, float("inf"), float("-inf"), 0.0, -1e-05)
POSITIVE = (0.5, 1.0, 30.0, 1 / 3)
ODD_POSITIVE = (1e16, 1.5e300, 1e-300)
POLICIES = ("confidence", "margin", "entropy", "patience", "fixed")
INTEGERS = ("integer_margin", "integer_confidence")
LEADS = (-1, 0, 3, 50, 1000, NEVER)
SUMS = (0, 7, 100, 150, 10**6, NEVER)


def add_classifiers(builder: Builder) -> None:
    """One to three populations of one size, whose spikes `bayes` can count."""
    size = builder.integer(2, 5)
    for _ in range(builder.integer(1, 3)):
        source = builder.source()
        builder.populations.append(
            m.Population(
                name=builder.name(),
                shape=(size,),
                neuron=m.IF(builder.number()),
                scale=builder.pick((1.0, 0.25, builder.pick(builder.floats))),
                incoming=(m.Incoming(source.name, builder.adapter(source.shape, (size,))),),
            )
        )


def random_exit(builder: Builder, network: m.Network) -> m.ExitPolicy:
    """A policy that fits the network's heads and schedule; its tensors go to the builder."""
    last = network.heads[-1]
    size = class_count(network, last)
    asked = [h for h in network.heads[:-1] if class_count(network, h) == size and builder.often()]
    counting = [h for h in (*asked, last) if _counts(network, h)]
    if counting[-1:] == [last] and len(counting) > 1 and builder.often():
        return _bayes(builder, network, [h.name for h in counting])
    whole = all(_one_unit(builder, network, h) for h in (*asked, last))
    kind = builder.pick((*POLICIES, *INTEGERS) if whole else POLICIES)
    if kind == "fixed":
        steps = _steps(network)
        return m.Fixed(head=builder.pick([*asked, last]).name, step=builder.integer(1, steps))
    # A policy may ask internal heads only; then the last one answers for those that nobody knows.
    internal = len(asked) > 0 and builder.rarely()
    heads = asked if internal else [*asked, last]
    return _asking(builder, network, kind, tuple(h.name for h in heads), internal)


def _steps(network: m.Network) -> int:
    assert network.schedule is not None
    return network.schedule.steps


def _counts(network: m.Network, head: m.Head) -> bool:
    """Whether `bayes` can read the head."""
    population = network.population(head.population)
    return (
        isinstance(network.schedule, m.Synchronous)
        and isinstance(head.readout, m.SpikeCount)
        and isinstance(population.neuron, m.IF)
        and population.neuron.negative_spikes == "none"
        and isinstance(population.scale, float)
        and len(population.shape) == 1
        and population.shape[0] > 1
    )


def _one_unit(builder: Builder, network: m.Network, head: m.Head) -> bool:
    """Whether an integer policy can read the head."""
    population = network.population(head.population)
    if network.stage != "fixed":
        return False
    if not is_scaled(population, head) or isinstance(population.scale, float):
        return True
    values = builder.arrays[population.scale.name]
    return bool(values.min() == values.max() > 0)


def _range(builder: Builder, steps: int) -> dict[str, Any]:
    """The first and the last step."""
    first = 1 if builder.often() else builder.integer(1, steps)
    last = builder.pick((None, builder.integer(first, steps)))
    return {"first_step": first, "last_step": last}


def _asking(
    builder: Builder, network: m.Network, kind: str, heads: tuple[str, ...], internal: bool
) -> m.ExitPolicy:
    steps = _steps(network)
    common: dict[str, Any] = {"heads": heads, **_range(builder, steps)}
    if len(heads) > 1 and not internal and builder.often():
        common["order"] = "depth"
        common["budgets"] = tuple(builder.integer(1, steps) for _ in heads[1:])
    if kind == "patience":
        return m.Patience(repeats=tuple(builder.integer(1, 9) for _ in heads), **common)
    if kind == "integer_margin":
        return m.IntegerMargin(limits=tuple(builder.pick(LEADS) for _ in heads), **common)
    if kind == "integer_confidence":
        return m.IntegerConfidence(
            shifts=tuple(builder.integer(0, 4) for _ in heads),
            tables=_tables(builder, len(heads)),
            limits=tuple(builder.pick(SUMS) for _ in heads),
            **common,
        )
    made = {"confidence": m.Confidence, "margin": m.Margin, "entropy": m.Entropy}[kind]
    positive = (*POSITIVE, *ODD_POSITIVE) if builder.odd else POSITIVE
    return made(
        alpha=builder.pick(positive),
        temperatures=tuple(builder.pick(POSITIVE) for _ in heads),
        thresholds=tuple(builder.pick(LIMITS) for _ in heads),
        **common,
    )


def _tables(builder: Builder, heads: int) -> m.Ref:
    """Falling weights from at least 1 to 0."""
    columns = builder.integer(1, 6)
    rows = []
    for _ in range(heads):
        falling = [builder.integer(1, 99)]
        for _ in range(columns - 1):
            falling.append(builder.integer(0, falling[-1]))
        rows.append([*falling, 0])
    name = f"{len(builder.arrays)}.tables"
    builder.arrays[f"t{name}"] = np.array(rows, np.int64)
    return m.Ref(f"t{name}")


def _bayes(builder: Builder, network: m.Network, heads: list[str]) -> m.Bayes:
    steps = _steps(network)
    strength = builder.tensor((len(heads) - 1, steps), "strength", low=0)
    dispersion = builder.tensor((steps,), "dispersion", low=0)
    return m.Bayes(
        heads=tuple(heads),
        strength=strength,
        threshold=builder.pick(LIMITS),
        dispersion=builder.pick((1.0, 0.0, 0.25, dispersion)),
        **_range(builder, steps),
    )
