"""Small ONNX models for tests, written as ONNX text with random weights.

`build("y = Conv(x, w)", {"w": (4, 3, 3, 3)})` makes a model with one input `x` of shape
[N, 3, 8, 8] and one output `y`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, parser

Weights: TypeAlias = Mapping[str, "NDArray[Any] | tuple[int, ...]"]
"""Arrays, or shapes of arrays to fill with seeded normal numbers."""


def build(
    nodes: str,
    weights: Weights | None = None,
    *,
    inputs: str = "float[N,3,8,8] x",
    outputs: Sequence[str] = ("y",),
    opset: int = 18,
    ir_version: int = 8,
    domains: Mapping[str, int] | None = None,
    seed: int = 0,
) -> onnx.ModelProto:
    """A model from the text of its nodes.

    Args:
        nodes: Node lines of the ONNX text form.
        weights: Initializers by name.
        inputs: Declared inputs, in ONNX text form.
        outputs: Names of the outputs; their shapes are left open.
        opset: Version of ONNX's own operator set.
        ir_version: Version of the file format.
        domains: Further operator sets.
        seed: Of the random weights.
    """
    imports = ", ".join(f'"{d}" : {v}' for d, v in {"": opset, **(domains or {})}.items())
    declared = ", ".join(f"float[] {name}" for name in outputs)
    model = parser.parse_model(
        f"<ir_version: {ir_version}, opset_import: [{imports}]> "
        f"model ({inputs}) => ({declared}) {{ {nodes} }}"
    )
    rng = np.random.default_rng(seed)
    for name, given in (weights or {}).items():
        array = given
        if isinstance(given, tuple):
            fan_in = max(int(np.prod(given[1:])), 1)
            array = (rng.normal(size=given) / np.sqrt(fan_in)).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return model


def save(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    """Write a model without any checks (broken ones are wanted too) and return its path."""
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def numbers(*values: float) -> NDArray[np.float32]:
    """A float32 vector; of one value, a scalar."""
    array = np.array(values, dtype=np.float32)
    return array.reshape(()) if len(values) == 1 else array


def integers(*values: int) -> NDArray[np.int64]:
    """An int64 vector."""
    return np.array(values, dtype=np.int64)


def batch_norm(name: str, channels: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """The four parameters `name_g, name_b, name_m, name_v` of a BatchNormalization."""
    rng = np.random.default_rng(seed + 99)
    return {
        f"{name}_g": rng.uniform(0.5, 1.5, channels).astype(np.float32),
        f"{name}_b": rng.normal(size=channels).astype(np.float32),
        f"{name}_m": rng.normal(size=channels).astype(np.float32),
        f"{name}_v": rng.uniform(0.5, 2.0, channels).astype(np.float32),
    }


def residual() -> onnx.ModelProto:
    """A small residual network: conv, block with a shortcut, global average, dense."""
    return build(
        """a = Conv<pads=[1,1,1,1]>(x, w1, b1)
        r = Relu(a)
        c = Conv<pads=[1,1,1,1]>(r, w2, b2)
        s = Add(c, r)
        t = Relu(s)
        p = GlobalAveragePool(t)
        f = Flatten(p)
        y = Gemm<transB=1>(f, w3, b3)""",
        {
            "w1": (6, 3, 3, 3),
            "b1": (6,),
            "w2": (6, 6, 3, 3),
            "b2": (6,),
            "w3": (5, 6),
            "b3": (5,),
        },
    )


def depthwise() -> onnx.ModelProto:
    """A depthwise-separable network with ReLU6."""
    return build(
        """a = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w1, b1)
        r = Clip(a, lo, hi)
        c = Conv<pads=[1,1,1,1], group=6>(r, w2)
        t = Clip(c, lo, hi)
        d = Conv(t, w3, b3)
        u = Relu(d)
        f = Flatten(u)
        y = Gemm<transB=1>(f, w4)""",
        {
            "w1": (6, 3, 3, 3),
            "b1": (6,),
            "w2": (6, 1, 3, 3),
            "w3": (8, 6, 1, 1),
            "b3": (8,),
            "w4": (5, 128),
            "lo": numbers(0),
            "hi": numbers(6),
        },
    )


def concatenated() -> onnx.ModelProto:
    """Two branches joined over channels."""
    return build(
        """a = Conv<pads=[1,1,1,1]>(x, w1)
        r = Relu(a)
        b = Conv(x, w2)
        s = Relu(b)
        c = Concat<axis=1>(r, s)
        d = Conv(c, w3)
        t = Relu(d)
        p = AveragePool<kernel_shape=[2,2], strides=[2,2]>(t)
        f = Flatten(p)
        y = Gemm<transB=1>(f, w4)""",
        {"w1": (4, 3, 3, 3), "w2": (2, 3, 1, 1), "w3": (5, 6, 1, 1), "w4": (5, 80)},
    )


def channels_last() -> onnx.ModelProto:
    """What an NHWC exporter writes: transposes around every convolution, bias and Relu in NHWC."""
    return build(
        """t1 = Transpose<perm=[0,3,1,2]>(x)
        c1 = Conv<auto_pad="SAME_UPPER">(t1, w1)
        n1 = Transpose<perm=[0,2,3,1]>(c1)
        a1 = Add(n1, b1)
        r1 = Relu(a1)
        t2 = Transpose<perm=[0,3,1,2]>(r1)
        p2 = MaxPool<kernel_shape=[2,2], strides=[2,2]>(t2)
        c2 = Conv(p2, w2)
        n2 = Transpose<perm=[0,2,3,1]>(c2)
        r2 = Relu(n2)
        f = Reshape(r2, shape)
        m = MatMul(f, w3)
        y = Add(m, b3)""",
        {
            "w1": (4, 3, 3, 3),
            "b1": (4,),
            "w2": (6, 4, 3, 3),
            "w3": (24, 5),
            "b3": (5,),
            "shape": integers(-1, 24),
        },
        inputs="float[N,8,8,3] x",
    )


def max_pooled() -> onnx.ModelProto:
    """Convolutions with max pooling in between."""
    return build(
        """a = Conv<pads=[1,1,1,1]>(x, w1, b1)
        r = Relu(a)
        p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
        c = Conv(p, w2)
        t = Relu(c)
        f = Flatten(t)
        y = Gemm<transB=1>(f, w3)""",
        {"w1": (4, 3, 3, 3), "b1": (4,), "w2": (6, 4, 3, 3), "w3": (5, 24)},
    )
