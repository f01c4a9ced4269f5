"""Scalings move through operators exactly: checked against the operators themselves."""

from __future__ import annotations

import nets
import numpy as np
import pytest
from pass_tools import run_specs

from snnc.ir import linear
from snnc.ir import model as m
from snnc.passes import scales
from snnc.passes.tensors import NewTensors, compress, full, short_names

RNG = np.random.default_rng(11)
SHAPE = (4, 6, 6)
FREE = (
    m.Flatten(),
    m.Reshape((8, 18)),
    m.Transpose((2, 0, 1)),
    m.Slice(0, 1, 4, 2),
    m.Slice(2, 0, 5, 2),
    m.Embed(0, 2, 9),
    m.Pad2d((1, 0, 2, 1)),
    m.Upsample2d((2, 3)),
    m.AvgPool2d((3, 3), (2, 2), (1, 1, 1, 1)),
)


def none(_: m.Ref) -> np.ndarray:
    raise KeyError


def apply(op: m.Operator, x: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    return linear.apply(op, x, none if weight is None else lambda _: weight)


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("op", FREE, ids=lambda op: type(op).__name__)
def test_a_scale_passes_an_operator_without_weight(op, uniform):
    factor = full(RNG.uniform(0.5, 2, (4,) if uniform else SHAPE), SHAPE)
    x = RNG.normal(size=(2, *SHAPE))
    moved = scales.push_right(op, factor)
    if moved is None:
        assert isinstance(op, m.AvgPool2d)
        assert not uniform
        return
    np.testing.assert_allclose(apply(op, x * factor), apply(op, x) * moved, atol=1e-12)


@pytest.mark.parametrize("op", FREE, ids=lambda op: type(op).__name__)
def test_a_scale_behind_an_operator_passes_to_its_front(op):
    x = RNG.normal(size=(2, *SHAPE))
    y = apply(op, x)
    factor = full(RNG.uniform(0.5, 2, y.shape[1:2]), y.shape[1:])
    moved = scales.push_left(op, factor, SHAPE)
    assert moved is not None
    np.testing.assert_allclose(y * factor, apply(op, x * moved), atol=1e-12)


WEIGHTED = {
    "dense": (m.Dense(m.Ref("w")), (5, 7), (7,)),
    "conv": (m.Conv2d(m.Ref("w"), (2, 1), (1, 1, 0, 1)), (6, 4, 3, 3), SHAPE),
    "grouped": (m.Conv2d(m.Ref("w"), groups=2), (6, 2, 3, 3), SHAPE),
    "depthwise": (m.Conv2d(m.Ref("w"), groups=4), (8, 1, 3, 3), SHAPE),
    "transposed": (m.ConvTranspose2d(m.Ref("w"), (2, 2)), (4, 3, 2, 2), SHAPE),
    "transposed, grouped": (m.ConvTranspose2d(m.Ref("w"), groups=2), (4, 3, 3, 3), SHAPE),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_weight_absorbs_a_scale_on_either_side(name):
    op, weight_shape, shape = WEIGHTED[name]
    weight = RNG.normal(size=weight_shape)
    x = RNG.normal(size=(2, *shape))
    before = full(RNG.uniform(0.5, 2, shape[:1]), shape)
    y = apply(op, x, weight)
    absorbed = scales.absorb_before(op, weight, before)
    np.testing.assert_allclose(apply(op, x * before, weight), apply(op, x, absorbed), atol=1e-12)
    behind = full(RNG.uniform(0.5, 2, y.shape[1:2]), y.shape[1:])
    absorbed = scales.absorb_behind(op, weight, behind)
    np.testing.assert_allclose(y * behind, apply(op, x, absorbed), atol=1e-12)


def test_a_convolution_does_not_absorb_a_map():
    op, weight_shape, shape = WEIGHTED["conv"]
    weight = RNG.normal(size=weight_shape)
    assert scales.absorb_before(op, weight, RNG.uniform(1, 2, shape)) is None
    assert scales.absorb_behind(op, weight, RNG.uniform(1, 2, (6, 3, 5))) is None


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_tiling_pool_folds_into_a_convolution(dilation):
    pool = m.AvgPool2d((2, 3), (2, 3))
    conv = m.Conv2d(m.Ref("w"), (2, 1), (1, 2, 1, 0), (dilation, 1))
    weight = RNG.normal(size=(3, 4, 2, 3))
    x = RNG.normal(size=(2, 4, 8, 9))
    merged, spread = scales.pool_into_conv(pool, conv, weight)
    expected = apply(conv, apply(pool, x), weight)
    np.testing.assert_allclose(apply(merged, x, spread), expected, atol=1e-12)


def test_new_tensors_never_overwrite_a_name_that_holds_something_else():
    network = m.Network("n", "ann", (), (), ()).with_arrays({"w": np.zeros(3, np.float32)})
    tensors = NewTensors(network)
    assert tensors.put("w", np.zeros(3)) == m.Ref("w")
    assert tensors.put("w", np.ones(3)) == m.Ref("w.2")
    assert tensors.put("w", np.ones(3)) == m.Ref("w.2")
    np.testing.assert_array_equal(tensors.attach(network).array(m.Ref("w")), np.zeros(3))


def test_compress_keeps_maps_that_vary_in_space():
    uniform = full(np.array([1.0, 2.0]), (2, 3, 3))
    np.testing.assert_array_equal(compress(uniform), [1.0, 2.0])
    uniform[0, 1, 1] = 5
    assert compress(uniform).shape == (2, 3, 3)


def test_a_changed_weight_gets_its_name_back_once_the_old_one_is_gone():
    network = run_specs(nets.batch_norm(), "fold-batch-norm")
    # conv3 alone keeps the shared weight, conv2 has its own copy
    assert "conv1.weight" in network.tensors
    assert not any(name.endswith(".2") for name in network.tensors)


def test_a_number_stays_where_the_short_name_is_in_use():
    weight = np.zeros((2, 3), np.float32)
    dense = m.Dense(m.Ref("w")), m.Dense(m.Ref("w.2"))
    populations = tuple(
        m.Population(name, (2,), m.Identity(), incoming=(m.Incoming("x", (op,)),))
        for name, op in zip("ab", dense, strict=True)
    )
    network = m.Network("n", "ann", (m.Input("x", "f32", (3,)),), populations, ())
    network = network.with_arrays({"w": weight, "w.2": weight + 1})
    assert short_names(network) == network
    alone = network.with_populations(populations[1:])
    assert short_names(alone).populations[0].incoming[0].ops == (m.Dense(m.Ref("w")),)
    assert list(short_names(alone).tensors) == ["w"]
