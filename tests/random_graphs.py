"""Random small ONNX graphs: whatever the importer says it takes, in every order.

A generator keeps the tensors made so far and draws one operator after another that fits one of
them, so weights are shared, values have several readers, sums nest and outputs lie anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape: TypeAlias = tuple[int, ...]
Maker: TypeAlias = "Callable[[Graph, str, Shape], None]"

LARGEST = 1200
"""Elements of the largest tensor; operators that would make more are not drawn."""


@dataclass
class Graph:
    """A graph under construction; every tensor is (C, H, W) or (N,) without the batch axis."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    tensors: dict[str, Shape] = field(default_factory=dict)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def pick(self, choices: list[Any]) -> Any:
        return choices[self.integer(0, len(choices) - 1)]

    def weight(self, shape: Shape, fan_in: int) -> str:
        """A weight; now and then one that another operator has already."""
        same = [n for n, w in self.weights.items() if w.shape == shape and n.startswith("w")]
        if same and self.chance(0.3):
            return str(self.pick(same))
        return self.constant(self.rng.normal(size=shape) / np.sqrt(fan_in), "w")

    def constant(self, values: Any, prefix: str = "c") -> str:
        array = np.asarray(values)
        name = f"{prefix}{len(self.weights)}"
        self.weights[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
        return name

    def bias(self, channels: int) -> list[str]:
        return [self.constant(self.rng.normal(size=channels) * 0.3)] if self.chance(0.6) else []

    def node(self, kind: str, inputs: list[str], shape: Shape, **attributes: Any) -> str:
        """A node with one output of a known shape."""
        return self.node_with([shape], kind, inputs, **attributes)[0]

    def node_with(
        self, shapes: list[Shape], kind: str, inputs: list[str], **attributes: Any
    ) -> list[str]:
        outputs = [f"t{len(self.tensors) + i}" for i in range(len(shapes))]
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))
        self.tensors.update(zip(outputs, shapes, strict=True))
        return outputs

    def like(self, shape: Shape, other: str) -> list[str]:
        """Tensors of that shape beside `other`."""
        return [n for n, s in self.tensors.items() if s == shape and n != other]


def _window(g: Graph, shape: Shape, *, pooling: bool = False) -> dict[str, Any]:
    kernel = [g.integer(1, 3), g.integer(1, 3)]
    pads = [g.integer(0, 1) if kernel[i % 2] > 1 else 0 for i in range(4)]
    strides = [g.integer(1, 2), g.integer(1, 2)]
    return {"kernel_shape": kernel, "pads": pads, "strides": strides}


def _sides(shape: Shape, window: dict[str, Any], *, ceil: bool = False) -> list[int] | None:
    """Rows and columns of a window's output; None where it does not fit."""
    sides = []
    for axis in (0, 1):
        dilation = window.get("dilations", [1, 1])[axis]
        span = dilation * (window["kernel_shape"][axis] - 1) + 1
        before, after = window["pads"][axis], window["pads"][axis + 2]
        room = shape[axis + 1] + before + after - span
        stride = window["strides"][axis]
        if room < 0:
            return None
        count = (-(-room // stride) if ceil else room // stride) + 1
        if ceil and (count - 1) * stride >= shape[axis + 1] + before:
            return None  # ONNX's shape inference counts such a window, its runtimes do not
        sides.append(count)
    return sides


def _groups(g: Graph, channels: int) -> int:
    return int(g.pick([n for n in range(1, channels + 1) if channels % n == 0] + [1, channels]))


def conv(g: Graph, x: str, shape: Shape) -> None:
    window = _window(g, shape)
    if g.chance(0.15):
        window["dilations"] = [2, 1]
    groups = _groups(g, shape[0])
    out = groups * g.integer(1, max(1, 6 // groups))
    sides = _sides(shape, window)
    if sides is None or out * sides[0] * sides[1] > LARGEST:
        return
    inner = shape[0] // groups
    kernel = window["kernel_shape"]
    weight = g.weight((out, inner, *kernel), inner * kernel[0] * kernel[1])
    g.node("Conv", [x, weight, *g.bias(out)], (out, *sides), group=groups, **window)


def conv_transpose(g: Graph, x: str, shape: Shape) -> None:
    groups = _groups(g, shape[0])
    per_group = g.integer(1, 3)
    window = _window(g, shape)
    kernel, strides, pads = window["kernel_shape"], window["strides"], window["pads"]
    extra = [g.integer(0, s - 1) for s in strides]
    sides = [
        strides[i] * (shape[i + 1] - 1) + kernel[i] + extra[i] - pads[i] - pads[i + 2]
        for i in (0, 1)
    ]
    out = per_group * groups
    if min(sides) < 1 or out * sides[0] * sides[1] > LARGEST:
        return
    weight = g.weight((shape[0], per_group, *kernel), shape[0] // groups * kernel[0])
    inputs = [x, weight, *g.bias(out)]
    g.node("ConvTranspose", inputs, (out, *sides), group=groups, output_padding=extra, **window)


def batch_norm(g: Graph, x: str, shape: Shape) -> None:
    channels = shape[0]
    gamma = g.rng.uniform(-1.5, 1.5, channels)
    if g.chance(0.2):
        gamma[0] = 0.0
    values = (gamma, g.rng.normal(size=channels) * 0.3, g.rng.normal(size=channels) * 0.3)
    names = [g.constant(v) for v in (*values, g.rng.uniform(0.5, 2.0, channels))]
    g.node("BatchNormalization", [x, *names], shape)


def relu(g: Graph, x: str, shape: Shape) -> None:
    g.node("Relu", [x], shape)


def clip(g: Graph, x: str, shape: Shape) -> None:
    bounds = [g.constant(np.float32(0)), g.constant(np.float32(g.pick([0.5, 1.0, 6.0])))]
    g.node("Clip", [x, *bounds], shape)


def leaky(g: Graph, x: str, shape: Shape) -> None:
    g.node("LeakyRelu", [x], shape, alpha=float(g.pick([0.01, 0.1, 0.5])))


def prelu(g: Graph, x: str, shape: Shape) -> None:
    slope = g.rng.uniform(0, 0.7, (shape[0], *(1,) * (len(shape) - 1)))
    if g.chance(0.3):
        slope[0] = 0.0
    g.node("PRelu", [x, g.constant(slope)], shape)


def add(g: Graph, x: str, shape: Shape) -> None:
    others = g.like(shape, x)
    if others:
        kind = g.pick(["Add", "Add", "Sub", "Sum"])
        operands = [x, str(g.pick(others))]
        if kind == "Sum" and g.chance(0.5):
            operands.append(str(g.pick(others)))
        g.node(kind, operands, shape)
    elif g.chance(0.2):
        g.node("Add", [x, x], shape)


def concat(g: Graph, x: str, shape: Shape) -> None:
    others = [n for n, s in g.tensors.items() if s and s[1:] == shape[1:]]
    parts = [x, *(str(g.pick(others)) for _ in range(g.integer(1, 2)))]
    channels = sum(g.tensors[p][0] for p in parts)
    if channels * int(np.prod(shape[1:])) <= LARGEST:
        g.node("Concat", parts, (channels, *shape[1:]), axis=1)


def constant_arithmetic(g: Graph, x: str, shape: Shape) -> None:
    ones = (1,) * (len(shape) - 1)
    size: Shape = g.pick([(), (shape[0], *ones), (1, shape[0], *ones), shape])
    kind = g.pick(["Add", "Sub", "Mul", "Div"])
    values = g.rng.uniform(0.5, 2.0, size) * g.rng.choice([-1.0, 1.0], size)
    other = g.constant(np.asarray(values, dtype=np.float32))
    flipped = kind != "Div" and g.chance(0.3)
    g.node(kind, [other, x] if flipped else [x, other], shape)


def split(g: Graph, x: str, shape: Shape) -> None:
    if shape[0] < 2:
        return
    first = g.integer(1, shape[0] - 1)
    sizes = g.constant(np.array([first, shape[0] - first], dtype=np.int64))
    shapes = [(n, *shape[1:]) for n in (first, shape[0] - first)]
    g.node_with(shapes, "Split", [x, sizes], axis=1)


def slice_channels(g: Graph, x: str, shape: Shape) -> None:
    start, step = g.integer(0, shape[0] - 1), g.integer(1, 2)
    stop = g.integer(start + 1, shape[0])
    values = [g.constant(np.array([v], dtype=np.int64)) for v in (start, stop, 1, step)]
    g.node("Slice", [x, *values], (len(range(start, stop, step)), *shape[1:]))


def pad(g: Graph, x: str, shape: Shape) -> None:
    pads = [g.integer(0, 1) for _ in range(4)]
    sides = (shape[1] + pads[0] + pads[2], shape[2] + pads[1] + pads[3])
    amounts = g.constant(np.array([0, 0, *pads[:2], 0, 0, *pads[2:]], dtype=np.int64))
    if shape[0] * sides[0] * sides[1] <= LARGEST:
        g.node("Pad", [x, amounts], (shape[0], *sides))


def upsample(g: Graph, x: str, shape: Shape) -> None:
    rows, columns = g.integer(1, 2), g.integer(1, 2)
    sides = (shape[1] * rows, shape[2] * columns)
    scales = g.constant(np.array([1, 1, rows, columns], dtype=np.float32))
    if shape[0] * sides[0] * sides[1] <= LARGEST:
        modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
        g.node("Resize", [x, "", scales], (shape[0], *sides), nearest_mode="floor", **modes)


def average_pool(g: Graph, x: str, shape: Shape) -> None:
    window = _window(g, shape)
    ceil = g.chance(0.3)
    # Old onnxruntimes average wrongly where both are set; the frontend has its own test of that.
    count = not ceil and g.chance(0.4)
    sides = _sides(shape, window, ceil=ceil)
    if sides is not None:
        flags = {"ceil_mode": int(ceil), "count_include_pad": int(count)}
        g.node("AveragePool", [x], (shape[0], *sides), **window, **flags)


def max_pool(g: Graph, x: str, shape: Shape) -> None:
    window = _window(g, shape)
    if g.chance(0.15):
        window["dilations"] = [1, 2]
    ceil = g.chance(0.3)
    sides = _sides(shape, window, ceil=ceil)
    if sides is not None:
        g.node("MaxPool", [x], (shape[0], *sides), ceil_mode=int(ceil), **window)


def global_pool(g: Graph, x: str, shape: Shape) -> None:
    g.node(g.pick(["GlobalAveragePool", "GlobalMaxPool"]), [x], (shape[0], 1, 1))


def flatten(g: Graph, x: str, shape: Shape) -> None:
    size = int(np.prod(shape))
    if g.chance(0.3):
        # As NHWC exporters do.
        x = g.node("Transpose", [x], (), perm=[0, 2, 3, 1])
        del g.tensors[x]
        g.tensors[f"{x}_hidden"] = ()
    g.node("Flatten", [x], (size,))


def channels_last(g: Graph, x: str, shape: Shape) -> None:
    """Some work in NHWC between two transposes."""
    start = len(g.nodes)
    out = f"t{len(g.tensors)}"
    bias = g.constant(g.rng.normal(size=shape[0]) * 0.3)
    kind = g.pick(["Relu", "Relu", "Identity"])
    steps = [
        ("Transpose", [x], f"{out}_a", {"perm": [0, 2, 3, 1]}),
        ("Add", [f"{out}_a", bias], f"{out}_b", {}),
        (kind, [f"{out}_b"], f"{out}_c", {}),
        ("Transpose", [f"{out}_c"], out, {"perm": [0, 3, 1, 2]}),
    ]
    for i, (op, inputs, output, attributes) in enumerate(steps):
        g.nodes.append(helper.make_node(op, inputs, [output], f"n{start + i}", **attributes))
    g.tensors[out] = shape


def gemm(g: Graph, x: str, shape: Shape) -> None:
    out = g.integer(2, 10)
    if g.chance(0.4):
        product = g.node("MatMul", [x, g.weight((shape[0], out), shape[0])], (out,))
        if g.chance(0.5):
            g.node("Add", [product, g.constant(g.rng.normal(size=out) * 0.3)], (out,))
        return
    transposed = g.chance(0.5)
    weight = g.weight((out, shape[0]) if transposed else (shape[0], out), shape[0])
    alpha, beta = float(g.pick([1.0, 0.5])), float(g.pick([1.0, 2.0]))
    inputs = [x, weight, *g.bias(out)]
    g.node("Gemm", inputs, (out,), transB=int(transposed), alpha=alpha, beta=beta)


ANY: list[Maker] = [batch_norm, relu, relu, clip, leaky, prelu, add, add, concat]
ANY += [constant_arithmetic, split, slice_channels]
IMAGE: list[Maker] = [*ANY, conv, conv, conv, conv_transpose, pad, upsample, average_pool]
IMAGE += [max_pool, max_pool, global_pool, flatten, channels_last]
VECTOR: list[Maker] = [*ANY, gemm, gemm, gemm]


def random_model(seed: int) -> onnx.ModelProto:
    """The model of a seed: one image, up to a dozen operators, one to three outputs."""
    g = Graph(np.random.default_rng(seed))
    size: Shape = (g.integer(1, 4), g.integer(3, 7), g.integer(3, 7))
    g.tensors["x"] = size
    for _ in range(g.integer(3, 12)):
        usable = [n for n in g.tensors if g.tensors[n]]
        x = usable[-1] if g.chance(0.7) else str(g.pick(usable))
        shape = g.tensors[x]
        g.pick(IMAGE if len(shape) == 3 else VECTOR)(g, x, shape)
    last = [n for n in g.tensors if g.tensors[n]][-1]
    if len(g.tensors[last]) == 3:
        g.node("Flatten", [last], (int(np.prod(g.tensors[last])),))
        last = list(g.tensors)[-1]
    gemm(g, last, g.tensors[last])
    return _model(g, size)


def _model(g: Graph, size: Shape) -> onnx.ModelProto:
    used = {name for node in g.nodes for name in node.input}
    names = [n for n in g.tensors if g.tensors[n] and n != "x"]
    outputs = [n for n in names if n not in used][-3:]
    inner = [n for n in names if n in used]
    if inner and g.chance(0.3):
        outputs.insert(0, str(g.pick(inner)))
    graph = helper.make_graph(
        g.nodes,
        "random",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *size])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(w, n) for n, w in g.weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
