"""Fitting `bayes`: what is stored is what is executed, and bad requests are refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import recordings

from snnc.diagnostics import InputError, UsageError
from snnc.exits.asked import asked
from snnc.exits.fit import fit
from snnc.exits.fusion import (
    ALONE,
    DISPERSION,
    STRENGTH,
    accuracies,
    effect,
    spike_counts,
    strength_rule,
)
from snnc.exits.recorded import Recorded
from snnc.exits.requests import BayesRequest, parse_request
from snnc.ir import model as m
from snnc.ir.verify import verify

STEPS, SAMPLES = 16, 400


def parts(network: m.Network, seed: int = 0) -> tuple[Recorded, Recorded]:
    whole = recordings.counted(network, SAMPLES, seed)
    even = np.arange(SAMPLES) % 2 == 0
    return whole.part(even), whole.part(~even)


def fitted(network: m.Network, text: str = "bayes", drop: float = 1.0):
    return fit(network, parse_request(text), *parts(network), drop)


@pytest.mark.parametrize("heads", [2, 3])
def test_a_fit_is_a_policy_that_the_network_can_execute(heads: int) -> None:
    network = recordings.counting(heads, 3, STEPS)
    found = fitted(network)
    changed = replace(network.with_arrays(found.arrays), exit=found.policy)
    assert [d for d in verify(changed) if d.severity == "error"] == []
    assert found.arrays[STRENGTH].shape == (heads - 1, STEPS)
    assert found.arrays[DISPERSION].shape == (STEPS,)
    assert found.record["fusion"]["strength"] == "accuracy"
    json.dumps(found.record, allow_nan=False)


def test_the_record_is_what_the_policy_does() -> None:
    network = recordings.counting(2, 3, STEPS)
    found = fitted(network)
    _, choosing = parts(network)
    changed = replace(network.with_arrays(found.arrays), exit=found.policy)
    rows = asked(changed, choosing)
    stops, every = rows.stops(), np.arange(choosing.samples)
    right = rows.answer[stops, every] == choosing.labels
    figures = found.record["choosing"]
    assert figures["mean_steps"] == pytest.approx(rows.step[stops, every].mean())
    assert figures["accuracy"] == pytest.approx(right.mean())
    assert figures["accuracy"] >= figures["accuracy_full"] - 0.01
    assert figures["mean_steps"] < STEPS
    changed = replace(changed, exit=replace(found.policy, threshold=1.5))
    late = asked(changed, choosing)
    assert (late.stops() == len(late.head) - 1).all()


def test_the_same_data_gives_the_same_bytes() -> None:
    network = recordings.counting(3, 3, STEPS)
    first, second = fitted(network), fitted(network)
    assert first.policy == second.policy
    assert all(first.arrays[n].tobytes() == second.arrays[n].tobytes() for n in first.arrays)


def test_what_is_given_is_kept() -> None:
    network = recordings.counting(3, 3, STEPS)
    found = fitted(network, "bayes{threshold=0.9,heads=[a,last],first-step=3,last-step=9}")
    policy = found.policy
    assert isinstance(policy, m.Bayes)
    assert (policy.threshold, policy.heads) == (0.9, ("a", "last"))
    assert (policy.first_step, policy.last_step) == (3, 9)
    assert found.arrays[STRENGTH].shape == (1, STEPS)


def test_counts_are_read_outs_over_the_worth_of_a_spike() -> None:
    network = recordings.counting(2, 3, STEPS)
    recorded = recordings.counted(network, 9)
    names = ("b", "last")
    for name, counts in zip(names, spike_counts(network, names, recorded), strict=True):
        assert counts.dtype == np.int32
        np.testing.assert_array_equal(counts * 0.5, recorded.outputs[name])


def test_the_effect_compares_fused_and_single_heads() -> None:
    network = recordings.counting(2, 3, STEPS)
    found = fitted(network)
    changed = replace(network.with_arrays(found.arrays), exit=found.policy)
    _, choosing = parts(network)
    labels = choosing.labels
    curves = accuracies(changed, choosing, labels)
    assert set(curves) == {"fused", "b", "last"}
    counts = choosing.outputs["last"]
    np.testing.assert_allclose(curves["last"], (counts.argmax(axis=2) == labels).mean(axis=1))
    figures = effect(changed, choosing, labels)
    target = 0.97 * figures["ann_accuracy"]
    for name, step in figures["first_step"].items():
        reached = np.flatnonzero(curves[name] >= target)
        assert step == (reached[0] + 1 if len(reached) else None)
    behind = figures["fused_behind"]
    worst = np.maximum(curves["b"], curves["last"]) - curves["fused"]
    assert behind["points"] == pytest.approx(100 * worst[3:].max())
    assert worst[behind["step"] - 1] == worst[3:].max()


def test_heads_trained_by_insert_classifiers_are_trusted_less() -> None:
    network = recordings.counting(2, 3, STEPS)
    request = BayesRequest()
    assert strength_rule(network, request) == "accuracy"
    trained = replace(network, passes=("insert-classifiers{count=1}", "normalize"))
    assert strength_rule(trained, request) == "both"
    assert strength_rule(trained, BayesRequest(strength="likelihood")) == "likelihood"


def test_heads_that_do_not_count_spikes_are_refused() -> None:
    membranes = recordings.network(2, 3, STEPS)
    with pytest.raises(UsageError, match="SN956"):
        fit(membranes, BayesRequest(), *parts(recordings.counting(2, 3, STEPS)), 0.0)
    network = recordings.counting(2, 3, STEPS)
    signed = network.with_populations(
        replace(p, neuron=m.IF(negative_spikes="retract")) if p.name == "b-out" else p
        for p in network.populations
    )
    with pytest.raises(UsageError, match=r"SN956.*head b"):
        fit(signed, BayesRequest(), *parts(network), 0.0)
    gated = replace(network, schedule=m.Gated(STEPS, 4))
    with pytest.raises(UsageError, match=r"SN956.*ends"):
        fit(gated, BayesRequest(), *parts(network), 0.0)


def test_heads_whose_spikes_do_not_count_alike_are_refused() -> None:
    network = recordings.counting(2, 3, STEPS)
    scales = {"weighed": np.array([1, 1, 2], np.float32), "zero": np.zeros(3, np.float32)}
    network = network.with_arrays(scales)
    for name in scales:
        uneven = network.with_populations(
            replace(p, scale=m.Ref(name)) if p.name == "b-out" else p for p in network.populations
        )
        with pytest.raises(UsageError, match=r"SN956.*head b counts a spike of one class"):
            fit(uneven, BayesRequest(), *parts(network), 0.0)
    even = network.with_arrays({"same": np.full(3, 0.5, np.float32)})
    even = even.with_populations(
        replace(p, scale=m.Ref("same")) if p.name == "b-out" else p for p in even.populations
    )
    assert fit(even, BayesRequest(), *parts(even), 1.0).policy == fitted(network).policy


def test_a_head_with_one_neuron_is_refused() -> None:
    network = recordings.counting(2, 2, STEPS)
    single = network.with_populations(
        replace(p, shape=(1,)) if p.name == "b-out" else p for p in network.populations
    )
    with pytest.raises(UsageError, match=r"SN956.*head b has one neuron"):
        fit(single, BayesRequest(), *parts(network), 0.0)


def test_one_head_and_missing_labels_are_refused() -> None:
    single = recordings.counting(1, 3, STEPS)
    with pytest.raises(UsageError, match="SN953"):
        fit(single, BayesRequest(), *parts(single), 0.0)
    network = recordings.counting(2, 3, STEPS)
    blind = [replace(part, labels=None) for part in parts(network)]
    with pytest.raises(InputError, match="SN950"):
        fit(network, BayesRequest(), *blind, 0.0)


def test_where_fusing_costs_accuracy_the_last_head_answers_at_the_end() -> None:
    network = recordings.counting(2, 3, STEPS)
    demanding = "bayes{luck=1000}"
    found = fitted(network, demanding, 0.0)
    assert ALONE in found.record["notes"]
    assert found.arrays[STRENGTH][-1, -1] == 0.0
    assert (found.arrays[STRENGTH][-1, :-1] > 0).all()
    figures = found.record["choosing"]
    assert figures["accuracy"] == figures["accuracy_full"]
    changed = replace(network.with_arrays(found.arrays), exit=found.policy)
    assert [d for d in verify(changed) if d.severity == "error"] == []
    assert ALONE not in fitted(network, "bayes", 5.0).record["notes"]


def test_a_demand_that_no_threshold_meets_is_refused() -> None:
    network = recordings.counting(2, 3, STEPS)
    with pytest.raises(UsageError, match="SN954"):
        fitted(network, "bayes{last-step=1}", 0.0)
