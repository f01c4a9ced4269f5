"""Which layers run in which part of a run: all at once, or in order of depth.

A stage is a stretch of time with its own clock, which counts from 1. Order `depth` has one stage
for each head that is asked: it runs the layers that this head needs. Layers that ran before are
ahead; what they sent is kept and read again (`archived`) by those that only start now, so that step
t of a layer always sees step t of its sources.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from snnc.ir import model
from snnc.ir.decide import Decider


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a run.

    Attributes:
        needed: Inputs and populations that run in it.
        limit: Its number of time steps at most.
        asked: Which head of the policy is asked in it; None for all, or where none is.
        last: Whether no other stage follows.
    """

    needed: frozenset[str]
    limit: int
    asked: int | None
    last: bool


@dataclass(frozen=True, slots=True)
class Stages:
    """All parts of a run.

    Attributes:
        stages: In order.
        archived: Sources whose spikes are kept for a later stage, and for how many steps.
    """

    stages: tuple[Stage, ...]
    archived: Mapping[str, int]

    def of(self, name: str) -> frozenset[int]:
        """The stages in which an input or population runs."""
        return frozenset(i for i, stage in enumerate(self.stages) if name in stage.needed)


def one_stage(network: model.Network, steps: int) -> Stages:
    """All layers in every step."""
    names = frozenset(_incoming(network))
    return Stages((Stage(names, steps, None, True),), {})


def plan_stages(network: model.Network, decider: Decider | None, steps: int) -> Stages:
    """The stages of a run of `steps` steps with a policy, or without one."""
    if decider is None or not decider.budgets:
        return one_stage(network, steps if decider is None else decider.deadline(steps))
    limits = [*(min(budget, steps) for budget in decider.budgets), decider.deadline(steps)]
    final = len(limits) - 1
    incoming = _incoming(network)
    stages = tuple(
        Stage(
            network.needed_by(network.heads[head].population), limits[index], index, index == final
        )
        for index, head in enumerate(decider.asked)
    )
    return Stages(stages, _archived(incoming, stages))


def _incoming(network: model.Network) -> Mapping[str, tuple[str, ...]]:
    """Every input and population with its sources."""
    inputs: dict[str, tuple[str, ...]] = {entry.name: () for entry in network.inputs}
    return inputs | {p.name: tuple(i.source for i in p.incoming) for p in network.populations}


def _archived(incoming: Mapping[str, Collection[str]], stages: tuple[Stage, ...]) -> dict[str, int]:
    """Sources that are ahead of one of their readers when a stage begins, and their last steps."""
    clocks = dict.fromkeys(incoming, 0)
    found: set[str] = set()
    for stage in stages:
        for name in stage.needed:
            found.update(source for source in incoming[name] if clocks[source] > clocks[name])
        for name in stage.needed:
            clocks[name] = max(clocks[name], stage.limit)
    # Nothing that is sent in the last stage is kept.
    return {
        name: max(stage.limit for stage in stages[:-1] if name in stage.needed)
        for name in sorted(found)
    }
