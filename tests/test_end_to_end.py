"""From an ONNX file to spikes: whole small networks against onnxruntime."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnx_models
import pytest

import snnc
from snnc.frontend.importer import import_model
from snnc.frontend.runtime import Runner

PIPELINE = "fold-batch-norm,fuse-linear,max-pool,normalize{method=max},to-spiking"


def max_pooled() -> onnx.ModelProto:
    """Max pooling behind a ReLU and in front of one."""
    return onnx_models.build(
        """a = Conv<pads=[1,1,1,1]>(x, w1, b1)
        r = Relu(a)
        p = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(r)
        c = Conv<pads=[1,1,1,1]>(p, w2)
        q = MaxPool<kernel_shape=[2,2], strides=[2,2]>(c)
        t = Relu(q)
        f = Flatten(t)
        y = Gemm<transB=1>(f, w3)""",
        {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (16, 8, 3, 3), "w3": (5, 64)},
    )


NETWORKS = {
    f.__name__: f
    for f in (
        onnx_models.residual,
        onnx_models.depthwise,
        onnx_models.concatenated,
        onnx_models.channels_last,
        max_pooled,
    )
}
STEPS = (4, 16, 64, 256)


def _smooth_images(count: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Random images of different brightness and contrast, so that answers differ."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(0, 1, (count, *shape))
    gain = rng.uniform(0.2, 2.0, (count, *(1,) * len(shape)))
    return (base * gain).astype(np.float32)


@pytest.fixture(scope="module", params=NETWORKS)
def case(request, tmp_path_factory):
    """Mean absolute output error and agreement with onnxruntime at each number of steps."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    path = onnx_models.save(NETWORKS[request.param](), folder)
    imported = import_model(path)
    shape = imported.network.inputs[0].shape
    calibration, x = _smooth_images(200, shape, 1), _smooth_images(300, shape, 2)
    expected = Runner(imported, ["y"]).run(x)["y"]
    compiled = snnc.compile(path, calibration=calibration, passes=PIPELINE, steps=max(STEPS))
    trace = compiled.run(x)
    errors = {t: float(np.abs(trace.logits(step=t) - expected).mean()) for t in STEPS}
    agreement = float((trace.logits().argmax(1) == expected.argmax(1)).mean())
    return errors, agreement, float(np.abs(expected).mean())


def test_the_error_falls_as_one_over_the_steps(case):
    errors, _, scale = case
    for fewer, more in itertools.pairwise(STEPS):
        assert errors[more] < errors[fewer] / 2.5
    assert errors[256] < 0.02 * scale


def test_at_256_steps_over_99_percent_give_the_same_answer(case):
    _, agreement, _ = case
    assert agreement > 0.99


def test_one_changed_parameter_is_noticed(tmp_path):
    """Negative control: the comparison above fails for a network that is not the same."""
    model = onnx_models.residual()
    path = onnx_models.save(model, tmp_path)
    imported = import_model(path)
    x = _smooth_images(100, imported.network.inputs[0].shape, 2)
    expected = Runner(imported, ["y"]).run(x)["y"]
    bias = next(i for i in model.graph.initializer if i.name == "b3")
    values = np.frombuffer(bias.raw_data, np.float32).copy()
    values[3] += 0.5
    bias.raw_data = values.tobytes()
    changed = onnx_models.save(model, tmp_path, "changed.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = snnc.compile(changed, calibration=x, passes=PIPELINE, steps=256)
    error = np.abs(compiled.run(x).logits() - expected).mean()
    assert error > 0.02 * np.abs(expected).mean()
