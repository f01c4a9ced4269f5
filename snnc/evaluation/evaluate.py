"""Accuracy, agreement, spikes and per-layer errors of a spiking network on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.diagnostics import Diagnostic, InputError
from snnc.evaluation.energy import OperationCounts, estimates
from snnc.evaluation.inputs import (
    affordable_batch,
    mean_input,
    neurons_of,
    sample_count,
    takes_events,
)
from snnc.evaluation.judge import Judge
from snnc.evaluation.layers import LayerMeter
from snnc.evaluation.reference import AnnReference
from snnc.evaluation.result import Evaluation
from snnc.ir import model as m
from snnc.ir.interpret import network_macs
from snnc.ir.tensors import Array

LAYER_SAMPLES = 256
"""Layer measures that need ANN activations are taken on the first samples, this many."""

_COMPARED_ELEMENTS = 1 << 19
"""Neurons of all samples that are compared at a time: few enough for caches and memory."""

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


def evaluate_network(
    network: m.Network,
    data: Samples,
    *,
    ann: AnnReference | None = None,
    steps: int | None = None,
    batch: int | None = None,
    layer_samples: int = LAYER_SAMPLES,
    progress: ProgressSink | None = None,
) -> Evaluation:
    """Run a spiking network over a data set and compare it with its ANN.

    Args:
        network: at stage snn or fixed, with one input.
        data: samples of the network's input shape, labels if accuracies are wanted.
        ann: what to compare with; without it the measures that need one are None.
        steps: time steps, by default those of the events or of the network's schedule.
        batch: samples per batch, by default chosen by the network's size; memory grows with it,
            results do not depend on it.
        layer_samples: how many samples the layer measures against the ANN use.
        progress: called now and then with (label, done, total).

    Raises:
        InputError: a label is outside the classes (SN926), or there is no sample (SN927).
    """
    if len(data) == 0:
        raise InputError(Diagnostic("SN927", "the evaluation data holds no sample"))
    simulator = Simulator(network)
    total_steps = steps or getattr(data, "steps", None) or _scheduled_steps(network)
    meters = {p.name: LayerMeter(network, p) for p in network.populations}
    tally = _Tally(correct=np.zeros(total_steps, dtype=np.int64))
    judge = Judge(network)
    known_labels = getattr(data, "labels", None)
    if known_labels is not None:
        judge.check(known_labels, 0)
    for given, labels in data.batches(batch or affordable_batch(network)):
        count = sample_count(network, given)
        within = _within_batch(progress, tally.samples, count, len(data))
        trace = simulator.run(given, steps=total_steps, first=tally.samples, progress=within)
        compared = max(0, min(count, layer_samples - tally.samples))
        x = mean_input(network, given)
        _count_batch(tally, meters, trace, judge, x, labels, ann)
        if ann is not None and compared:
            _compare_layers(network, meters, trace, ann, x[:compared])
    notes = (*getattr(data, "notes", ()), *_notes(network, ann, tally.labelled))
    compared = min(layer_samples, tally.samples)
    return _finish(network, tally, meters, ann, total_steps, compared, notes)


def _within_batch(
    progress: ProgressSink | None, before: int, size: int, total: int
) -> Callable[[int, int], None] | None:
    """Progress over the whole data set from the simulator's progress in one batch."""
    if progress is None:
        return None
    sink = progress
    sink("evaluating", before, total)
    return lambda done, work: sink("evaluating", before + size * done // max(work, 1), total)


def _scheduled_steps(network: m.Network) -> int:
    if network.schedule is None:
        text = f"network {network.name} is at stage {network.stage} and has no schedule to run"
        raise InputError(Diagnostic("SN933", text, help="compile it, or add --passes to-spiking"))
    return network.schedule.steps


def _count_batch(
    tally: _Tally,
    meters: dict[str, LayerMeter],
    trace: Trace,
    judge: Judge,
    x: Array,
    labels: Array | None,
    ann: AnnReference | None,
) -> None:
    classes = judge.classify(trace.outputs[judge.head.name])
    expected = None if ann is None else judge.classify(ann.logits(x, judge.head.name))
    if labels is not None:
        judge.check(labels, tally.samples)
        tally.labelled += len(labels)
        tally.correct += (classes == labels[None, :]).sum(axis=1)
        if expected is not None:
            tally.ann_correct += int((expected == labels).sum())
    if expected is not None:
        tally.agree += int((classes[-1] == expected).sum())
    tally.samples += len(classes[-1])
    tally.synops += sum(int(n.sum()) for n in trace.synops.values())
    tally.spikes += sum(int(n.sum()) for n in trace.spikes.values())
    tally.direct_macs = trace.direct_macs
    tally.updates += sum(trace.updates.values()) * trace.steps * len(classes[-1])
    for name, meter in meters.items():
        silent = np.zeros(len(classes[-1]), dtype=np.int64)
        meter.count(trace.spike_counts.get(name), trace.spikes.get(name, silent))


def mean_values(
    network: m.Network, trace: Trace, x: Array, part: slice = slice(None)
) -> dict[str, Array]:
    """Mean value per time step of inputs and layers (n, *shape): rates, or membrane / steps.

    For a coded input the mean is the analog value that the code stands for. `part`: which of the
    trace's samples; `x` holds those alone.
    """
    values = {network.inputs[0].name: x}
    for population in network.populations:
        integrates = isinstance(population.neuron, m.Integrator)
        kept = trace.membranes if integrates else trace.spike_counts
        values[population.name] = kept[population.name][part].astype(np.float64) / trace.steps
    return values


def _compare_layers(
    network: m.Network, meters: dict[str, LayerMeter], trace: Trace, ann: AnnReference, x: Array
) -> None:
    shared = comparable(network, ann.network)
    size = max(1, _COMPARED_ELEMENTS // max(1, neurons_of(network)))
    for start in range(0, len(x), size):
        part = slice(start, min(start + size, len(x)))
        values = mean_values(network, trace, x[part], part)
        activations = ann.activations(x[part], shared)
        for name in shared:
            meters[name].compare(values, activations[name], trace.steps)


def comparable(network: m.Network, ann: m.Network) -> tuple[str, ...]:
    """Populations that both networks have under one name and shape, in order."""
    shapes = {p.name: p.shape for p in ann.populations}
    return tuple(p.name for p in network.populations if shapes.get(p.name) == p.shape)


def _finish(
    network: m.Network,
    tally: _Tally,
    meters: dict[str, LayerMeter],
    ann: AnnReference | None,
    steps: int,
    layer_samples: int,
    notes: tuple[str, ...],
) -> Evaluation:
    labelled = tally.labelled
    curve = tuple(float(c / labelled) for c in tally.correct) if labelled else ()
    macs = None if ann is None else network_macs(ann.network)
    counts = OperationCounts(
        spikes=tally.spikes / tally.samples,
        synops=tally.synops / tally.samples,
        direct_macs=float(tally.direct_macs),
        updates=tally.updates / tally.samples,
        steps=float(steps),
        ann_macs=None if macs is None else float(macs),
    )
    return Evaluation(
        samples=tally.samples,
        steps=steps,
        mean_steps=float(steps),
        ann_accuracy=tally.ann_correct / labelled if labelled and ann is not None else None,
        snn_accuracy=curve[-1] if curve else None,
        agreement=None if ann is None else tally.agree / tally.samples,
        accuracy_by_step=curve,
        spikes_per_sample=counts.spikes,
        synops_per_sample=counts.synops,
        updates_per_sample=counts.updates,
        ann_macs=macs,
        ann_engine=None if ann is None else ann.engine,
        layers=tuple(meter.report(steps) for meter in meters.values()),
        layer_samples=layer_samples if ann is not None else 0,
        energy_estimates=tuple(e.as_dict() for e in estimates(counts)),
        notes=notes,
    )


def _notes(network: m.Network, ann: AnnReference | None, labelled: int) -> tuple[str, ...]:
    """Why some measures are missing or what they mean."""
    notes = []
    if ann is None:
        notes.append("no ANN to compare with: ann_accuracy, agreement and layer errors are null")
    elif ann.engine == "interpreter":
        notes.append("the ANN is the stored network of stage ann, computed by the interpreter")
    if not labelled:
        notes.append("the data has no labels: accuracies are null")
    if takes_events(network) and ann is not None:
        notes.append("the ANN is given the mean of the events over the time steps")
    if len(network.heads) > 1:
        names = ", ".join(h.name for h in network.heads)
        notes.append(f"of the heads {names} the last one answers")
    return tuple(notes)
