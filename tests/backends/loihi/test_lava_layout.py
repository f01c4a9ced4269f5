"""Numbers in Lava's layout mean in Lava what they mean in ONNX's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

from snnc.backends.loihi.layout import Kernel, fewer_groups, lava_kernel, lava_parameter, lava_shape
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array


def lava_conv(image: Array, kernel: Kernel) -> Array:
    """What Lava's Conv computes of (W, H, C), as its documentation and source say."""
    weight, groups = kernel.weight.astype(np.int64), kernel.groups
    out, wide, high, each = weight.shape
    (px, py), (dx, dy), (sx, sy) = kernel.padding, kernel.dilation, kernel.stride
    spread = np.zeros((out, dx * (wide - 1) + 1, dy * (high - 1) + 1, each), np.int64)
    spread[:, ::dx, ::dy] = weight
    padded = np.pad(image, ((px, px), (py, py), (0, 0)))
    planes = []
    for k in range(out):
        first = k // (out // groups) * each
        parts = (
            convolve2d(padded[:, :, first + c], spread[k, :, :, c], mode="valid")[::sx, ::sy]
            for c in range(each)
        )
        planes.append(sum(parts))
    return np.stack(planes, axis=-1)


def random_conv(rng: np.random.Generator) -> tuple[m.Conv2d, Array, Array]:
    groups = int(rng.choice([1, 1, 2, 3]))
    each, out = int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    kernel = rng.integers(1, 4, 2)
    dilations, strides = (tuple(int(n) for n in rng.integers(1, 4, 2)) for _ in range(2))
    pads = tuple(int(n) for n in rng.integers(0, 4, 4))
    size = [int(dilations[a] * (kernel[a] - 1) + 1 + rng.integers(0, 5)) for a in (0, 1)]
    weight = rng.integers(-127, 128, (out, each, *kernel)).astype(np.int8)
    image = rng.integers(-3, 4, (groups * each, *size))
    conv = m.Conv2d(m.Ref("w"), strides, pads, dilations, groups)  # type: ignore[arg-type]
    return conv, weight, image


@pytest.mark.parametrize("seed", range(80))
def test_a_lava_kernel_computes_the_convolution_of_onnx(seed: int) -> None:
    conv, weight, image = random_conv(np.random.default_rng(seed))
    wanted = linear.apply(conv, image[None], lambda _ref: weight.astype(np.int64))[0]
    kernel = lava_kernel(conv, weight)
    assert kernel.weight.dtype == np.int8
    found = lava_conv(image.transpose(2, 1, 0), kernel).transpose(2, 1, 0)
    np.testing.assert_array_equal(found, wanted)


def test_a_kernel_that_is_not_flipped_computes_something_else() -> None:
    conv, weight, image = random_conv(np.random.default_rng(1))
    kernel = lava_kernel(conv, weight[:, :, ::-1])
    wanted = linear.apply(conv, image[None], lambda _ref: weight.astype(np.int64))[0]
    found = lava_conv(image.transpose(2, 1, 0), kernel).transpose(2, 1, 0)
    assert (found != wanted).any()


def test_equal_pads_leave_the_kernel_as_small_as_it_is() -> None:
    weight = np.ones((2, 1, 3, 2), np.int8)
    kernel = lava_kernel(m.Conv2d(m.Ref("w"), (2, 1), (1, 2, 1, 2), (1, 3)), weight)
    assert kernel.weight.shape == (2, 2, 3, 1)
    assert (kernel.padding, kernel.stride, kernel.dilation) == ((2, 1), (1, 2), (3, 1))
    assert kernel.largest == 3


@pytest.mark.parametrize(("groups", "fewer"), [(1, 1), (127, 127), (128, 64), (256, 64), (131, 1)])
def test_more_groups_than_lava_counts_become_fewer_with_the_same_sums(
    groups: int, fewer: int
) -> None:
    rng = np.random.default_rng(groups)
    weight = rng.integers(-9, 10, (groups * 2, 1, 1, 2)).astype(np.int8)
    joined, found = fewer_groups(weight, groups)
    assert found == fewer
    image = rng.integers(-3, 4, (1, groups, 2, 3))
    each = m.Conv2d(m.Ref("w"), groups=groups), m.Conv2d(m.Ref("w"), groups=fewer)
    before, after = (
        linear.apply(conv, image, lambda _ref, w=w: w.astype(np.int64))
        for conv, w in zip(each, (weight, joined), strict=True)
    )
    np.testing.assert_array_equal(before, after)


def test_parameters_broadcast_against_channels_last() -> None:
    shape = (3, 4, 5)
    full = np.arange(60).reshape(shape)
    assert lava_shape(shape) == (5, 4, 3)
    np.testing.assert_array_equal(lava_parameter(full, shape), full.transpose(2, 1, 0))
    channels = np.arange(3)
    wide = np.broadcast_to(lava_parameter(channels, shape), lava_shape(shape))
    np.testing.assert_array_equal(wide.transpose(2, 1, 0)[:, 1, 2], channels)
