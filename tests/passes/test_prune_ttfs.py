"""Pruning: fewer spikes, no more lost than allowed on the samples that are counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context
from snnc.passes.prune_ttfs import SAMPLES, pruned
from snnc.passes.ttfs_kernels import kernel_of, sharing_steps
from snnc.passes.ttfs_trials import Trial, measured

TIMED = "normalize,schedule-ttfs{window=16}"


@dataclass
class Labels:
    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(self.x), size):
            yield self.x[start : start + size], self.y[start : start + size]


def labelled(network: m.Network, count: int = 80, steps: int = 32) -> Context:
    """Samples with the answers of the network itself, a tenth of them wrong."""
    context = make_context(network, count, steps)
    x = context.calibration["image"]
    y = evaluate(network, {"image": x})["out"].argmax(axis=1)
    y[::10] = (y[::10] + 1) % 5
    context.labelled = Labels(x, y)
    return context


def hits(network: m.Network, context: Context) -> int:
    data = context.labelled
    return int((Simulator(network).run(data.x).predictions()[-1] == data.y).sum())


def spikes(network: m.Network, context: Context) -> int:
    return sum(int(n.sum()) for n in Simulator(network).run(context.labelled.x).spikes.values())


@pytest.mark.parametrize("points", [2.5, 10, 40])
@pytest.mark.parametrize("build", [nets.plain, nets.two_heads])
def test_spikes_are_saved_and_no_more_lost_than_allowed(build, points):
    network = build()
    context = labelled(network)
    before = run_specs(network, TIMED, context)
    after = run_specs(network, f"normalize,schedule-ttfs{{window=16,prune={points}}}", context)
    assert spikes(after, context) < spikes(before, context)
    assert hits(after, context) >= hits(before, context) - points / 100 * 80
    steps = {kernel_of(after, g[0]).steps for g in sharing_steps(after)}
    assert min(steps) < 16
    # Times and values of what is still sent are the same.
    for group in sharing_steps(after):
        old, new = (kernel_of(n, group[0]) for n in (before, after))
        assert replace(new, steps=old.steps) == old


def test_more_points_save_more_spikes():
    network = nets.plain()
    context = labelled(network)
    counts = [
        spikes(
            run_specs(network, f"normalize,schedule-ttfs{{window=16,prune={points}}}", context),
            context,
        )
        for points in (1, 20, 80)
    ]
    assert counts[0] >= counts[1] >= counts[2]
    assert counts[0] > counts[2]


def test_all_may_be_lost_and_next_to_nothing_is_sent():
    network = nets.plain()
    context = labelled(network)
    before = run_specs(network, TIMED, context)
    after = pruned(before, context, 100)
    assert spikes(after, context) < 0.1 * spikes(before, context)


def test_the_report_names_layers_totals_and_samples():
    network = nets.plain()
    context = labelled(network)
    before = run_specs(network, TIMED, context)
    context.notes.clear()
    after = pruned(before, context, 20)
    total, found = spikes(before, context) / 80, spikes(after, context) / 80
    assert f"prune: {total:.1f} spikes a sample become {found:.1f}" in context.notes[-1]
    assert f"{hits(before, context)} were right and {hits(after, context)} are" in context.notes[-1]
    changed = [g for g in sharing_steps(after) if kernel_of(after, g[0]) != kernel_of(before, g[0])]
    assert len(context.notes) == len(changed) + 1
    assert all(any(n.startswith(f"prune: {g[0]} fires in") for n in context.notes) for g in changed)


def test_a_bounded_number_of_samples_is_used():
    network = run_specs(nets.plain(), TIMED, labelled(nets.plain()))
    context = labelled(nets.plain(), SAMPLES + 20)
    pruned(network, context, 100)
    assert f"of {SAMPLES} labelled calibration samples" in context.notes[-1]


def test_early_firing_is_measured_as_it_is():
    network = nets.plain()
    context = labelled(network, 40)
    spec = "normalize,schedule-ttfs{window=16,early_fire=6%s}"
    before = run_specs(network, spec % "", context)
    after = run_specs(network, spec % ",prune=10", context)
    assert hits(after, context) >= hits(before, context) - 4
    assert spikes(after, context) < spikes(before, context)


def test_sources_of_a_running_maximum_and_outputs_keep_what_they_need():
    b = nets.Builder()
    b.add("a", (3, 8, 8), m.Relu(), ("image", (b.conv("a", 3, 2),)), bias=(3,))
    b.add("max", (3, 4, 4), m.MaxPool2d((2, 2), (2, 2)), ("a", ()))
    b.add("out", (5,), m.Identity(), ("max", (m.Flatten(), b.dense("out", 5, 48))))
    network = b.network()
    context = labelled(network)
    after = run_specs(
        network, "normalize,schedule-ttfs{window=16,read=first_spike,prune=50}", context
    )
    assert after.population("out").neuron.steps == 16
    assert after.population("a").neuron.steps < 16


def test_no_labels_no_pruning():
    network = run_specs(nets.plain(), TIMED)
    for data in (None, Labels(nets.images(0), np.zeros(0, np.int64))):
        with pytest.raises(InputError, match="SN705"):
            pruned(network, Context(labelled=data), 1)


def test_trials_count_as_the_simulator_does_and_see_a_shrinking_lead():
    network = run_specs(nets.plain(), TIMED)
    context = labelled(nets.plain())
    data = context.labelled
    trial = Trial(network, data.x, data.y)
    assert trial.lost(network) == 0
    assert measured(network, data.x, data.y).hits == hits(network, context)
    weak = network.with_populations(
        [
            replace(p, neuron=replace(p.neuron, steps=3)) if p.name == "conv2" else p
            for p in network.populations
        ]
    )
    gone = hits(network, context) - hits(weak, context)
    assert trial.lost(weak) >= gone
    trial.advance(network, "conv2")
    assert trial.lost(weak) >= gone
    assert trial.lost(network) == 0


def test_energies_are_the_mean_squares_that_each_sender_sends():
    network = run_specs(nets.plain(), "normalize,schedule-ttfs{window=16}")
    data = labelled(nets.plain()).labelled
    found = Trial(network, data.x, data.y).energies(network)
    trace = Simulator(network).run(data.x, record=("conv1",))
    worth = kernel_of(network, "conv1")
    values = np.exp((worth.delay - np.arange(16)) / worth.tau)
    first = trace.rasters["conv1"][16:32].reshape(16, 80, -1)
    wanted = (first * values[:, None, None] ** 2).sum(axis=(0, 2)).mean()
    assert found["conv1"] == pytest.approx(wanted, rel=1e-5)
