"""Every fast kernel equals the operator's definition, whatever border its input lies in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.reference import kernels
from snnc.backends.reference.chain import build_chain
from snnc.backends.reference.layout import NO_HALO, Halo, Image, Workspace, crop, to_inner, to_outer
from snnc.ir import linear, shapes
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape

FLOAT64 = np.dtype(np.float64)


def run_chain(ops: tuple[m.Operator, ...], x: Array, arrays: dict[str, Array], halo: Halo) -> Array:
    """The chain in the simulator's layout, on an image inside a border of zeros."""
    work = Workspace(FLOAT64)
    chain = build_chain(ops, x.shape[1:], lambda ref: arrays[ref.name], FLOAT64)
    inner = to_inner(x, x.ndim - 1)
    if x.ndim == 4:
        top, left, bottom, right = halo
        base = np.zeros((len(x), x.shape[2] + top + bottom, x.shape[3] + left + right, x.shape[1]))
        crop(base, halo, NO_HALO)[:] = inner
        image = Image(base, halo)
    else:
        image = Image(np.ascontiguousarray(inner))
    first = chain.run(image, work).copy()
    # A second run in the same buffers must not see anything of the first.
    np.testing.assert_array_equal(chain.run(image, work), first)
    return to_outer(first, first.ndim - 1)


def check(ops: tuple[m.Operator, ...], shape: Shape, arrays: dict[str, Array], halo: Halo) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 9, (3, *shape)) / 8
    expected = linear.apply_chain(ops, x, lambda ref: arrays[ref.name])
    np.testing.assert_allclose(run_chain(ops, x, arrays, halo), expected, rtol=0, atol=1e-13)


small = st.integers(0, 2)
pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
border = st.tuples(small, small, small, small)


@settings(deadline=None, max_examples=150)
@given(
    groups=st.integers(1, 3),
    each=st.integers(1, 2),
    multiplier=st.integers(1, 2),
    kernel=pair,
    strides=pair,
    pads=border,
    dilations=pair,
    halo=border,
    size=st.tuples(st.integers(7, 9), st.integers(7, 9)),
)
def test_convolutions_of_any_kind_equal_their_definition(
    groups: int,
    each: int,
    multiplier: int,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: Halo,
    dilations: tuple[int, int],
    halo: Halo,
    size: tuple[int, int],
) -> None:
    rng = np.random.default_rng(1)
    weight = rng.integers(-8, 9, (groups * multiplier, each, *kernel)) / 8
    op = m.Conv2d(m.Ref("w"), strides, pads, dilations, groups)
    shape = (groups * each, *size)
    check((op,), shape, {"w": weight}, halo)


@settings(deadline=None, max_examples=100)
@given(
    kernel=pair,
    strides=pair,
    pads=border,
    count=st.booleans(),
    ceil=st.booleans(),
    halo=border,
    size=st.tuples(st.integers(3, 8), st.integers(3, 8)),
)
def test_average_pools_of_any_kind_equal_their_definition(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: Halo,
    count: bool,
    ceil: bool,
    halo: Halo,
    size: tuple[int, int],
) -> None:
    # Padding as wide as the kernel would make windows of nothing but padding.
    limits = (*kernel, *kernel)
    fitting = tuple(min(p, k - 1) for p, k in zip(pads, limits, strict=True))
    op = m.AvgPool2d(kernel, strides, fitting, count, ceil)  # type: ignore[arg-type]
    check((op,), (2, *size), {}, halo)


@pytest.mark.parametrize("matrix_bytes", [1, 700, 5000])
def test_convolutions_cut_into_parts_equal_the_whole(
    matrix_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of lines, of one image, of several images."""
    monkeypatch.setattr(kernels, "_MATRIX_BYTES", matrix_bytes)
    monkeypatch.setattr(kernels, "_MATRIX_ROWS", 1)
    rng = np.random.default_rng(2)
    arrays = {
        "w": rng.integers(-8, 9, (4, 2, 3, 3)) / 8,
        "u": rng.integers(-8, 9, (3, 4, 2, 2)) / 8,
    }
    ops = (
        m.Conv2d(m.Ref("w"), (2, 1), (1, 1, 1, 1)),
        m.AvgPool2d((2, 2), (2, 2)),
        m.Conv2d(m.Ref("u"), (1, 1), (1, 0, 1, 1)),
        m.Flatten(),
        m.Dense(m.Ref("d")),
    )
    behind = shapes.chain_shape(ops[:4], (2, 9, 8), lambda ref: arrays[ref.name].shape)
    arrays["d"] = rng.integers(-8, 9, (5, behind[0])) / 8
    check(ops, (2, 9, 8), arrays, (1, 1, 1, 1))
    check(ops, (2, 9, 8), arrays, NO_HALO)


def test_a_wrong_weight_order_would_be_seen() -> None:
    """Negative control: a convolution with its kernel transposed differs from the definition."""
    rng = np.random.default_rng(3)
    weight = rng.integers(-8, 9, (2, 2, 3, 3)) / 8
    x = rng.integers(-8, 9, (1, 2, 5, 5)) / 8
    op = m.Conv2d(m.Ref("w"))
    expected = linear.apply(op, x, lambda _: weight)
    wrong = run_chain((op,), x, {"w": weight.transpose(0, 1, 3, 2)}, NO_HALO)
    assert np.abs(wrong - expected).max() > 0.1


@settings(deadline=None, max_examples=60)
@given(
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel=st.tuples(st.integers(4, 6), st.integers(1, 5)),
    pads=border,
    halo=border,
    followed=st.booleans(),
)
def test_tall_convolutions_equal_their_definition(
    channels: tuple[int, int],
    kernel: tuple[int, int],
    pads: Halo,
    halo: Halo,
    followed: bool,
) -> None:
    """Kernels of four rows and more share unrolled lines, alone and in front of a border."""
    rng = np.random.default_rng(4)
    arrays = {
        "w": rng.integers(-8, 9, (channels[1], channels[0], *kernel)) / 8,
        "u": rng.integers(-8, 9, (2, channels[1], 3, 3)) / 8,
    }
    op = m.Conv2d(m.Ref("w"), pads=pads)
    assert kernels.TallConv2d.fits(op, kernel[0])
    behind = (m.Conv2d(m.Ref("u"), pads=(1, 1, 1, 1)),) if followed else ()
    check((op, *behind), (channels[0], 8, 7), arrays, halo)


@pytest.mark.parametrize("lines_bytes", [1, 3000])
def test_tall_convolutions_cut_into_parts_equal_the_whole(
    lines_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_LINES_BYTES", lines_bytes)
    rng = np.random.default_rng(5)
    arrays = {"w": rng.integers(-8, 9, (3, 2, 5, 5)) / 8}
    check((m.Conv2d(m.Ref("w"), pads=(2, 2, 2, 2)),), (2, 9, 8), arrays, NO_HALO)


def test_a_strided_or_grouped_tall_kernel_takes_the_general_way() -> None:
    assert not kernels.TallConv2d.fits(m.Conv2d(m.Ref("w"), strides=(2, 1)), 5)
    assert not kernels.TallConv2d.fits(m.Conv2d(m.Ref("w"), groups=2), 5)
    assert not kernels.TallConv2d.fits(m.Conv2d(m.Ref("w")), 3)
