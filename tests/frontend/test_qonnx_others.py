"""Weights that are quantised in the file, BipolarQuant, and thresholds of FINN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qonnx_definition as definition
from hypothesis import given
from hypothesis import strategies as st
from onnx_models import build, numbers, save
from qonnx_models import (
    DOMAIN,
    MODES,
    POINTWISE,
    Array,
    imported,
    model_values,
    network_values,
    only,
    samples,
)
from strategies import fuzz

from snnc.frontend.importer import import_model
from snnc.ir import model as m


def test_quantised_weights_are_constants(tmp_path: Path) -> None:
    """A Quant of a weight and a BipolarQuant of another are folded as onnxruntime has them."""
    rng = np.random.default_rng(3)
    scale = rng.uniform(0.05, 0.2, (4, 1, 1, 1)).astype(np.float32)
    model = build(
        f"""qw = {DOMAIN}.Quant<signed=1, narrow=1, rounding_mode="ROUND">(w, s, zero, bits)
        bw = {DOMAIN}.BipolarQuant(v, t)
        a = Conv(x, qw)
        r = Relu(a)
        f = Flatten(r)
        t1 = Transpose<perm=[1, 0]>(bw)
        y = MatMul(f, t1)""",
        {
            "w": rng.normal(size=(4, 4, 1, 1)).astype(np.float32),
            "v": rng.normal(size=(7, 60)).astype(np.float32),
            "s": scale,
            "t": numbers(0.125),
            "zero": numbers(0),
            "bits": numbers(4),
        },
        inputs="float[N,4,3,5] x",
        domains={DOMAIN: 1},
    )
    x = samples(1.0, -2, 2)
    result = imported(model, tmp_path, x)
    weights = {name: result.network.array(m.Ref(name)) for name in result.network.tensors}
    assert sorted(np.unique(np.abs(weights["fc_6.weight"]))) == [0.125]
    levels = weights["conv_2.weight"] / scale
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-5)
    assert np.abs(levels).max() <= 7.001
    (wanted,) = definition.run(model, x)
    np.testing.assert_allclose(model_values(result, x), wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(network_values(result, x), wanted, rtol=1e-5, atol=1e-5)


@given(st.integers(0, 999), st.sampled_from(MODES), st.sampled_from([2.0, 2.5, 4.0, 8.0]))
@fuzz(40)
def test_folding_is_the_definition(seed: int, mode: str, bits: float) -> None:
    """Constants are rounded in every mode, also those that no neuron can do, ties included."""
    from snnc.frontend.nodes import Node
    from snnc.frontend.qonnx import fold

    rng = np.random.default_rng(seed)
    w = (np.rint(rng.normal(size=(5, 6)) * 8) / 4).astype(np.float32)
    constants = {"w": w, "s": numbers(0.5), "z": numbers(1.0), "b": numbers(bits)}
    attributes = {"signed": 1, "narrow": seed % 2, "rounding_mode": mode.lower()}
    node = Node(0, "n", "Quant", DOMAIN, ("w", "s", "z", "b"), ("q",), attributes)
    wanted = definition.quant(
        w, numbers(0.5), numbers(1.0), bits, signed=1, narrow=seed % 2, mode=mode
    )
    actual = fold(node, constants)
    assert actual is not None
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize(
    "scale", [numbers(0.5), np.array([0.5, 1, 2, 4], np.float32).reshape(4, 1, 1)]
)
def test_bipolar_is_one_step_and_a_constant(scale: Array, tmp_path: Path) -> None:
    model = build(
        f"a = Conv(x, w) q = {DOMAIN}.BipolarQuant(a, s) y = Conv<pads=[1,1,1,1]>(q, v)",
        {"w": POINTWISE, "v": (2, 4, 3, 3), "s": scale},
        inputs="float[N,4,3,5] x",
        domains={DOMAIN: 1},
    )
    x = samples(1.0, -1, 1)
    (wanted,) = definition.run(model, x)
    result = imported(model, tmp_path, x)
    np.testing.assert_allclose(model_values(result, x), wanted, atol=1e-5)
    np.testing.assert_allclose(network_values(result, x), wanted, atol=1e-5)
    assert (only(result).lowest, only(result).levels) == (0, 1)
    assert any(p.bias is not None for p in result.network.populations)


@given(st.data())
@fuzz(50)
def test_multi_threshold_is_its_definition(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    """Thresholds of all or of each channel, in three layouts, with any output scale and bias."""
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    shape, layout = data.draw(
        st.sampled_from(
            [((4, 3, 5), "NCHW"), ((3, 5, 4), "NHWC"), ((4,), "NCHW"), ((3, 4), "NCHW")]
        )
    )
    rows = data.draw(st.sampled_from([1, 4]))
    count = data.draw(st.sampled_from([1, 2, 3, 7]))
    step = rng.choice([0.25, 0.5, 3.0], size=(rows, 1))
    first = np.rint(rng.normal(size=(rows, 1)) * 4) / 4
    thresholds = (first + step * np.arange(count)).astype(np.float32)
    scale = data.draw(st.sampled_from([1.0, 2.0, 0.5, -1.0]))
    bias = data.draw(st.sampled_from([0.0, -1.0, -2.0, 0.75]))
    dims = ",".join(str(n) for n in shape)
    model = build(
        f"""q = finn.custom_op.general.MultiThreshold<out_dtype="INT4", data_layout="{layout}",
            out_scale={scale:f}, out_bias={bias:f}>(x, t)
        y = Mul(q, two)""",
        {"t": thresholds, "two": numbers(2)},
        inputs=f"float[N,{dims}] x",
        domains={"finn.custom_op.general": 1},
    )
    x = (rng.normal(size=(6, *shape)) * 4).astype(np.float32)
    x = np.rint(x * 4) / 4  # many of them on a threshold, which they reach
    x[3:] += 1 / 64
    (wanted,) = definition.run(model, x)
    result = imported(model, tmp_path_factory.mktemp("thresholds"), x)
    np.testing.assert_allclose(model_values(result, x), wanted, atol=1e-5)
    np.testing.assert_allclose(network_values(result, x), wanted, atol=1e-5)


def test_thresholds_of_a_signed_activation_are_signed_levels(tmp_path: Path) -> None:
    """An output bias of whole steps moves the levels: -2 to 1 instead of 0 to 3 and a constant."""
    model = build(
        """q = finn.custom_op.general.MultiThreshold<out_dtype="INT2", out_bias=-2.0>(x, t)
        y = Mul(q, two)""",
        {"t": np.array([[-1.5, -0.5, 0.5]], np.float32), "two": numbers(2)},
        inputs="float[N,4] x",
        domains={"finn.custom_op.general": 1},
    )
    result = import_model(save(model, tmp_path))
    assert only(result) == m.Quantized(1.0, 1, -2, 0.5)
    assert all(p.bias is None for p in result.network.populations)
