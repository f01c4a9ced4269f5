"""Batch normalisation in every place in which exporters leave it."""

from __future__ import annotations

import numpy as np
import onnx_models
import pass_tools
import pytest
from onnx_models import batch_norm

from snnc.frontend.importer import import_model
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context


def bn(of: str) -> str:
    """A batch normalisation whose parameters are called `n_...`."""
    return f"BatchNormalization({of}, n_g, n_b, n_m, n_v)"


CONV = (4, 3, 3, 3)
PATTERNS = {
    "conv": (f"c = Conv(x, w) y = {bn('c')}", {"w": CONV}, 4),
    "transposed conv in groups": (
        f"c = ConvTranspose<group=3, strides=[2,2]>(x, w) y = {bn('c')}",
        {"w": (3, 2, 3, 3)},
        6,
    ),
    "gemm": (
        f"f = Flatten(x) c = Gemm<transB=1, alpha=0.5>(f, w, b) y = {bn('c')}",
        {"w": (5, 192), "b": (5,)},
        5,
    ),
    "matmul": (
        f"f = Flatten(x) c = MatMul(f, w) y = {bn('c')}",
        {"w": (192, 5)},
        5,
    ),
    "conv with two users": (
        f"c = Conv(x, w) n = {bn('c')} a = Relu(n) b = Relu(c) s = Add(a, b) y = Conv(s, k)",
        {"w": CONV, "k": (2, 4, 1, 1)},
        4,
    ),
    "before conv": (f"n = {bn('x')} y = Conv(n, w)", {"w": CONV}, 3),
    "before padded conv": (
        f"n = {bn('x')} y = Conv<pads=[1,1,1,1]>(n, w)",
        {"w": CONV},
        3,
    ),
    "relu, then conv": (
        f"c = Conv(x, w) r = Relu(c) n = {bn('r')} y = Conv<pads=[0,1,1,0]>(n, k)",
        {"w": CONV, "k": (2, 4, 2, 2)},
        4,
    ),
    "pool": (
        f"c = Conv(x, w) p = AveragePool<kernel_shape=[2,2], strides=[2,2]>(c) y = {bn('p')}",
        {"w": CONV},
        4,
    ),
    "shared conv weights": (
        f"c = Conv(x, w) d = Conv(x, w) n = {bn('c')} a = Relu(n) s = Add(a, d) y = Conv(s, k)",
        {"w": CONV, "k": (2, 4, 1, 1)},
        4,
    ),
    "input, then relu and conv": (
        f"n = {bn('x')} c = Conv(n, w) r = Relu(c) y = Conv(r, k)",
        {"w": CONV, "k": (2, 4, 1, 1)},
        3,
    ),
    "add": (
        f"a = Conv(x, w) b = Conv(x, v) s = Add(a, b) n = {bn('s')} r = Relu(n) y = Conv(r, k)",
        {"w": CONV, "v": CONV, "k": (2, 4, 1, 1)},
        4,
    ),
}


def folded(name, tmp_path, dead=False):
    """The network as imported, and after folding and fusing."""
    text, weights, channels = PATTERNS[name]
    parameters = batch_norm("n", channels)
    if dead:
        parameters["n_g"][0] = 0.0
    model = onnx_models.build(text, {**weights, **parameters})
    network = import_model(onnx_models.save(model, tmp_path)).network
    return network, pass_tools.run_specs(network, "fold-batch-norm,fuse-linear", Context())


@pytest.mark.parametrize("dead", [False, True], ids=["", "with a channel whose gamma is 0"])
@pytest.mark.parametrize("name", PATTERNS)
def test_no_scale_remains_beside_a_weight_and_every_value_is_kept(name, dead, tmp_path):
    network, after = folded(name, tmp_path, dead)
    for population in after.populations:
        for connection in population.incoming:
            kinds = [type(op) for op in connection.ops]
            assert m.Scale not in kinds, (population.name, connection.ops)
    x = {"x": np.random.default_rng(1).normal(size=(8, 3, 8, 8))}
    before, values = evaluate(network, x), evaluate(after, x)
    assert pass_tools.largest_error(before, values) < 3e-6


def test_another_gamma_is_noticed(tmp_path):
    """Negative control: folding with one parameter changed gives other values."""
    network, _ = folded("before padded conv", tmp_path)
    _, after = folded("before padded conv", tmp_path, dead=True)
    x = {"x": np.random.default_rng(1).normal(size=(8, 3, 8, 8))}
    assert pass_tools.largest_error(evaluate(network, x), evaluate(after, x)) > 1e-3
