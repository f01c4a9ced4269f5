"""Quantisers of QONNX: the network and the model for onnxruntime follow the definition.

`qonnx_definition` is the reference: written from the operators' documents, without the importer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import qonnx_definition as definition
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx_models import build, numbers, save
from qonnx_models import (
    DOMAIN,
    MODES,
    POINTWISE,
    imported,
    model_values,
    network_values,
    only,
    quant_model,
    samples,
)
from strategies import fuzz

from snnc.frontend.importer import import_model
from snnc.ir import model as m


@given(st.data())
@fuzz(60)
def test_quant_is_its_definition(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """Bits with fractions, zero points in and out of the range, all roundings, ties included.

    Steps are powers of two, so that sums are exact and exact halves are met.
    """
    signed = data.draw(st.integers(0, 1))
    bits = data.draw(st.sampled_from([1, 2, 2.5, 3, 4, 8]))
    narrow = data.draw(st.integers(0, 1))
    mode = data.draw(st.sampled_from(MODES))
    low, high = definition.bounds(bits, signed, narrow)
    assume(bits >= 2 or not (signed or narrow))
    assume(not (signed and mode in ("UP", "DOWN")))
    zero = float(data.draw(st.sampled_from([0, 0, 1, 2, -1, 7, 0.25])))
    step = data.draw(st.sampled_from([0.25, 1.0, 4.0]))
    model = quant_model(numbers(step), numbers(zero), bits, signed=signed, narrow=narrow, mode=mode)
    x = samples(step, low - zero, high - zero, seed=data.draw(st.integers(0, 99)))
    (wanted,) = definition.run(model, x)
    result = imported(model, tmp_path_factory.mktemp("quant"), x[3:])
    np.testing.assert_array_equal(model_values(result, x), wanted)
    actual = network_values(result, x)
    moved = result.notes and "exact halves" in result.notes[0]
    start = 3 if moved else 0  # the first samples lie on exact halves
    np.testing.assert_allclose(actual[start:], wanted[start:], rtol=0, atol=1e-5 * step)


@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", "CEIL"])
@pytest.mark.parametrize("zero", [0.0, 1.0, 0.3])
def test_steps_of_each_channel(mode: str, zero: float, tmp_path: Path) -> None:
    """Scales per channel become steps per channel; all values off the edges agree."""
    scale = np.array([0.11, 0.37, 1.3, 0.052], np.float32).reshape(1, 4, 1, 1)
    model = quant_model(scale, numbers(zero), 3, signed=1, mode=mode)
    x = np.random.default_rng(1).normal(size=(8, 4, 3, 5)).astype(np.float32)
    (wanted,) = definition.run(model, x)
    result = imported(model, tmp_path, x)
    np.testing.assert_array_equal(model_values(result, x), wanted)
    assert np.count_nonzero(np.abs(network_values(result, x) - wanted) > 1e-5) <= 1
    step = only(result).step
    assert isinstance(step, m.Ref)
    assert np.unique(result.network.array(step)).size == 4


def test_zero_points_of_each_channel(tmp_path: Path) -> None:
    """Each channel starts elsewhere: levels count from the lowest, a constant moves them."""
    zero = np.array([0, 1, 2, 3], np.float32).reshape(1, 4, 1, 1)
    model = quant_model(numbers(0.5), zero, 2)
    x = samples(0.5, -3, 3)[3:]
    (wanted,) = definition.run(model, x)
    result = imported(model, tmp_path, x)
    np.testing.assert_allclose(network_values(result, x), wanted, atol=1e-6)
    assert (only(result).lowest, only(result).levels) == (0, 3)


@pytest.mark.parametrize(
    ("signed", "narrow", "zero", "levels"),
    [
        (0, 0, 0, (0, 7)),
        (1, 0, 0, (-4, 3)),
        (1, 1, 0, (-3, 3)),
        (0, 0, 2, (-2, 5)),
        (0, 1, 0, (0, 6)),
    ],
)
def test_levels_of_three_bits(
    signed: int, narrow: int, zero: float, levels: tuple[int, int], tmp_path: Path
) -> None:
    model = quant_model(numbers(0.5), numbers(zero), 3, signed=signed, narrow=narrow)
    neuron = only(imported(model, tmp_path, samples(0.5, -4, 7)))
    assert (neuron.lowest, neuron.levels) == levels
    assert (neuron.step, neuron.shift, neuron.ties) == (0.5, 0.5, "even")


def test_zero_point_outside_the_range_becomes_a_constant(tmp_path: Path) -> None:
    """Levels of 5 to 8 steps are 0 to 3 steps and a constant: the neuron still starts from 0."""
    model = quant_model(numbers(0.5), numbers(-5), 2)
    x = samples(0.5, 5, 8)[3:]
    result = imported(model, tmp_path, x)
    assert (only(result).lowest, only(result).levels) == (0, 3)
    np.testing.assert_allclose(network_values(result, x), definition.run(model, x)[0], atol=1e-6)


@pytest.mark.parametrize(
    "before", ["r = Relu(a)", "r = Clip(a, lo, hi)", "r = Max(a, lo)"], ids=["Relu", "Clip", "Max"]
)
def test_clamps_in_front_belong_to_the_staircase(before: str, tmp_path: Path) -> None:
    """Signed 3 bits behind a Relu, or clipped to 0..1: one population, no level below 0."""
    model = quant_model(numbers(0.5), numbers(0), 3, signed=1, before=before)
    for name, value in (("lo", 0.0), ("hi", 1.0)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(numbers(value), name))
    x = samples(0.5, -4, 4)
    result = imported(model, tmp_path, x)
    assert len(result.network.populations) == 2
    assert (only(result).lowest, only(result).levels) == (0, 2 if "Clip" in before else 3)
    np.testing.assert_allclose(network_values(result, x), definition.run(model, x)[0], atol=1e-6)


def quarter_steps(text: str, *, bits: int) -> onnx.ModelProto:
    """A model on an image `x`; `s`, `z`, `b` quantise in steps of 0.25, `w` is a convolution."""
    constants = {"w": POINTWISE, "s": numbers(0.25), "z": numbers(0), "b": numbers(bits)}
    return build(text, constants, inputs="float[N,4,3,5] x", domains={DOMAIN: 1})


def test_equal_quantiser_behind_max_pooling_is_none(tmp_path: Path) -> None:
    """Values on a staircase stay where they are: one population, as in the other dresses."""
    quant = f"{DOMAIN}.Quant<signed=0, narrow=0>"
    model = quarter_steps(
        f"""q = {quant}(x, s, z, b)
        p = MaxPool<kernel_shape=[2,2]>(q)
        r = {quant}(p, s, z, b)
        y = Conv(r, w)""",
        bits=2,
    )
    x = samples(0.25, 0, 3)
    result = imported(model, tmp_path, x)
    assert only(result) == m.Quantized(0.25, 3, ties="even")
    np.testing.assert_array_equal(network_values(result, x), definition.run(model, x)[0])


def test_signed_quantiser_of_the_output_is_left_to_the_host(tmp_path: Path) -> None:
    model = quarter_steps(
        f"a = Conv(x, w) y = {DOMAIN}.Quant<signed=1, narrow=0>(a, s, z, b)",
        bits=8,
    )
    result = import_model(save(model, tmp_path))
    assert [type(p.neuron) for p in result.network.populations] == [m.Identity]
    assert "output y: Quant is left to the host" in result.notes


def test_relu_that_others_read_stays(tmp_path: Path) -> None:
    """The Relu's own values are needed beside the rounded ones."""
    model = quarter_steps(
        f"""r = Relu(x)
        q = {DOMAIN}.Quant<signed=0, narrow=0>(r, s, z, b)
        t = Sub(r, q)
        y = Conv(t, w)""",
        bits=2,
    )
    x = samples(0.25, 0, 3)
    result = imported(model, tmp_path, x)
    assert isinstance(result.network.populations[0].neuron, m.Relu)
    np.testing.assert_allclose(network_values(result, x), definition.run(model, x)[0], atol=1e-6)


@pytest.mark.parametrize("domain", [DOMAIN, "onnx.brevitas", "finn.custom_op.general"])
@pytest.mark.parametrize("op", ["Quant", "IntQuant"])
def test_names_and_domains_of_quant(op: str, domain: str, tmp_path: Path) -> None:
    model = quant_model(numbers(0.5), numbers(0), 2, op=op, domain=domain)
    x = samples(0.5, 0, 3)
    result = imported(model, tmp_path, x)
    assert only(result) == m.Quantized(0.5, 3, ties="even")
    np.testing.assert_array_equal(model_values(result, x), definition.run(model, x)[0])


def test_quantiser_of_the_input_reads_the_input(tmp_path: Path) -> None:
    model = quarter_steps(
        f"q = {DOMAIN}.Quant<signed=0, narrow=0>(x, s, z, b) y = Conv(q, w)",
        bits=2,
    )
    result = imported(model, tmp_path, samples(0.25, 0, 3))
    first = result.network.populations[0]
    assert isinstance(first.neuron, m.Quantized)
    assert first.incoming == (m.Incoming("x"),)
