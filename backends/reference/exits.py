"""Executing a network's exit policy on a group of samples: who is answered now, and leaves.

A policy is asked after every single time step. Blocks of several steps are run only before the
first step in which anybody can be sure, so nothing that a sample does after its exit is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from snnc.backends.reference.handover import Block, Departure
from snnc.backends.reference.results import Results
from snnc.backends.reference.stages import Stage, Stages, plan_stages
from snnc.ir import model
from snnc.ir.decide import Decider, Verdict
from snnc.ir.tensors import Array


class AnySession(Protocol):
    """What exits need of a session: see `Session`."""

    time: int
    rows: Array

    @property
    def passed(self) -> int:
        """Steps of the stages before."""

    @property
    def samples(self) -> int:
        """Number of samples in flight."""

    def begin(self, stage: Stage) -> None:
        """Start a stage."""

    def level(self, steps: int) -> int:
        """How many of the next `steps` steps can be one block."""

    def advance(self, steps: int) -> Block:
        """Run `steps` time steps."""

    def resting_from(self) -> Array | None:
        """The last step in which each sample changed, where that is known."""

    def at_rest(self) -> Array:
        """Which samples can never change again."""

    def keep(self, mask: Array) -> Departure:
        """Go on with some samples only."""

    def finish(self) -> Departure:
        """All samples leave."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What all groups of a run do: its stages, and the policy that ends them early, if any."""

    stages: Stages
    decider: Decider | None

    def most_steps(self, stage: Stage, session: AnySession, block: int) -> int:
        """The time steps of the next block, at most `block`."""
        steps = session.level(min(block, stage.limit - session.time))
        if self.decider is None:
            return steps
        return max(1, min(steps, earliest(self.decider) - session.time))


def plan_course(network: model.Network, steps: int, exits: bool) -> Course:
    """The course of a run of `steps` steps; `exits` says whether a policy is executed."""
    decider = Decider(network) if exits and network.exit is not None else None
    return Course(plan_stages(network, decider, steps), decider)


def earliest(decider: Decider) -> int:
    """The first step in which a head can be sure."""
    policy = decider.policy
    if isinstance(policy, model.Fixed):
        return policy.step
    opens = min(window.start for window in decider.windows)
    if isinstance(policy, model.Patience):
        return max(policy.first_step, opens - 1 + min(policy.repeats))
    return max(policy.first_step, opens)


class Visit:
    """One group of samples on its course."""

    def __init__(self, course: Course, session: AnySession, results: Results, group: range) -> None:
        self._session = session
        self._results = results
        self._group = group
        self._decider = course.decider
        if self._decider is not None:
            heads = self._decider.heads
            self._asker = self._decider.begin(session.samples)
            asked = {*self._decider.asked, len(heads) - 1}
            self._read = [heads[index].name for index in sorted(asked)]

    def take(self, stage: Stage, block: Block) -> int:
        """Note a block, and let those leave that are done; how many these are."""
        self._results.put_block(self._group, block)
        staying = ~self._session.at_rest() if self._decider is None else self._ask(stage, block)
        leaving = len(staying) - int(np.count_nonzero(staying))
        if leaving:
            self._results.put_departure(self._group, self._session.keep(staying))
        return leaving

    def _ask(self, stage: Stage, block: Block) -> Array:
        """Which samples (n,) go on after the block."""
        places = np.arange(len(block.rows))
        last = self._session.resting_from()
        for step in range(block.start + 1, self._session.time + 1):
            if last is not None:
                places = self._let_rest(places, last[places] < step, step, block.rows)
            if len(places):
                places = self._let_go(stage, places, step, block.rows)
        staying = np.zeros(len(block.rows), np.bool_)
        staying[places] = True
        return staying

    def _let_rest(self, places: Array, resting: Array, step: int, rows: Array) -> Array:
        """Answer for samples that came to rest before `step`; who is left.

        Nothing changes for them any more, so they were never surer than in the step before.
        """
        if resting.any():
            numbers = self._group.start + rows[places]
            outputs = self._results.read_outs(self._read, step - 1, numbers)
            verdict = self._asker.final(step - 1, outputs)
            self._answer(numbers, resting, self._session.passed + step - 1, verdict)
            self._asker.keep(~resting)
        return places[~resting]

    def _let_go(self, stage: Stage, places: Array, step: int, rows: Array) -> Array:
        """Ask about samples after `step`, and answer for those that stop; who is left."""
        assert self._decider is not None
        numbers = self._group.start + rows[places]
        outputs = self._results.read_outs(self._read, step, numbers)
        verdict = self._asker.ask(step, outputs, stage.asked)
        stopping = verdict.sure
        self._answer(numbers, stopping, self._session.passed + step, verdict)
        if stage.last and step == stage.limit:
            verdict = self._asker.final(step, outputs)
            self._answer(numbers, ~stopping, self._session.passed + step, verdict)
            return places[:0]
        self._asker.keep(~stopping)
        return places[~stopping]

    def _answer(self, numbers: Array, which: Array, steps: int, verdict: Verdict) -> None:
        if which.any():
            part = Verdict(*(getattr(verdict, n)[which] for n in Verdict.__dataclass_fields__))
            self._results.put_answers(numbers[which], steps, part)
