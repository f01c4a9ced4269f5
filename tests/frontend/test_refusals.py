"""What would change the meaning of a model is refused, with the reason and a cure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import batch_norm, build, integers, numbers, save

from snnc.frontend.importer import survey

BN = batch_norm("n", 3)
REFUSED: dict[str, tuple[onnx.ModelProto, str]] = {
    "clip from -1": (
        build("y = Clip(x, lo, hi)", {"lo": numbers(-1), "hi": numbers(1)}),
        "lower bound is not 0",
    ),
    "min alone": (build("y = Min(x, hi)", {"hi": numbers(1)}), "from above only"),
    "max of two values": (build("a = Relu(x) b = Neg(x) y = Max(a, b)"), "compares computed"),
    "clip to nothing": (
        build("y = Clip(x, lo, hi)", {"lo": numbers(0), "hi": numbers(0)}),
        "not positive",
    ),
    "negative slope": (build("y = LeakyRelu<alpha=-0.1>(x)"), "slope is negative"),
    "reflecting pad": (
        build('y = Pad<mode="reflect">(x, p)', {"p": integers(0, 0, 1, 1, 0, 0, 1, 1)}),
        "mode=reflect",
    ),
    "pad with ones": (
        build("y = Pad(x, p, c)", {"p": integers(0, 0, 1, 1, 0, 0, 1, 1), "c": numbers(1)}),
        "other than 0",
    ),
    "negative pad": (
        build("y = Pad(x, p)", {"p": integers(0, 0, -1, 0, 0, 0, 0, 0)}),
        "negative amount",
    ),
    "linear resize": (
        build('y = Resize<mode="linear">(x, , s)', {"s": numbers(1, 1, 2, 2)}),
        "mode=linear",
    ),
    "resize by 1.5": (
        build('y = Resize<mode="nearest">(x, , s)', {"s": numbers(1, 1, 1.5, 2)}),
        "not a whole factor",
    ),
    "resize with other pixels": (
        build(
            'y = Resize<mode="nearest", coordinate_transformation_mode="asymmetric", '
            'nearest_mode="ceil">(x, , s)',
            {"s": numbers(1, 1, 2, 2)},
        ),
        "nearest pixel",
    ),
    "resize aligned corners": (
        build(
            'y = Resize<mode="nearest", coordinate_transformation_mode="align_corners">(x, , s)',
            {"s": numbers(1, 1, 3, 3)},
        ),
        "nearest pixel",
    ),
    "reversing slice": (
        build(
            "y = Slice(x, s, e, a, t)",
            {"s": integers(-1), "e": integers(-9), "a": integers(3), "t": integers(-1)},
        ),
        "reverses",
    ),
    "permuting gather": (
        build("y = Gather<axis=1>(x, i)", {"i": integers(2, 0, 1)}),
        "equally spaced",
    ),
    "gate": (build("a = Relu(x) y = Mul(a, x)"), "multiplies two computed"),
    "division by data": (build("a = Relu(x) y = Div(a, x)"), "divides by a computed"),
    "attention": (
        build("t = Transpose<perm=[0,2,1]>(x) y = MatMul(x, t)", inputs="float[N,4,6] x"),
        "as attention does",
    ),
    "broadcasting branches": (
        build("a = GlobalAveragePool(x) y = Add(x, a)"),
        "broadcasts computed values",
    ),
    "enlarging constant": (
        build("y = Add(x, c)", {"c": (3, 8, 8)}, inputs="float[N,1,8,8] x"),
        "enlarges",
    ),
    "batch baked in": (
        build("y = Reshape(x, s)", {"s": integers(1, -1)}),
        "across the batch axis",
    ),
    "batch transposed": (build("y = Transpose<perm=[1,0,2,3]>(x)"), "across the batch axis"),
    "batch reduced": (build("y = ReduceMean(x, a)", {"a": integers(0)}), "across the batch axis"),
    "everything reduced": (build("y = ReduceMean(x)"), "all axes"),
    "cast to integers": (build("a = Cast<to=6>(x) b = Cast<to=1>(a) y = Relu(b)"), "to integers"),
    "training dropout": (
        build("y = Dropout(x, r, t)", {"r": numbers(0.5), "t": np.array(True)}),
        "training mode",
    ),
    "attention mask": (
        build("y = Add(x, c)", {"c": numbers(-np.inf)}),
        "not finite",
    ),
    "weights per position": (
        build("y = MatMul(x, w)", {"w": (4, 6, 5)}, inputs="float[N,4,3,6] x"),
        "differs between positions",
    ),
    "training batch norm": (
        build("y = BatchNormalization<training_mode=1>(x, n_g, n_b, n_m, n_v)", BN),
        "training mode",
    ),
    "transA": (
        build("y = Gemm<transA=1>(x, w)", {"w": (3, 4)}, inputs="float[N,6] x"),
        "transA",
    ),
    "computed weights": (
        build("r = ReduceMean(x, a) w = Relu(x) y = Conv(x, w)", {"a": integers(2, 3)}),
        "must be a constant",
    ),
    "3-D convolution": (
        build("y = Conv(x, w)", {"w": (2, 3, 2, 2, 2)}, inputs="float[N,3,4,4,4] x"),
        "3 spatial axes",
    ),
    "indices of a max pool": (
        build("a, i = MaxPool<kernel_shape=[2,2]>(x) c = Cast<to=1>(i) y = Add(a, c)"),
        "indices",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_change_the_meaning_is_refused(case: str, tmp_path: Path) -> None:
    """The first refused node says why."""
    model, reason = REFUSED[case]
    report = survey(save(model, tmp_path))
    assert report.refused
    assert reason in report.refused[0].reason
    assert report.refused[0].cure
