"""The grouped example fits TrueNorth cores, and the script that trains it computes what it says."""

from __future__ import annotations

import importlib.util
import math
import sys
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from benchmark_runs import ROOT

import snnc
from snnc.ir import model as m

FOLDER = ROOT / "examples" / "mnist"
Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("train_grouped", FOLDER / "train_grouped.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "train_grouped", module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return onnx.load(FOLDER / "grouped.onnx")


def layers(model: onnx.ModelProto) -> dict[str, tuple[Array, Array]]:
    """Weight and bias of every Conv and Gemm."""
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    return {
        node.name: (stored[node.input[1]], stored[node.input[2]])
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm")
    }


def test_no_neuron_reads_more_than_60_inputs(model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model, full_check=True)
    fan_ins = {name: math.prod(w.shape[1:]) for name, (w, _) in layers(model).items()}
    assert fan_ins == {"conv1": 25, "conv2": 48, "mix": 60, "conv3": 50, "classes": 60}
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    used = {node.op_type for node in model.graph.node}
    assert used == {"Conv", "Clip", "Flatten", "Gemm"}


def off_grid(weight: Array, bias: Array) -> tuple[float, float]:
    """How far weights and biases are from whole steps, and the largest bias in sixteenths."""
    scale = np.abs(weight).reshape(len(weight), -1).max(axis=1).astype(np.float64) / 7
    levels = weight.reshape(len(weight), -1) / scale[:, None]
    steps = bias / scale * 16
    off = max(np.abs(x - np.rint(x)).max() for x in (levels, steps))
    return float(off), float(np.abs(steps).max())


def test_weights_have_4_bits_and_biases_fit_a_leak(model: onnx.ModelProto) -> None:
    for name, (weight, bias) in layers(model).items():
        off, largest = off_grid(weight, bias)
        assert off < 1e-4, name
        assert largest < 240.5, name
    weight, bias = layers(model)["mix"]
    assert off_grid(weight + 0.01 * np.sign(weight) * (weight < weight.max()), bias)[0] > 0.01


def converted(bits: int) -> snnc.Compiled:
    """For TrueNorth, all layers on the chip; one scale a layer, so that levels stay levels."""
    passes = (
        "fold-batch-norm,fuse-linear,max-pool,normalize{method=max,per=layer},to-spiking,"
        "calibrate-potential,spike-heads,encode-inputs,fold-chains{pools=spike},"
        f"quantize-weights{{target=truenorth,bits={bits}}}"
    )
    with np.load(FOLDER / "images.npz", allow_pickle=False) as data:
        x = data["x_train"][:128, None].astype(np.float32) / 255
    return snnc.compile(FOLDER / "grouped.onnx", calibration=x, passes=passes, steps=32)


def levels_kept(network: m.Network, model: onnx.ModelProto) -> dict[str, bool]:
    """Whether each layer's weights are those trained, but for a factor for each channel."""
    found = {}
    for name, (weight, _) in layers(model).items():
        (population,) = (p for p in network.populations if name in p.origin)
        (op,) = (o for o in population.incoming[0].ops if isinstance(o, m.Conv2d | m.Dense))
        trained, whole = (
            a.reshape(len(a), -1) / np.abs(a).reshape(len(a), -1).max(axis=1, keepdims=True)
            for a in (weight, network.array(op.weight).astype(np.float64))
        )
        found[name] = bool(np.allclose(trained.ravel(), whole.ravel(), atol=1e-5))
    return found


def test_four_bits_and_32_steps_cost_less_than_a_point(model: onnx.ModelProto) -> None:
    """Against the 500 bundled images; the weights themselves lose nothing."""
    compiled = converted(4)
    kept = levels_kept(compiled.network, model)
    assert list(kept) == ["conv1", "conv2", "mix", "conv3", "classes"]
    assert all(kept.values())
    with np.load(FOLDER / "images.npz", allow_pickle=False) as data:
        x, y = data["x_test"][:, None].astype(np.float32) / 255, data["y_test"]
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(None, {"image": x})
    lost = (logits.argmax(axis=1) == y).mean() - (compiled.run(x).logits().argmax(1) == y).mean()
    assert lost <= 0.01


def test_three_bits_do_not_hold_the_weights(model: onnx.ModelProto) -> None:
    assert not any(levels_kept(converted(3).network, model).values())


def parameters(script: Any, seed: int) -> Any:
    random = np.random.default_rng(seed)
    found = script.initial(random)
    return [(w, random.normal(0, 0.1, len(b)).astype(np.float32)) for w, b in found]


def test_quantised_weights_are_the_nearest_of_15_levels(script: Any) -> None:
    for weight, bias in parameters(script, 1):
        rounded, steps = script.quantised(weight, bias)
        assert rounded.dtype == steps.dtype == np.float32
        off, largest = off_grid(rounded, steps)
        assert off < 1e-4
        assert largest <= 240.001
        scale = np.abs(weight).max(axis=(1, 2, 3)) / 7
        assert np.all(np.abs(rounded - weight).max(axis=(1, 2, 3)) <= 0.501 * scale)
        assert np.all(np.abs(steps - bias) <= 0.501 * scale / 16)
        again = script.quantised(rounded, steps)
        np.testing.assert_allclose(again[0], rounded, rtol=1e-6)
        np.testing.assert_allclose(again[1], steps, rtol=1e-5)


def test_a_silent_channel_stays_and_a_large_bias_is_cut(script: Any) -> None:
    weight = np.zeros((2, 1, 1, 1), np.float32)
    weight[1] = 0.7
    rounded, steps = script.quantised(weight, np.array([0.0, 100.0], np.float32))
    np.testing.assert_allclose(rounded.ravel(), [0, 0.7], rtol=1e-6)
    np.testing.assert_allclose(steps, [0, 240 * 0.1 / 16], rtol=1e-6)


def forward(script: Any, pairs: Any, x: Array) -> Array:
    """The script's layers on images (N, 28, 28, 1) with activations cut to 0 and 1."""
    value = x
    for layer, (weight, bias) in zip(script.LAYERS, pairs, strict=True):
        seen, size = script.windows(value, layer)
        sums = script.convolved(seen, weight, bias, layer)
        value = np.clip(sums, 0, 1).reshape(len(x), *size, layer.channels)
    return sums


def test_the_exported_model_computes_what_was_trained(script: Any) -> None:
    """onnxruntime's convolutions against the script's own."""
    made = parameters(script, 2)
    exported = script.exported(made)
    session = onnxruntime.InferenceSession(
        exported.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(3).random((3, 28, 28, 1), np.float32)
    (logits,) = session.run(None, {"image": x.transpose(0, 3, 1, 2)})
    own = forward(script, [script.quantised(*pair) for pair in made], x)
    np.testing.assert_allclose(logits, own, atol=1e-4)
    assert np.abs(logits - forward(script, made, x)).max() > 1e-2  # rounding is there to be seen
    again = script.exported(parameters(script, 2))
    assert again.SerializeToString(deterministic=True) == exported.SerializeToString(
        deterministic=True
    )


def test_the_committed_model_is_one_that_the_script_makes(
    script: Any, model: onnx.ModelProto
) -> None:
    """All but the numbers."""
    made = script.exported(script.initial(np.random.default_rng(0)))
    assert list(made.graph.node) == list(model.graph.node)
    assert made.graph.input == model.graph.input
    assert made.graph.output == model.graph.output
    for own, committed in zip(made.graph.initializer, model.graph.initializer, strict=True):
        assert (own.name, own.dims) == (committed.name, committed.dims)


def test_gathering_gradients_is_the_transpose_of_windows(script: Any) -> None:
    random = np.random.default_rng(4)
    for layer, size in zip(script.LAYERS, (28, 12, 5, 5, 1), strict=True):
        x = random.normal(size=(2, size, size, layer.inputs)).astype(np.float32)
        seen, _ = script.windows(x, layer)
        back = random.normal(size=seen.shape).astype(np.float32)
        there = float((seen * back).sum(dtype=np.float64))
        home = float((x * script.scattered(back, x.shape, layer)).sum(dtype=np.float64))
        assert there == pytest.approx(home, rel=1e-4, abs=1e-3)


def test_gradients_are_differences_of_the_loss(script: Any, monkeypatch: Any) -> None:
    """Without the rounding, through which gradients pass unchanged."""
    monkeypatch.setattr(script, "quantised", lambda weight, bias: (weight, bias))
    monkeypatch.setattr(script, "activated", lambda sums, _random: np.clip(sums, 0, 1))
    random = np.random.default_rng(5)
    pairs = [(0.7 * w.astype(np.float64), b.astype(np.float64)) for w, b in parameters(script, 5)]
    x, y = random.random((4, 28, 28, 1)), random.integers(0, 10, 4)

    def loss() -> float:
        sums = forward(script, pairs, x)
        powers = np.exp(sums)
        return float(-np.log(powers[np.arange(4), y] / powers.sum(axis=1)).mean())

    slopes = script.gradients(pairs, x, y, random)
    for pair, own in zip(pairs, slopes, strict=True):
        for array, slope in zip(pair, own, strict=True):
            place = np.unravel_index(np.abs(slope).argmax(), slope.shape)
            kept, step = array[place], 1e-6
            array[place] = kept + step
            above = loss()
            array[place] = kept - step
            below = loss()
            array[place] = kept
            assert slope[place] == pytest.approx((above - below) / (2 * step), rel=1e-3)


def test_activations_are_sixteenths_and_right_on_average(script: Any) -> None:
    random = np.random.default_rng(6)
    for value in (-0.3, 0.0, 0.51, 0.97, 1.0, 1.4):
        found = script.activated(np.full(20_000, value, np.float32), random)
        np.testing.assert_array_equal(found * 16, np.rint(found * 16))
        assert found.mean() == pytest.approx(min(max(value, 0), 1), abs=1e-3)


def test_images_move_by_up_to_two_pixels(script: Any) -> None:
    x = np.zeros((400, 28, 28, 1), np.uint8)
    x[:, 13, 14] = 200
    places = np.argwhere(script.moved(x, np.random.default_rng(7)))
    assert len(places) == 400
    assert {tuple(p) for p in places[:, 1:3]} == {
        (13 + i, 14 + j) for i in range(-2, 3) for j in range(-2, 3)
    }


def test_training_lowers_the_loss(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Twelve passes over the bundled training images."""
    with np.load(FOLDER / "images.npz", allow_pickle=False) as data:
        x, y = data["x_train"], data["y_train"].astype(np.int64)
    before = script.right(script.exported(script.initial(np.random.default_rng(8))), x, y)
    after = script.right(script.exported(script.trained(x, y, 12, 8)), x, y)
    assert after > 300 > 2 * before
    assert capsys.readouterr().out.splitlines()[-1] == "epoch 12 of 12"
