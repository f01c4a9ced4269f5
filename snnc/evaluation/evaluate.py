"""Accuracy, agreement, spikes and per-layer errors of a spiking network on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.diagnostics import Diagnostic, InputError
from snnc.evaluation.comparing import Comparison
from snnc.evaluation.energy import OperationCounts, estimates
from snnc.evaluation.inputs import affordable_batch, mean_input, sample_count, wanted_steps
from snnc.evaluation.judge import Judge
from snnc.evaluation.levels import level_notes, levels_of
from snnc.evaluation.notes import network_notes, rest_notes
from snnc.evaluation.reference import AnnReference
from snnc.evaluation.result import Evaluation
from snnc.evaluation.settling import SettlingSums
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
    """Counts that grow with every batch."""

    samples: int = 0
    labelled: int = 0
    correct: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ann_correct: int = 0
    agree: int = 0
    spikes: int = 0
    synops: int = 0
    updates: int = 0
    direct_macs: int = 0
    settling: SettlingSums | None = None


def evaluate_network(
    network: m.Network,
    data: Samples,
    *,
    ann: AnnReference | None = None,
    quantised: AnnReference | None = None,
    steps: int | None = None,
    batch: int | None = None,
    layer_samples: int = LAYER_SAMPLES,
    dtype: str | None = None,
    progress: ProgressSink | None = None,
) -> Evaluation:
    """Run a spiking network over a data set and compare it with its ANN.

    Args:
        network: at stage snn or fixed, with one input.
        data: samples of the network's input shape, labels if accuracies are wanted.
        ann: what to compare with; without it the measures that need one are None.
        quantised: the quantised ANN whose integers the spike counts equal at rest, where it is
            not `ann` itself (a network that a pass quantised).
        steps: time steps, by default those of the events or of the network's schedule.
        batch: samples per batch, by default chosen by the network's size; memory grows with it,
            results do not depend on it.
        layer_samples: how many samples the layer measures against the ANN use.
        dtype: what the simulator computes in, as `Simulator` takes it; with `float64` the ANN is
            given the samples in that precision too.
        progress: called now and then with (label, done, total).

    Raises:
        InputError: a label is outside the classes (SN926), or there is no sample (SN927).
    """
    if len(data) == 0:
        raise InputError(Diagnostic("SN927", "the evaluation data holds no sample"))
    simulator = Simulator(network, dtype=dtype)
    total_steps = wanted_steps(network, data, steps)
    if total_steps is None:
        text = f"network {network.name} is at stage {network.stage} and has no schedule to run"
        raise InputError(Diagnostic("SN933", text, help="compile it, or add --passes to-spiking"))
    measured = _Measured(network, ann, Comparison(network, ann, quantised), total_steps)
    known_labels = getattr(data, "labels", None)
    if known_labels is not None:
        measured.judge.check(known_labels, 0)
    tally = measured.tally
    for given, labels in data.batches(batch or affordable_batch(network)):
        values = given.astype(np.float64) if simulator.dtype == "float64" else given
        count = sample_count(network, values)
        within = _within_batch(progress, tally.samples, count, len(data))
        trace = simulator.run(values, steps=total_steps, first=tally.samples, progress=within)
        part = max(0, min(count, layer_samples - tally.samples))
        x = mean_input(network, values)
        measured.count(trace, x, labels)
        measured.compared.compare(trace, x[:part])
    return measured.result(
        tuple(getattr(data, "notes", ())), min(layer_samples, tally.samples), simulator.dtype
    )


def _within_batch(
    progress: ProgressSink | None, before: int, size: int, total: int
) -> Callable[[int, int], None] | None:
    """Progress over the whole data set from the simulator's progress in one batch."""
    if progress is None:
        return None
    sink = progress
    sink("evaluating", before, total)
    return lambda done, work: sink("evaluating", before + size * done // max(work, 1), total)


class _Measured:
    """What is gathered batch by batch, and the evaluation made of it."""

    def __init__(
        self, network: m.Network, ann: AnnReference | None, compared: Comparison, steps: int
    ) -> None:
        self.network = network
        self.ann = ann
        self.compared = compared
        self.steps = steps
        self.judge = Judge(network)
        self.tally = _Tally(correct=np.zeros(steps, dtype=np.int64))

    def count(self, trace: Trace, x: Array, labels: Array | None) -> None:
        """Add a batch: what the network did, what the ANN is given, and the labels."""
        tally, head = self.tally, self.judge.head.name
        classes = self.judge.classify(trace.outputs[head])
        ann = self.ann
        expected = None if ann is None else self.judge.classify(ann.logits(x, head))
        if labels is not None:
            self.judge.check(labels, tally.samples)
            tally.labelled += len(labels)
            tally.correct += (classes == labels[None, :]).sum(axis=1)
            if expected is not None:
                tally.ann_correct += int((expected == labels).sum())
        if expected is not None:
            tally.agree += int((classes[-1] == expected).sum())
        tally.samples += trace.samples
        tally.synops += sum(int(n.sum()) for n in trace.synops.values())
        tally.spikes += sum(int(n.sum()) for n in trace.spikes.values())
        tally.direct_macs = trace.direct_macs
        tally.updates += sum(trace.updates.values()) * int(trace.steps_run.sum())
        if trace.settled is not None:
            tally.settling = tally.settling or SettlingSums()
            tally.settling.add(trace.settled)
        self.compared.count(trace)

    def result(self, notes: tuple[str, ...], layer_samples: int, precision: str) -> Evaluation:
        """The evaluation of everything added so far."""
        tally, ann, steps = self.tally, self.ann, self.steps
        labelled = tally.labelled
        curve = tuple(float(c / labelled) for c in tally.correct) if labelled else ()
        mean_steps = float(steps) if tally.settling is None else tally.settling.mean_steps(steps)
        counts = self._operations()
        settled = None if tally.settling is None else tally.settling.result()
        known = None if ann is None else ann.network
        return Evaluation(
            samples=tally.samples,
            steps=steps,
            mean_steps=mean_steps,
            ann_accuracy=tally.ann_correct / labelled if labelled and ann is not None else None,
            snn_accuracy=curve[-1] if curve else None,
            agreement=None if ann is None else tally.agree / tally.samples,
            accuracy_by_step=curve,
            spikes_per_sample=counts.spikes,
            synops_per_sample=counts.synops,
            updates_per_sample=counts.updates,
            ann_macs=None if known is None else network_macs(known),
            ann_engine=None if ann is None else ann.engine,
            layers=self.compared.layers(mean_steps),
            layer_samples=layer_samples if ann is not None else 0,
            energy_estimates=tuple(e.as_dict() for e in estimates(counts)),
            notes=(
                *notes,
                *network_notes(self.network, ann, labelled=labelled > 0),
                *rest_notes(self.network, settled, steps),
                *level_notes(self.network, known, steps),
            ),
            settled=settled,
            exactness=self.compared.exactness(precision),
            levels=levels_of(self.network, known),
        )

    def _operations(self) -> OperationCounts:
        tally, schedule = self.tally, self.network.schedule
        driven = self.steps if schedule is None else schedule.drive(self.steps)
        return OperationCounts(
            spikes=tally.spikes / tally.samples,
            synops=tally.synops / tally.samples,
            direct_macs=float(tally.direct_macs),
            updates=tally.updates / tally.samples,
            driven=float(driven),
            ann_macs=None if self.ann is None else float(network_macs(self.ann.network)),
        )
