"""What a run of the reference simulator returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snnc.ir import model
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """How the samples of a run with an exit policy were answered, arrays (N,).

    Attributes:
        step: Time steps until the answer, int64: those in which somebody was asked. Where heads are
            asked in order of depth, the budgets of the heads before and the last one's steps.
        head: The head that answered, int64: its index in the network's heads.
        answer: The class, int64.
        score: The policy's score of that answer, float64.
        sure: Whether the policy was sure, bool; else the step is the last one allowed, or the one
            at which the sample came to rest.
        ran: Head name to the time steps that the head's layers ran, (N,) int64; 0 where they did
            not.
    """

    step: Array
    head: Array
    answer: Array
    score: Array
    sure: Array
    ran: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The result of a run over N samples and T time steps.

    With a schedule `gated`, a sample comes to rest: see `settled`. From then on nothing of it
    changes, so its rows below hold their last values up to step T; a read-out of first spikes goes
    on counting.

    Where an exit policy was executed, see `exits`, a sample's rows hold the values that they had
    when it was answered, spikes and updates after that are not made, and rasters are 0. Layers that
    did not run for a sample hold their initial potentials and read-outs of 0.

    Attributes:
        schedule: In which steps input and bias acted: that of the network.
        steps: T.
        samples: N.
        outputs: Head name to (T, N, K) float64, the cumulative read-out after each step: the
            membrane potential of an integrator, the net spike count times the population's scale,
            or the time steps since the first spike. Images are flattened row by row.
        spike_counts: Population (and spiking input) to net counts (N, *shape), int32; a spike -1
            counts as such. float64 where spikes are graded and a count is not whole.
        spikes: Population to the number of spikes of each sample (N,), int64; a spike of either
            sign counts as one.
        synops: Source to its outgoing synaptic operations (N,), int64: for each spike the non-zero
            synapses that it really meets, so fewer at an image's border, and none into layers that
            do not run the step in which it is sent. A delay does not matter: a spike counts when
            it is sent, even if the run ends before it arrives. A chain of operators counts paths.
        updates: Population to the neuron updates of each sample (N,), int64: its neurons times
            the steps that it ran.
        steps_run: The time steps that each sample needed (N,), int64: T, that of its exit, or for a
            sample that came to rest before them, one more, the silent step that tells.
        settled: For `gated` the step of each sample from which on nothing changes any more (N,),
            int64: the last step in which input or bias acted or a spike was sent or, through a
            delay, arrived. -1 where the run ended before that was certain, and where a potential
            leaks, because it never rests. None for other schedules. Where heads are asked in order
            of depth, it is a step of the last head's layers, whose rest alone counts.
        direct_macs: Multiply-accumulates of each sample that turn analog inputs into currents
            (N,), int64; they are done once, not in every step, and only for layers that run.
        membranes: Population to its final membrane potentials (N, *shape).
        rasters: Recorded population to its spikes (T, N, *shape), int8.
        membrane_traces: Recorded population to its potential after each step (T, N, *shape).
        exits: How each sample was answered; None where no exit policy was executed.
        spike_times: TTFS population to the step of its fire window in which each neuron fired
            (N, *shape), int16 from 0, -1 where it did not; empty for networks without.
    """

    schedule: model.Schedule
    steps: int
    samples: int
    outputs: Mapping[str, Array]
    spike_counts: Mapping[str, Array]
    spikes: Mapping[str, Array]
    synops: Mapping[str, Array]
    updates: Mapping[str, Array]
    steps_run: Array
    settled: Array | None
    direct_macs: Array
    membranes: Mapping[str, Array]
    rasters: Mapping[str, Array]
    membrane_traces: Mapping[str, Array]
    exits: Exits | None = None
    spike_times: Mapping[str, Array] = field(default_factory=dict)

    @property
    def drive(self) -> int:
        """In how many of the steps input and bias acted: what turns read-outs into logits."""
        return self.schedule.drive(self.steps)

    def logits(self, head: str | None = None, step: int | None = None) -> Array:
        """The read-out averaged over the steps with input, in ANN units.

        For rates Rueckauer et al. 2017, section 2.2; for gated input Li, Ma, Furber 2022. Where a
        sample was answered before `step`, the average ends with its answer.

        Args:
            head: Name of the head; the last one if None.
            step: Number of time steps to look at, 1 to T; all if None.

        Returns:
            (N, K) float64.

        Raises:
            KeyError: There is no such head.
            ValueError: The trace does not reach that step.
        """
        name = list(self.outputs)[-1] if head is None else head
        count = self.steps if step is None else step
        if not 1 <= count <= self.steps:
            raise ValueError(f"step {count} is outside 1..{self.steps}")
        outputs = self.outputs[name][count - 1]
        if self.exits is None:
            average: Array = outputs / self.schedule.drive(count)
            return average
        # Layers that did not run have a read-out of 0, whatever it is divided by.
        ran = np.clip(self.exits.ran[name], 1, count)
        driven = np.array([self.schedule.drive(int(steps)) for steps in ran])
        return np.asarray(outputs / driven[:, None])

    def predictions(self, head: str | None = None) -> Array:
        """The class after each step (T, N), int64: the largest read-out, the lowest index first."""
        name = list(self.outputs)[-1] if head is None else head
        classes: Array = self.outputs[name].argmax(axis=2)
        return classes
