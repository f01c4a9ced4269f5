# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy>=1.26", "onnx>=1.17", "onnxruntime>=1.20"]
# ///
"""Train `grouped.onnx`: a network for MNIST whose neurons read at most 60 inputs each.

    SNNC_DATA=FOLDER python examples/mnist/train_grouped.py [--output FILE] [--epochs 20] [--seed 0]

`FOLDER/data/mnist.npz` holds MNIST (see `make.py`). NumPy alone, some five minutes on one core.

A TrueNorth core has 256 axons, and a weight of 4 bits takes four of them: 64 inputs fit (Diehl et
al. 2016 limit the fan-in of their network so). Here it is 60, which leaves axons for biases that a
leak cannot stand for. Hence convolutions in groups, with a 1x1 convolution between them that mixes
all channels.

What makes the network survive few time steps and small whole weights is in its training:
- Weights are rounded to 15 levels, -7 to 7 times a scale for each output channel, biases to 1/16 of
  it; gradients pass the rounding unchanged (straight through; Bengio, Leonard, Courville 2013).
- Activations lie between 0 and 1 and are rounded to a sixteenth, up or down at random in proportion
  to the remainder. So is a number of spikes: right on average, and off by one now and then.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array

Array: TypeAlias = np.ndarray[Any, Any]
Parameters: TypeAlias = list[tuple[Array, Array]]
"""Weight (O, C / groups, k, k) and bias (O,) of each layer, float32."""

HERE = Path(__file__).resolve().parent
SLIDING: Callable[..., Array] = sliding_window_view  # its types differ between NumPy 1 and 2
LARGEST_WEIGHT = 7  # 4 bits, both signs alike
BIAS_STEPS = 16  # steps of a bias in one step of a weight
LARGEST_BIAS = 240  # in steps of a bias; a leak of TrueNorth goes to 255
BOUNDS = {"low": 0.0, "high": 1.0}  # of activations
LEVELS = 16  # of the activations in training
BATCH = 100
RATE = 4e-3  # of Adam, at the start
SHIFT = 2  # pixels by which training images are moved at most


class Layer(NamedTuple):
    """A square convolution without padding; the last one has no activation."""

    name: str
    channels: int
    inputs: int
    kernel: int
    stride: int = 1
    groups: int = 1

    @property
    def fan_in(self) -> int:
        """Inputs of one neuron."""
        return self.inputs // self.groups * self.kernel**2


LAYERS = (
    Layer("conv1", 15, 1, 5, stride=2),  # 28 -> 12
    Layer("conv2", 60, 15, 4, stride=2, groups=5),  # 12 -> 5
    Layer("mix", 60, 60, 1),
    Layer("conv3", 60, 60, 5, groups=30),  # 5 -> 1
    Layer("classes", 10, 60, 1),
)


def initial(random: np.random.Generator) -> Parameters:
    """Uniform weights with the variance of He et al. 2015, no biases."""
    found = []
    for layer in LAYERS:
        bound = math.sqrt(6 / layer.fan_in)
        shape = (layer.channels, layer.inputs // layer.groups, layer.kernel, layer.kernel)
        weight = random.uniform(-bound, bound, shape).astype(np.float32)
        found.append((weight, np.zeros(layer.channels, np.float32)))
    return found


def quantised(weight: Array, bias: Array) -> tuple[Array, Array]:
    """The nearest weights `q * s` and biases `b * s / 16`, |q| <= 7 and |b| <= 240, float32.

    The scale s of an output channel makes its largest weight 7.
    """
    largest = np.abs(weight).max(axis=(1, 2, 3))
    scale = np.where(largest > 0, largest, 1).astype(np.float32) / LARGEST_WEIGHT
    whole = np.rint(weight / scale[:, None, None, None])
    steps = np.clip(np.rint(bias / scale * BIAS_STEPS), -LARGEST_BIAS, LARGEST_BIAS)
    return whole * scale[:, None, None, None], steps * scale / BIAS_STEPS


def windows(x: Array, layer: Layer) -> tuple[Array, tuple[int, int]]:
    """What each neuron reads of images (N, H, W, C): (groups, N * rows * columns, fan-in)."""
    both = SLIDING(x, (layer.kernel, layer.kernel), axis=(1, 2))
    seen = both[:, :: layer.stride, :: layer.stride]
    count, rows, columns = seen.shape[:3]
    seen = seen.reshape(count * rows * columns, layer.groups, layer.fan_in)
    return np.ascontiguousarray(seen.transpose(1, 0, 2)), (rows, columns)


def grouped(weight: Array, layer: Layer) -> Array:
    """Weights as matrices (groups, fan-in, channels of a group)."""
    return weight.reshape(layer.groups, -1, layer.fan_in).transpose(0, 2, 1)


def convolved(seen: Array, weight: Array, bias: Array, layer: Layer) -> Array:
    """Values (N * rows * columns, channels) from what `windows` gives."""
    sums = (seen @ grouped(weight, layer)).transpose(1, 0, 2)
    values: Array = sums.reshape(len(sums), layer.channels) + bias
    return values


def activated(sums: Array, random: np.random.Generator) -> Array:
    """The sums cut to 0 and 1, in sixteenths, rounded up as often as the remainder says."""
    up = random.random(sums.shape, np.float32)
    values: Array = np.floor(np.clip(sums, 0, 1) * LEVELS + up) / np.float32(LEVELS)
    return values


def gradients(
    parameters: Parameters, x: Array, y: Array, random: np.random.Generator
) -> Parameters:
    """Gradients of the mean cross-entropy of images (N, 28, 28, 1) with labels (N,)."""
    rounded = [quantised(*pair) for pair in parameters]
    value, tape = x, []
    for layer, (weight, bias) in zip(LAYERS, rounded, strict=True):
        seen, size = windows(value, layer)
        sums = convolved(seen, weight, bias, layer)
        tape.append((seen, value.shape, sums))
        if layer is not LAYERS[-1]:
            value = activated(sums, random).reshape(len(x), *size, layer.channels)
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    error = powers / powers.sum(axis=1, keepdims=True)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    found: Parameters = []
    for layer, (weight, _), (seen, shape, sums) in reversed(
        list(zip(LAYERS, rounded, tape, strict=True))
    ):
        if layer is not LAYERS[-1]:
            error = error.reshape(sums.shape) * ((sums > 0) & (sums < 1))
        each = error.reshape(len(error), layer.groups, -1).transpose(1, 0, 2)
        slope = (each.transpose(0, 2, 1) @ seen).reshape(weight.shape)
        found.append((slope, error.sum(axis=0)))
        if layer is not LAYERS[0]:
            back = each @ grouped(weight, layer).transpose(0, 2, 1)
            error = scattered(back, shape, layer)
    return found[::-1]


def scattered(back: Array, shape: Sequence[int], layer: Layer) -> Array:
    """The transpose of `windows`: sums what belongs to one pixel, (N, H, W, C)."""
    count, height, width, channels = shape
    kernel, stride = layer.kernel, layer.stride
    rows, columns = ((n - kernel) // stride + 1 for n in (height, width))
    parts = back.transpose(1, 0, 2).reshape(count, rows, columns, channels, kernel, kernel)
    total = np.zeros(shape, np.float32)
    down, along = stride * (rows - 1) + 1, stride * (columns - 1) + 1
    for i in range(kernel):
        for j in range(kernel):
            total[:, i : i + down : stride, j : j + along : stride] += parts[..., i, j]
    return total


def moved(x: Array, random: np.random.Generator) -> Array:
    """Images (N, 28, 28, 1), each shifted by up to two pixels, with zeros where it was."""
    wide = np.pad(x[..., 0], ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    places = SLIDING(wide, x.shape[1:3], axis=(1, 2))
    rows, columns = random.integers(0, 2 * SHIFT + 1, (2, len(x)))
    shifted: Array = places[np.arange(len(x)), rows, columns][..., None]
    return shifted


class Adam:
    """Kingma and Ba 2015, with the rate falling to zero along half a cosine."""

    def __init__(self, parameters: Parameters, steps: int) -> None:
        self.steps, self.step = steps, 0
        self.moments = [[(np.zeros_like(a), np.zeros_like(a)) for a in p] for p in parameters]

    def update(self, parameters: Parameters, slopes: Parameters) -> None:
        """One step, in place."""
        self.step += 1
        rate = RATE * (1 + math.cos(math.pi * self.step / self.steps)) / 2
        rate *= math.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
        for pair, slope, moments in zip(parameters, slopes, self.moments, strict=True):
            for array, gradient, (mean, square) in zip(pair, slope, moments, strict=True):
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient**2 - square)
                array -= rate * mean / (np.sqrt(square) + 1e-8)


def trained(x: Array, y: Array, epochs: int, seed: int) -> Parameters:
    """Parameters after so many passes over images (N, 28, 28) uint8 with labels (N,)."""
    random = np.random.default_rng(seed)
    parameters = initial(random)
    adam = Adam(parameters, epochs * (len(x) // BATCH))
    for epoch in range(epochs):
        order = random.permutation(len(x))
        for chosen in order[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
            images = moved(x[chosen, ..., None], random).astype(np.float32) / 255
            adam.update(parameters, gradients(parameters, images, y[chosen], random))
        print(f"epoch {epoch + 1} of {epochs}", flush=True)
    return parameters


def exported(parameters: Parameters) -> onnx.ModelProto:
    """The ONNX model with quantised parameters: images (N, 1, 28, 28) to logits (N, 10)."""
    nodes, value = [], "image"
    stored = [from_array(np.array(bound, np.float32), name) for name, bound in BOUNDS.items()]
    for layer, pair in zip(LAYERS, parameters, strict=True):
        weight, bias = quantised(*pair)
        name, reads = layer.name, [f"{layer.name}.weight", f"{layer.name}.bias"]
        if layer is LAYERS[-1]:
            nodes.append(make_node("Flatten", [value], ["features"], name="flatten"))
            nodes.append(make_node("Gemm", ["features", *reads], ["logits"], name=name, transB=1))
            weight = weight[:, :, 0, 0]
        else:
            nodes.append(
                make_node(
                    "Conv",
                    [value, *reads],
                    [f"{name}.sums"],
                    name=name,
                    group=layer.groups,
                    kernel_shape=[layer.kernel] * 2,
                    strides=[layer.stride] * 2,
                )
            )
            value = f"{name}.values"
            clipped = [f"{name}.sums", *BOUNDS]
            nodes.append(make_node("Clip", clipped, [value], name=f"{name}.clip"))
        stored += [from_array(weight, reads[0]), from_array(bias, reads[1])]
    image, logits = (
        make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
        for name, shape in (("image", (1, 28, 28)), ("logits", (10,)))
    )
    graph = make_graph(nodes, "grouped", [image], [logits], stored)
    opset = [make_opsetid("", 17)]
    model = make_model(graph, opset_imports=opset, ir_version=8, producer_name="train_grouped.py")
    onnx.checker.check_model(model, full_check=True)
    return model


def right(model: onnx.ModelProto, x: Array, y: Array) -> int:
    """How many images (N, 28, 28) uint8 the model classifies as labelled, in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(None, {"image": x[:, None].astype(np.float32) / 255})
    return int((logits.argmax(axis=1) == y).sum())


def main() -> None:
    """Train, write the file and print how much of the test set it gets right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE / "grouped.onnx")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with np.load(Path(os.environ["SNNC_DATA"]) / "data" / "mnist.npz", allow_pickle=False) as data:
        x, y = data["x_train"], data["y_train"].astype(np.int64)
        unseen, labels = data["x_test"], data["y_test"]
    model = exported(trained(x, y, args.epochs, args.seed))
    args.output.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{right(model, unseen, labels)} of {len(labels)} test images right")


if __name__ == "__main__":
    main()
