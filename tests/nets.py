"""Small networks of stage ann with random weights, one for every pattern passes must handle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnc.ir import model as m
from snnc.ir.verify import check

IMAGE = (2, 8, 8)


class Builder:
    """Collects populations and tensors of a test network."""

    def __init__(self, seed: int = 0, shape: tuple[int, ...] = IMAGE) -> None:
        self.rng = np.random.default_rng(seed)
        self.inputs = (m.Input("image", "f32", shape),)
        self.populations: list[m.Population] = []
        self.arrays: dict[str, np.ndarray] = {}

    def tensor(self, name: str, shape: tuple[int, ...], scale: float | None = None) -> m.Ref:
        fan_in = int(np.prod(shape[1:])) or 1
        spread = scale if scale is not None else np.sqrt(2.0 / fan_in)
        self.arrays[name] = self.rng.normal(0, spread, shape).astype(np.float32)
        return m.Ref(name)

    def add(
        self,
        name: str,
        shape: tuple[int, ...],
        neuron: m.Neuron,
        *incoming: tuple[str, tuple[m.Operator, ...]],
        bias: tuple[int, ...] | None = None,
    ) -> None:
        ref = None if bias is None else self.tensor(f"{name}.bias", bias, 0.1)
        self.populations.append(
            m.Population(
                name,
                shape,
                neuron,
                bias=ref,
                origin=(f"/{name}/Node",),
                incoming=tuple(m.Incoming(source, ops) for source, ops in incoming),
            )
        )

    def conv(self, name: str, out: int, into: int, size: int = 3, **options: object) -> m.Conv2d:
        pad = size // 2
        options.setdefault("pads", (pad, pad, pad, pad))
        return m.Conv2d(self.tensor(f"{name}.weight", (out, into, size, size)), **options)

    def dense(self, name: str, out: int, into: int) -> m.Dense:
        return m.Dense(self.tensor(f"{name}.weight", (out, into)))

    def network(self, *heads: str) -> m.Network:
        made = m.Network(
            name="test",
            stage="ann",
            inputs=self.inputs,
            populations=tuple(self.populations),
            heads=tuple(m.Head(h, h, m.Logits()) for h in heads or ("out",)),
        ).with_arrays(self.arrays)
        check(made)
        return made


def plain(seed: int = 0) -> m.Network:
    """conv, ReLU, average pool, conv, ReLU, dense."""
    b = Builder(seed)
    b.add("conv1", (6, 8, 8), m.Relu(), ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    pool = m.AvgPool2d((2, 2), (2, 2))
    b.add("conv2", (8, 4, 4), m.Relu(), ("conv1", (pool, b.conv("conv2", 8, 6))), bias=(8,))
    b.add("out", (5,), m.Identity(), ("conv2", (m.Flatten(), b.dense("out", 5, 128))), bias=(5,))
    return b.network()


def batch_norm(seed: int = 0) -> m.Network:
    """Scales (folded batch norm) behind, before, and between weights, with a shared weight."""
    b = Builder(seed)
    factor = m.Scale(b.tensor("bn1.scale", (6,), 1.0))
    shared = b.conv("shared", 6, 6)
    b.add("conv1", (6, 8, 8), m.Relu(), ("image", (b.conv("conv1", 6, 2), factor)), bias=(6,))
    before = m.Scale(b.tensor("bn2.scale", (6,), 1.0))
    b.add("conv2", (6, 8, 8), m.Relu(), ("conv1", (before, shared)), bias=(6, 8, 8))
    b.add("conv3", (6, 8, 8), m.Relu(), ("conv2", (shared,)), bias=(6,))
    pool = m.AvgPool2d((2, 2), (2, 2))
    behind = m.Scale(b.tensor("bn3.scale", (6,), 1.0))
    ops = (pool, behind, m.Flatten(), b.dense("out", 5, 96))
    b.add("out", (5,), m.Identity(), ("conv3", ops), bias=(5,))
    return b.network()


def residual(seed: int = 0) -> m.Network:
    """A shared linear sum that two neurons and a skip read (pre-activation residual)."""
    b = Builder(seed)
    b.add("stem", (4, 8, 8), m.Identity(), ("image", (b.conv("stem", 4, 2),)), bias=(4,))
    b.add("act1", (4, 8, 8), m.Relu(), ("stem", (m.Scale(b.tensor("bn1", (4,), 1.0)),)), bias=(4,))
    b.add("sum1", (4, 8, 8), m.Identity(), ("stem", ()), ("act1", (b.conv("c1", 4, 4),)), bias=(4,))
    b.add("act2", (4, 8, 8), m.Relu(), ("sum1", (m.Scale(b.tensor("bn2", (4,), 1.0)),)), bias=(4,))
    b.add("act3", (4, 8, 8), m.Relu(), ("sum1", ()), ("act2", (b.conv("c2", 4, 4),)))
    pool = m.AvgPool2d((8, 8), (8, 8))
    b.add("out", (5,), m.Identity(), ("act3", (pool, m.Flatten(), b.dense("out", 5, 4))), bias=(5,))
    return b.network()


def depthwise(seed: int = 0) -> m.Network:
    """Depthwise separable convolutions with ReLU6."""
    b = Builder(seed)
    b.add("conv1", (6, 8, 8), m.Clip(6.0), ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.add("dw", (6, 4, 4), m.Clip(0.5), ("conv1", (b.conv("dw", 6, 1, groups=6, strides=(2, 2)),)))
    b.add("pw", (8, 4, 4), m.Clip(6.0), ("dw", (b.conv("pw", 8, 6, 1),)), bias=(8,))
    b.add("out", (5,), m.Identity(), ("pw", (m.Flatten(), b.dense("out", 5, 128))), bias=(5,))
    return b.network()


def concat(seed: int = 0) -> m.Network:
    """Two branches joined over channels, with a per-channel scale behind."""
    b = Builder(seed)
    b.add("left", (3, 8, 8), m.Relu(), ("image", (b.conv("left", 3, 2),)), bias=(3,))
    b.add("right", (4, 8, 8), m.Relu(), ("image", (b.conv("right", 4, 2, 5),)), bias=(4,))
    factor = m.Scale(b.tensor("bn.scale", (7,), 1.0))
    w = m.Conv2d(b.tensor("join.weight", (6, 7, 1, 1)))
    joined = (
        ("left", (m.Embed(0, 0, 7), factor, w)),
        ("right", (m.Embed(0, 3, 7), factor, w)),
    )
    b.add("join", (6, 8, 8), m.Relu(), *joined, bias=(6,))
    b.add("out", (5,), m.Identity(), ("join", (m.Flatten(), b.dense("out", 5, 384))), bias=(5,))
    return b.network()


def max_pool(seed: int = 0) -> m.Network:
    """Max pooling behind a ReLU, in front of one, on the input, and overlapping."""
    b = Builder(seed)
    pool = m.MaxPool2d((2, 2), (2, 2))
    b.add("pool0", (2, 8, 8), m.MaxPool2d((3, 3), pads=(1, 1, 1, 1)), ("image", ()))
    b.add("conv1", (6, 8, 8), m.Relu(), ("pool0", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.add("pool1", (6, 4, 4), pool, ("conv1", ()))
    b.add("pool2", (8, 2, 2), pool, ("pool1", (b.conv("conv2", 8, 6),)), bias=(8,))
    b.add("relu2", (8, 2, 2), m.Relu(), ("pool2", ()))
    b.add("out", (5,), m.Identity(), ("relu2", (m.Flatten(), b.dense("out", 5, 32))), bias=(5,))
    return b.network()


def leaky(seed: int = 0) -> m.Network:
    """LeakyReLU and a per-channel PReLU."""
    b = Builder(seed)
    b.add("conv1", (6, 8, 8), m.LeakyRelu(0.1), ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.arrays["slope"] = np.linspace(0.0, 0.5, 4, dtype=np.float32)
    conv = b.conv("conv2", 4, 6)
    b.add("conv2", (4, 8, 8), m.LeakyRelu(m.Ref("slope")), ("conv1", (conv,)), bias=(4,))
    b.add("out", (5,), m.Identity(), ("conv2", (m.Flatten(), b.dense("out", 5, 256))), bias=(5,))
    return b.network()


def two_heads(seed: int = 0) -> m.Network:
    """An early output, and a last one with a ReLU behind it."""
    b = Builder(seed)
    b.add("conv1", (6, 8, 8), m.Relu(), ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    pool = m.AvgPool2d((8, 8), (8, 8))
    b.add("early", (5,), m.Identity(), ("conv1", (pool, m.Flatten(), b.dense("early", 5, 6))))
    b.add("conv2", (6, 8, 8), m.Relu(), ("conv1", (b.conv("conv2", 6, 6),)), bias=(6,))
    b.add("out", (5,), m.Relu(), ("conv2", (m.Flatten(), b.dense("out", 5, 384))), bias=(5,))
    return b.network("early", "out")


def upsampling(seed: int = 0) -> m.Network:
    """Transposed convolution, nearest upsampling, slicing, transposing, padding."""
    b = Builder(seed)
    up = m.ConvTranspose2d(b.tensor("up.weight", (2, 4, 2, 2)), (2, 2))
    factor = m.Scale(b.tensor("bn.scale", (4,), 1.0))
    b.add("up", (4, 16, 16), m.Relu(), ("image", (up, factor)), bias=(4,))
    down = (m.AvgPool2d((4, 4), (4, 4)), m.Upsample2d((2, 2)), m.Slice(0, 1, 4, 2))
    b.add(
        "mix",
        (3, 8, 8),
        m.Relu(),
        ("up", (*down, m.Pad2d((1, 1, 1, 1)), b.conv("mix", 3, 2, pads=(0, 0, 0, 0)))),
    )
    last = (m.Transpose((1, 2, 0)), m.Flatten(), b.dense("out", 5, 192))
    b.add("out", (5,), m.Identity(), ("mix", last), bias=(5,))
    return b.network()


def quantised(seed: int = 0) -> m.Network:
    """A quantised input, batch norm, a pooled ReLU, steps per channel, a signed sum of branches."""
    b = Builder(seed)
    b.add("pixels", IMAGE, m.Quantized(1 / 16, 15), ("image", ()))
    factor = m.Scale(b.tensor("bn.scale", (4,), 1.0))
    b.add("conv1", (4, 8, 8), m.Relu(), ("pixels", (b.conv("conv1", 4, 2), factor)), bias=(4,))
    b.add("pool", (4, 4, 4), m.MaxPool2d((2, 2), (2, 2)), ("conv1", ()))
    b.add("quant1", (4, 4, 4), m.Quantized(0.25, 7), ("pool", ()))
    b.arrays["conv2.step"] = np.array([0.25, 0.375, 0.5, 0.75], np.float32)
    conv2 = b.conv("conv2", 4, 4)
    b.add("conv2", (4, 4, 4), m.Quantized(m.Ref("conv2.step"), 3), ("quant1", (conv2,)), bias=(4,))
    conv3 = b.conv("conv3", 4, 4)
    b.add("sum", (4, 4, 4), m.Quantized(0.5, 3, -3), ("conv2", (conv3,)), ("quant1", ()), bias=(4,))
    pool = m.AvgPool2d((2, 2), (2, 2))
    b.add("out", (5,), m.Identity(), ("sum", (pool, m.Flatten(), b.dense("out", 5, 16))), bias=(5,))
    return b.network()


def mixed(seed: int = 0) -> m.Network:
    """Quantised activations with a ReLU in front of them and one behind."""
    b = Builder(seed)
    b.add("conv1", (4, 8, 8), m.Relu(), ("image", (b.conv("conv1", 4, 2),)), bias=(4,))
    b.add("conv2", (4, 8, 8), m.Quantized(0.25, 3), ("conv1", (b.conv("conv2", 4, 4),)), bias=(4,))
    dense = b.dense("hidden", 8, 256)
    b.add("hidden", (8,), m.Clip(6.0), ("conv2", (m.Flatten(), dense)), bias=(8,))
    b.add("out", (5,), m.Identity(), ("hidden", (b.dense("out", 5, 8),)), bias=(5,))
    return b.network()


NETWORKS: dict[str, Callable[[int], m.Network]] = {
    f.__name__: f
    for f in (
        plain,
        batch_norm,
        residual,
        depthwise,
        concat,
        max_pool,
        leaky,
        two_heads,
        upsampling,
    )
}


QUANTISED: dict[str, Callable[[int], m.Network]] = {f.__name__: f for f in (quantised, mixed)}
"""Networks with quantised activations, which passes for continuous ones refuse."""


def images(count: int, seed: int = 1, shape: tuple[int, ...] = IMAGE) -> np.ndarray:
    """Uniform random inputs (count, *shape), float32."""
    return np.random.default_rng(seed).uniform(0, 1, (count, *shape)).astype(np.float32)
