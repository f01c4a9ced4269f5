"""Spike counts against integer activations: equal, off by rounding, inherited, or wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import quantised_examples as examples

from snnc.backends.reference.simulator import Simulator
from snnc.evaluation.exactness import ExactnessSums, counted_layers
from snnc.evaluation.reference import InterpretedAnn
from snnc.evaluation.verdict import Exactness
from snnc.ir import model as m


def compared(snn: m.Network, ann: m.Network, *, count: int = 20) -> Exactness:
    """A spiking network in float64 against the interpreter in float64."""
    sums = ExactnessSums(snn, ann)
    x = examples.images(count).astype(np.float64)
    trace = Simulator(snn, dtype="float64").run(x)
    assert trace.settled is not None
    activations = InterpretedAnn(ann).activations(x, sums.layers)
    exact = sums.add(x, trace.spike_counts, activations, trace.settled)
    sums.add_readout(trace.logits(), InterpretedAnn(ann).logits(x, "fc"), exact)
    found = sums.result("interpreter", "float64")
    assert found is not None
    return found


def test_a_lossless_network_is_equal_in_every_neuron_of_every_layer() -> None:
    ann = examples.network()
    found = compared(examples.spiking(ann), ann)
    assert (found.unequal, found.unsettled, found.equal) == (0, 0, True)
    assert found.layers == 3
    assert found.values == 20 * (3 * 36 + 3 * 9 + 4 * 9)
    assert found.readout_difference < 1e-6
    assert found.verdict.startswith("equal to the quantised ANN in every neuron of every layer")


def test_max_pools_count_too_where_they_read_whole_counts() -> None:
    ann = examples.network()
    snn = examples.spiking(ann)
    assert counted_layers(snn, ann) == ("first", "pool", "second")
    averaged = ann.with_populations(
        replace(p, incoming=(m.Incoming("first", (m.Scale(0.5),)),)) if p.name == "pool" else p
        for p in ann.populations
    )
    assert counted_layers(snn, averaged) == ("first", "second")


@pytest.mark.parametrize("layer", ["first", "second"])
def test_a_wrong_weight_is_unexplained_in_its_layer_alone(layer: str) -> None:
    ann = examples.network()
    wrong = examples.perturbed(examples.spiking(ann), f"{layer}.weight", 0.2)
    sums = ExactnessSums(wrong, ann)
    x = examples.images(20)
    trace = Simulator(wrong).run(x)
    assert trace.settled is not None
    activations = InterpretedAnn(ann).activations(x, sums.layers)
    sums.add(x, trace.spike_counts, activations, trace.settled)
    assert [name for name, count in sums.unexplained.items() if count] == [layer]
    found = sums.result("interpreter", "float32")
    assert found is not None
    assert not found.equal
    assert "without a reason" in found.verdict


@pytest.mark.parametrize(
    "change",
    [{"negative_spikes": "none", "min_spikes": None}, {"max_spikes": None}, {"v_init": 0.0}],
)
def test_without_negative_spikes_the_cap_or_the_shift_it_is_not_exact(
    change: dict[str, object],
) -> None:
    ann = examples.network()
    changed = examples.with_neuron(examples.spiking(ann), ("first", "second"), **change)
    found = compared(changed, ann)
    assert found.unexplained > 0
    assert not found.equal


def one_layer(step: float = 1.0) -> tuple[m.Network, m.Network]:
    """Two staircases behind one another that read an input of three values."""
    staircase = m.Quantized(step, 3)
    populations = (
        m.Population("a", (3,), staircase, incoming=(m.Incoming("x"),)),
        m.Population("b", (3,), staircase, incoming=(m.Incoming("a"),)),
    )
    ann = m.Network(
        "n", "ann", (m.Input("x", "f32", (3,)),), populations, (m.Head("h", "b", m.Logits()),)
    )
    snn = replace(ann, stage="snn", schedule=m.Gated(20, 3))
    fire = m.IF(3 * step, v_init=1.5 * step, negative_spikes="retract", max_spikes=3, min_spikes=0)
    spiking = snn.with_populations(replace(p, neuron=fire) for p in snn.populations)
    return ann, spiking


def judged(x: list[float], a: list[int], b: list[int]) -> Exactness:
    """Given counts of both layers against the ANN's for one sample."""
    ann, snn = one_layer()
    sums = ExactnessSums(snn, ann)
    values = np.array([x])
    activations = InterpretedAnn(ann).activations(values, ("a", "b"))
    counts = {"a": np.array([a]), "b": np.array([b])}
    sums.add(values, counts, activations, np.array([5]))
    found = sums.result("interpreter", "float64")
    assert found is not None
    return found


def test_equal_counts_are_equal() -> None:
    assert judged([0.2, 1.4, 2.6], [0, 1, 3], [0, 1, 3]).unequal == 0


def test_a_count_one_off_at_an_edge_and_what_follows_from_it_are_rounding() -> None:
    found = judged([0.2, 1.50001, 2.6], [0, 1, 3], [0, 1, 3])
    assert (found.unequal, found.at_edge, found.inherited, found.unexplained) == (2, 1, 1, 0)
    assert found.edge_distance == pytest.approx(1e-5, rel=1e-6)
    assert found.equal
    assert "1 by rounding" in found.verdict


@pytest.mark.parametrize(
    ("x", "a"),
    [
        ([0.2, 1.51, 2.6], [0, 1, 3]),  # too far from the edge
        ([0.2, 1.50001, 2.6], [0, 0, 3]),  # at the edge, but two levels off
        ([0.2, 1.4, 2.6], [0, 2, 3]),
    ],
)
def test_anything_else_is_unexplained(x: list[float], a: list[int]) -> None:
    found = judged(x, a, a)
    assert found.unexplained == 1
    assert not found.equal


def test_a_later_layer_that_counts_wrongly_for_what_it_got_is_unexplained() -> None:
    found = judged([0.2, 1.50001, 2.6], [0, 1, 3], [0, 3, 3])
    assert (found.at_edge, found.inherited, found.unexplained) == (1, 0, 1)


def test_a_sample_at_work_is_said_to_be() -> None:
    ann = examples.network()
    found = compared(examples.spiking(ann, steps=3), ann)
    assert found.unsettled > 0
    assert "had not come to rest (more --steps)" in found.verdict


def test_right_counts_with_a_wrong_read_out_are_not_equal() -> None:
    """No spike count shows a wrong weight in front of an output that nothing quantises."""
    ann = examples.network()
    wrong = examples.perturbed(examples.spiking(ann), "fc.weight", 0.1)
    found = compared(wrong, ann)
    assert (found.unequal, found.unexplained) == (0, 0)
    assert found.readout_unexplained == found.readout_difference > 1e-2
    assert not found.equal
    assert "read-outs differ" in found.verdict


def test_a_read_out_that_follows_from_differing_counts_is_no_fault_of_its_own() -> None:
    ann, snn = one_layer()
    sums = ExactnessSums(snn, ann)
    values = np.array([[0.2, 1.50001, 2.6]])
    activations = InterpretedAnn(ann).activations(values, ("a", "b"))
    counts = {name: np.array([[0, 1, 3]]) for name in ("a", "b")}
    exact = sums.add(values, counts, activations, np.array([5]))
    assert exact.tolist() == [False]
    sums.add_readout(counts["b"].astype(float), activations["b"], exact)
    found = sums.result("interpreter", "float64")
    assert found is not None
    assert found.equal
    assert found.readout_difference > 0.1
    assert found.readout_unexplained == 0.0


@pytest.mark.parametrize(
    ("settled", "word"), [([5, -1], "without a reason"), ([-1, -1], "more --steps")]
)
def test_a_sample_at_work_does_not_excuse_one_at_rest(settled: list[int], word: str) -> None:
    ann, snn = one_layer()
    sums = ExactnessSums(snn, ann)
    values = np.array([[0.2, 1.4, 2.6], [0.2, 1.4, 2.6]])
    activations = InterpretedAnn(ann).activations(values, ("a", "b"))
    counts = np.array([[0, 2, 3], [0, 2, 3]])
    sums.add(values, {"a": counts, "b": counts}, activations, np.array(settled))
    found = sums.result("interpreter", "float64")
    assert found is not None
    assert (found.unexplained, found.working) == (2, settled.count(-1))
    assert word in found.verdict
    assert not found.equal


def test_without_gated_input_there_is_nothing_to_compare() -> None:
    ann = examples.network()
    rates = examples.spiking(ann, mode="qcfs")
    assert counted_layers(rates, ann) == ()
    assert ExactnessSums(rates, ann).result("interpreter", "float32") is None
    assert counted_layers(examples.spiking(ann), examples.continuous()) == ()
