"""Accuracy, agreement, spikes and per-layer errors of a spiking network on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from snnc.backends.base import Runner
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.evaluation.comparing import Comparison
from snnc.evaluation.costs import CostSums
from snnc.evaluation.energy import estimates
from snnc.evaluation.exit_measure import ExitMeasure, cost_of
from snnc.evaluation.exits import ExitMode, ExitReport, exit_mode
from snnc.evaluation.inputs import (
    affordable_batch,
    first_samples,
    mean_input,
    sample_count,
    wanted_steps,
)
from snnc.evaluation.judge import Judge
from snnc.evaluation.levels import level_notes, levels_of
from snnc.evaluation.notes import exit_notes, network_notes, rest_notes
from snnc.evaluation.phase_notes import phase_notes, saving_notes
from snnc.evaluation.phases import timed_spikes
from snnc.evaluation.quantisation import QuantisationMeter, compared_samples
from snnc.evaluation.reference import AnnReference, head_values
from snnc.evaluation.result import Evaluation
from snnc.evaluation.settling import Settling, SettlingSums
from snnc.ir import model as m
from snnc.ir.interpret import network_macs
from snnc.ir.tensors import Array

LAYER_SAMPLES = 256
"""Layer measures that need ANN activations are taken on the first samples, this many."""

ProgressSink = Callable[[str, int, int], None]


class Samples(Protocol):
    """A data set as evaluation reads it."""

    def __len__(self) -> int: ...

    def batches(self, size: int) -> Iterator[tuple[Array, Array | None]]:
        """Batches of inputs (n, *shape) float32, each with labels (n,) or None.

        For an input coded as events they are (T, n, *shape), and an attribute `steps` is T.
        """


@dataclass(slots=True)
class _Tally:
    """Counts that grow with every batch; `correct` by time step, or once with exits only."""

    samples: int = 0
    labelled: int = 0
    correct: Array | int = 0
    ann_correct: int = 0
    agree: int = 0
    settling: SettlingSums | None = None


def evaluate_network(
    network: m.Network,
    data: Samples,
    *,
    ann: AnnReference | None = None,
    quantised: AnnReference | None = None,
    fractions: m.Network | None = None,
    steps: int | None = None,
    batch: int | None = None,
    layer_samples: int = LAYER_SAMPLES,
    dtype: str | None = None,
    exits: ExitMode = "compare",
    simulator: Runner | None = None,
    progress: ProgressSink | None = None,
) -> Evaluation:
    """Run a spiking network over a data set and compare it with its ANN.

    Args:
        network: at stage snn or fixed, with one input.
        data: samples of the network's input shape, labels if accuracies are wanted.
        ann: what to compare with; without it the measures that need one are None.
        quantised: the quantised ANN whose integers the spike counts equal at rest, where it is
            not `ann` itself (a network that a pass quantised).
        fractions: what an integer network was made from; what whole numbers cost is then measured
            on the first samples, `compared_samples` of them.
        steps: time steps, by default those of the events or of the network's schedule.
        batch: samples per batch, by default chosen by the network's size; memory grows with it,
            results do not depend on it.
        layer_samples: how many samples the layer measures against the ANN use.
        dtype: what the simulator computes in, as `Simulator` takes it; with `float64` the ANN is
            given the samples in that precision too.
        exits: of a network with an exit policy: `compare` measures the full-length run and puts
            the run with exits beside it in `Evaluation.exit`; `run` makes the run with exits only,
            so that accuracy, steps and spikes are those with exits, and what needs a full-length
            run is missing; `off` measures as if there were no policy.
        simulator: what runs the network; None takes the reference simulator.
        progress: called now and then with (label, done, total).

    Raises:
        InputError: a label is outside the classes (SN926), or there is no sample (SN927).
        UsageError: `exits` is none of the three (SN923), or `run` is asked of a network that has
            no exit policy (SN945).
    """
    if len(data) == 0:
        raise InputError(Diagnostic("SN927", "the evaluation data holds no sample"))
    mode = _mode(network, exits)
    simulator = simulator or Simulator(network, dtype=dtype)
    total_steps = wanted_steps(network, data, steps)
    if total_steps is None:
        text = f"network {network.name} is at stage {network.stage} and has no schedule to run"
        raise InputError(Diagnostic("SN933", text, help="compile it, or add --passes to-spiking"))
    measured = _Measured(network, ann, quantised, total_steps, mode)
    cost = None if fractions is None or mode == "run" else QuantisationMeter(network, fractions)
    costed = 0
    if fractions is not None:
        costed = compared_samples(fractions, total_steps, layer_samples)
    known_labels = getattr(data, "labels", None)
    if known_labels is not None:
        measured.judge.check(known_labels, 0)
    tally = measured.tally
    for given, labels in data.batches(batch or affordable_batch(network)):
        values = given.astype(np.float64) if simulator.dtype == "float64" else given
        before, count = tally.samples, sample_count(network, values)
        x = mean_input(network, values)
        logits = measured.logits(x)
        runs = measured.runs
        for index, with_exits in enumerate(runs):
            span = _Span(before + count * index / len(runs), count / len(runs), len(data))
            trace = simulator.run(
                values,
                steps=total_steps,
                first=before,
                exits=with_exits,
                progress=_within_batch(progress, span),
            )
            part = x[: max(0, min(count, layer_samples - before))]
            measured.count(trace, labels, logits, part)
            left = min(count, costed - before)
            if cost is not None and trace.exits is None and left > 0:
                cost.compare(trace, first_samples(network, values, left), labels)
            del trace  # the next run needs its memory
    found = measured.result(
        tuple(getattr(data, "notes", ())), min(layer_samples, tally.samples), simulator.dtype
    )
    return found if cost is None else replace(found, quantisation=cost.result())


def _mode(network: m.Network, exits: str) -> ExitMode:
    """The mode of an evaluation, refused where the network has no exits to run.

    Raises:
        UsageError: SN923, SN945.
    """
    mode = exit_mode(exits)
    if mode == "run" and network.exit is None:
        text = f"network {network.name} has no exit policy, so it cannot run with exits"
        cure = "compile it with --exit, or leave --exits out"
        raise UsageError(Diagnostic("SN945", text, where="--exits run", help=cure))
    return mode


class _Span(NamedTuple):
    """Which part of the work a run is, in samples: where it starts, how long it is, and of what."""

    start: float
    size: float
    total: int


def _within_batch(progress: ProgressSink | None, span: _Span) -> Callable[[int, int], None] | None:
    """Progress over the whole data set from the simulator's progress in one run."""
    if progress is None:
        return None
    sink, (start, size, total) = progress, span
    sink("evaluating", int(start), total)
    return lambda done, work: sink(
        "evaluating", int(start + size * done / max(work, 1) + 1e-9), total
    )


class _Measured:
    """What is gathered run by run, and the evaluation made of it.

    `runs` says of each run of a batch whether it is made with exits. The first one gives the main
    measures.
    """

    def __init__(
        self,
        network: m.Network,
        ann: AnnReference | None,
        quantised: AnnReference | None,
        steps: int,
        exits: ExitMode,
    ) -> None:
        self.network = network
        self.ann = ann
        self.steps = steps
        self.judge = Judge(network)
        self.tally = _Tally()
        self.costs = CostSums(network)
        only = exits == "run"
        self.compared = Comparison(network, *((None, None) if only else (ann, quantised)))
        self.exits = None
        if network.exit is not None and exits != "off":
            self.exits = ExitMeasure(network, ann, full=not only)
        self.runs = (True,) if only else (False,) if self.exits is None else (False, True)

    def logits(self, x: Array) -> dict[str, Array]:
        """The ANN's values of all heads that are compared, for what it is given; {} without it."""
        if self.ann is None:
            return {}
        others = () if self.exits is None else self.exits.ann_heads
        return head_values(self.ann, x, (self.judge.head.name, *others))

    def count(
        self, trace: Trace, labels: Array | None, logits: Mapping[str, Array], compared: Array
    ) -> None:
        """Add a run of a batch.

        Args:
            trace: what the network did.
            labels: of the batch.
            logits: the ANN's, by head.
            compared: what the ANN is given for those samples whose layers are compared with its.
        """
        if self.exits is not None:
            self.exits.count(trace, labels, logits)
        if (trace.exits is not None) != self.runs[0]:
            return
        self._answers(trace, labels, logits)
        self.tally.samples += trace.samples
        self.costs.add(trace)
        if trace.settled is not None and trace.exits is None:
            self.tally.settling = self.tally.settling or SettlingSums()
            self.tally.settling.add(trace.settled)
        self.compared.count(trace)
        if trace.exits is None:
            self.compared.compare(trace, compared)

    def _answers(self, trace: Trace, labels: Array | None, logits: Mapping[str, Array]) -> None:
        tally, head = self.tally, self.judge.head.name
        if trace.exits is None:
            classes = self.judge.classify(trace.outputs[head])
        else:
            classes = trace.exits.answer[None]
        expected = self.judge.classify(logits[head]) if logits else None
        if labels is not None:
            self.judge.check(labels, tally.samples)
            tally.labelled += len(labels)
            tally.correct = tally.correct + (classes == labels[None, :]).sum(axis=1)
            if expected is not None:
                tally.ann_correct += int((expected == labels).sum())
        if expected is not None:
            tally.agree += int((classes[-1] == expected).sum())

    def result(self, notes: tuple[str, ...], layer_samples: int, precision: str) -> Evaluation:
        """The evaluation of everything added so far."""
        tally, ann, steps = self.tally, self.ann, self.steps
        labelled = tally.labelled
        accuracies = (
            tuple(float(c / labelled) for c in np.atleast_1d(tally.correct)) if labelled else ()
        )
        known = None if ann is None else ann.network
        counts = self.costs.operations(None if known is None else network_macs(known))
        settled = None if tally.settling is None else tally.settling.result()
        mean_steps = self._mean_steps()
        found = None
        if self.exits is not None:
            found = self.exits.report(
                None if self.runs[0] else cost_of(mean_steps, self.costs, counts),
                accuracies,
                tally.settling,
            )
        return Evaluation(
            samples=tally.samples,
            steps=steps,
            mean_steps=mean_steps,
            ann_accuracy=tally.ann_correct / labelled if labelled and ann is not None else None,
            snn_accuracy=accuracies[-1] if accuracies else None,
            agreement=None if ann is None else tally.agree / tally.samples,
            accuracy_by_step=() if self.runs[0] else accuracies,
            spikes_per_sample=counts.spikes,
            synops_per_sample=counts.synops,
            updates_per_sample=counts.updates,
            ann_macs=None if known is None else network_macs(known),
            ann_engine=None if ann is None else ann.engine,
            layers=self.compared.layers(mean_steps),
            layer_samples=layer_samples if ann is not None and not self.runs[0] else 0,
            energy_estimates=tuple(e.as_dict() for e in estimates(counts)),
            notes=(*notes, *self._notes(settled, found)),
            settled=settled,
            exactness=self.compared.exactness(precision),
            levels=levels_of(self.network, known),
            exit=found,
            phases=timed_spikes(self.network, self.costs.spikes()),
        )

    def _notes(self, settled: Settling | None, found: ExitReport | None) -> Iterator[str]:
        """What to know beside the figures."""
        network, ann = self.network, self.ann
        yield from network_notes(
            network, ann, self.steps, labelled=self.tally.labelled > 0, runs=self.runs
        )
        yield from rest_notes(network, settled, self.steps)
        yield from phase_notes(network, self.steps, self.costs.spikes())
        yield from level_notes(network, None if ann is None else ann.network, self.steps)
        if found is not None:
            yield from exit_notes(network, found)
            yield from saving_notes(network, found)

    def _mean_steps(self) -> float:
        """Mean time steps of a sample in the run of the main measures."""
        if self.exits is not None and self.runs[0]:
            return self.exits.mean_steps
        settling = self.tally.settling
        return float(self.steps) if settling is None else settling.mean_steps(self.steps)
