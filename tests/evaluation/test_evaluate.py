"""Evaluation of small networks: what it counts, and that it notices a wrong weight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from snnc.diagnostics import InputError
from snnc.driver.samples import ArraySamples
from snnc.evaluation.comparing import comparable
from snnc.evaluation.diagnosis import collapsed, diagnose, drop_points
from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.judge import Judge
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir import model as m
from snnc.ir.tensors import Array

STEPS = 64


def ann_and_snn(wrong: float = 0.0, head: int = 3) -> tuple[m.Network, m.Network]:
    """A two-layer network with weights that keep activations below one, in both forms."""
    rng = np.random.default_rng(3)
    arrays: dict[str, Array] = {
        "w1": rng.uniform(-0.3, 0.4, (6, 4)).astype(np.float32),
        "w2": rng.uniform(-1, 1, (head, 6)).astype(np.float32),
    }
    networks = []
    for stage in ("ann", "snn"):
        spiking = stage == "snn"
        if spiking:
            arrays["w1"] = arrays["w1"].copy()
            arrays["w1"][0, 0] += wrong
        populations = (
            m.Population(
                "hidden",
                (6,),
                m.IF(v_init=0.5) if spiking else m.Relu(),
                origin=("/hidden/Gemm", "/hidden/Relu"),
                incoming=(m.Incoming("x", (m.Dense(m.Ref("w1")),)),),
            ),
            m.Population(
                "out",
                (head,),
                m.Integrator() if spiking else m.Identity(),
                origin=("/out/Gemm",),
                incoming=(m.Incoming("hidden", (m.Dense(m.Ref("w2")),)),),
            ),
        )
        readout = m.Membrane() if spiking else m.Logits()
        network = m.Network(
            "two",
            "snn" if spiking else "ann",
            (m.Input("x", "f32", (4,)),),
            populations,
            (m.Head("final", "out", readout),),
            schedule=m.Synchronous(STEPS) if spiking else None,
        )
        networks.append(network.with_arrays(arrays))
    return networks[0], networks[1]


def samples(count: int = 50, classes: int = 3) -> ArraySamples:
    rng = np.random.default_rng(4)
    ann, _ = ann_and_snn()
    x = rng.random((count, 4), dtype=np.float32)
    labels = InterpretedAnn(ann).logits(x, "final").argmax(axis=1) % classes
    return ArraySamples(x, labels.astype(np.int64))


def test_a_faithful_network_agrees_with_its_ann() -> None:
    ann, snn = ann_and_snn()
    found = evaluate_network(snn, samples(), ann=InterpretedAnn(ann))
    assert found.ann_accuracy == 1.0
    assert found.agreement is not None
    assert found.agreement >= 0.96
    assert found.snn_accuracy == found.agreement
    assert len(found.accuracy_by_step) == STEPS
    hidden = found.layers[0]
    assert hidden.onnx_nodes == ("/hidden/Gemm", "/hidden/Relu")
    assert (hidden.relative_error or 1) < 0.05
    assert (hidden.correlation or 0) > 0.999
    assert not collapsed(found) or found.snn_accuracy < 0.98


def test_a_wrong_weight_shows_in_the_layer_it_is_in() -> None:
    ann, snn = ann_and_snn(wrong=0.4)
    found = evaluate_network(snn, samples(), ann=InterpretedAnn(ann))
    assert (found.layers[0].relative_error or 0) > 0.1
    assert (found.layers[0].correlation or 1) < 0.999


def test_the_result_does_not_depend_on_the_batch() -> None:
    ann, snn = ann_and_snn()
    results = [
        evaluate_network(snn, samples(), ann=InterpretedAnn(ann), batch=batch, layer_samples=20)
        for batch in (7, 50)
    ]
    for a, b in zip(results[0].layers, results[1].layers, strict=True):
        assert a.spikes_per_sample == b.spikes_per_sample
        assert a.relative_error == pytest.approx(b.relative_error, rel=1e-9)
        assert a.clipped == b.clipped
    assert results[0].accuracy_by_step == results[1].accuracy_by_step
    assert results[0].layer_samples == results[1].layer_samples == 20


def test_spikes_and_operations_are_those_of_the_simulator() -> None:
    from snnc.backends.reference.simulator import Simulator

    _, snn = ann_and_snn()
    data = samples(10)
    trace = Simulator(snn).run(data.x)
    found = evaluate_network(snn, data)
    assert found.spikes_per_sample == trace.spikes["hidden"].mean()
    assert found.synops_per_sample == sum(s.mean() for s in trace.synops.values())
    assert found.ann_accuracy is None
    assert found.agreement is None
    assert found.layers[0].correlation is None
    assert diagnose(found) is None


def test_progress_ends_at_the_number_of_samples() -> None:
    _, snn = ann_and_snn()
    seen: list[tuple[int, int]] = []
    evaluate_network(snn, samples(), batch=20, progress=lambda _, a, b: seen.append((a, b)))
    assert seen[0] == (0, 50)
    assert seen[-1] == (50, 50)
    assert seen == sorted(seen)
    assert {(20, 50), (40, 50)} <= set(seen)


def test_labels_outside_the_classes_are_refused_before_anything_runs() -> None:
    _, snn = ann_and_snn()
    good = samples()
    assert good.labels is not None
    bad = good.labels.copy()
    bad[17] = 3
    with pytest.raises(InputError, match=r"SN926.*label 3 is out of range") as caught:
        evaluate_network(snn, ArraySamples(good.x, bad))
    assert caught.value.diagnostics[0].where == "sample 17"


def test_no_sample_is_refused() -> None:
    _, snn = ann_and_snn()
    with pytest.raises(InputError, match="SN927"):
        evaluate_network(snn, ArraySamples(np.zeros((0, 4), np.float32)))


def test_a_head_with_one_value_is_judged_by_its_sign() -> None:
    _, snn = ann_and_snn(head=1)
    judge = Judge(snn)
    assert judge.classes == 2
    np.testing.assert_array_equal(judge.classify(np.array([[0.5], [-0.5], [0.0]])), [1, 0, 0])


def test_only_populations_of_one_name_and_shape_are_compared() -> None:
    ann, snn = ann_and_snn()
    assert comparable(snn, ann) == ("hidden", "out")
    other, _ = ann_and_snn(head=5)
    assert comparable(snn, other) == ("hidden",)


def test_a_stream_without_length_of_labels_works() -> None:
    class Stream:
        def __len__(self) -> int:
            return 4

        def batches(self, size: int) -> Iterator[tuple[Array, Array | None]]:
            yield np.zeros((4, 4), np.float32), None

    _, snn = ann_and_snn()
    found = evaluate_network(snn, Stream())
    assert found.samples == 4
    assert found.snn_accuracy is None
    assert any("no labels" in note for note in found.notes)


def test_a_collapse_is_diagnosed_with_its_first_layer() -> None:
    ann, snn = ann_and_snn()
    found = evaluate_network(snn, samples(200), ann=InterpretedAnn(ann), steps=1)
    diagnosis = diagnose(found)
    assert diagnosis is not None
    assert diagnosis.layer == "hidden"
    assert diagnosis.cause == "quantisation"
    assert diagnosis.first_bad
    assert drop_points(found) == diagnosis.drop_points
    assert "/hidden/Gemm" in str(diagnosis)
    assert "raise --steps" in str(diagnosis)
