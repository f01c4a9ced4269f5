"""Absurd sizes are refused at once, and windows that hold nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import build, integers, numbers, save

from snnc.diagnostics import InputError
from snnc.frontend.importer import import_model, survey
from snnc.frontend.refusal import LARGEST_VALUE, Refusal, refuse_large
from snnc.frontend.windows import Window, some_window_is_padding

K = {"k": (3, 3, 3, 3)}
NEAREST = 'mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"'
HUGE: dict[str, onnx.ModelProto] = {
    "pad": build(
        "p = Pad(x, n) y = Relu(p)", {"n": integers(0, 0, 20000, 20000, 0, 0, 20000, 20000)}
    ),
    "transposed conv": build("p = ConvTranspose<strides=[9000,9000]>(x, k) y = Relu(p)", K),
    "resize": build(f"p = Resize<{NEAREST}>(x, , s) y = Relu(p)", {"s": numbers(1, 1, 9000, 9000)}),
    "conv": build("y = Conv<pads=[30000,30000,30000,30000], strides=[10000,10000]>(x, k)", K),
    "max pool": build("y = MaxPool<kernel_shape=[2,2], pads=[30000,30000,0,0], strides=[1,1]>(x)"),
    "input": build("y = Relu(x)", inputs="float[N,3,100000,100000] x"),
}


@pytest.mark.parametrize("case", HUGE)
def test_a_huge_tensor_is_refused_with_the_limit(case: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        import_model(save(HUGE[case], tmp_path))
    assert caught.value.diagnostics[0].code == "SN620"
    assert "100,000,000 are the limit" in str(caught.value)


def test_the_limit_is_inclusive() -> None:
    refuse_large((LARGEST_VALUE // 1000, 1000))
    with pytest.raises(Refusal):
        refuse_large((LARGEST_VALUE // 1000, 1001))


@pytest.mark.parametrize(
    "nodes",
    [
        "y = MaxPool<kernel_shape=[2,2], dilations=[9,9], pads=[1,1,1,1]>(x)",
        "y = AveragePool<kernel_shape=[2,2], pads=[2,2,2,2]>(x)",
    ],
    ids=["maximum", "average"],
)
def test_a_window_of_padding_alone_has_no_value(nodes: str, tmp_path: Path) -> None:
    report = survey(save(build(nodes), tmp_path))
    assert "padding only" in report.refused[0].reason


def test_windows_of_padding_are_found_as_by_looking() -> None:
    """Against counting the pixels of every window."""
    rng = np.random.default_rng(0)
    found = set()
    for _ in range(500):
        size, kernel, pad, stride, dilation = (int(rng.integers(1, n)) for n in (6, 4, 5, 4, 4))
        count = (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
        if count < 1:
            continue
        window = Window((kernel, 1), (stride, 1), (pad, 0, pad, 0), (dilation, 1), "NOTSET")
        taps = [[i * stride - pad + k * dilation for k in range(kernel)] for i in range(count)]
        empty = any(not any(0 <= t < size for t in row) for row in taps)
        assert some_window_is_padding(window, (size, 1), (count, 1)) == empty
        found.add(empty)
    assert found == {True, False}
