"""Encode and decode: against a loop, against the published closed form, and their errors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from snnc.ir import model as m
from snnc.ir.spike_times import (
    NO_SPIKE,
    decode,
    encode,
    largest,
    least,
    surrogate,
    thresholds,
    values,
)
from snnc.ir.tensors import Array

KERNELS = (
    m.TTFS(10.0, 32, rounding="ceil"),
    m.TTFS(10.0, 32),
    m.TTFS(20.0, 80, delay=-2.5, threshold=1.0),
    m.TTFS(5.0, 20, delay=3.0, threshold=0.6, rounding="ceil"),
    m.TTFS(2.0, 1, threshold=2.0),
    m.SpikeTime(4.0, 12, 1.0, 1.5),
)
SAMPLES = np.exp(np.random.default_rng(7).uniform(-12, 2, 4000))


def closed_form(kernel: m.TTFS | m.SpikeTime, z: Array) -> Array:
    """Park and Yoon 2021, eq. 4: the time by a logarithm, no spike behind the window."""
    real = np.maximum(kernel.delay - kernel.tau * np.log(z / kernel.threshold), 0)
    time = np.ceil(real) if kernel.rounding == "ceil" else np.floor(real + 0.5)
    return np.where(time > kernel.steps - 1, NO_SPIKE, time)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_first_step_whose_threshold_is_reached_is_the_spike_time(kernel: m.TTFS) -> None:
    table = thresholds(kernel)
    z = np.concatenate([SAMPLES, -SAMPLES[:50], [0.0], table, values(kernel)])
    times = encode(z[None], table)[0]
    assert times.dtype == np.int16
    for potential, time in zip(z, times, strict=True):
        reached = [t for t in range(kernel.steps) if potential >= table[t]]
        assert time == (reached[0] if reached else NO_SPIKE)
    assert {NO_SPIKE, 0} <= set(times.tolist())


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_published_closed_form_gives_the_same_times(kernel: m.TTFS) -> None:
    """But for ties: there the logarithm rounds either way, and the table takes the earlier step."""
    np.testing.assert_array_equal(
        encode(SAMPLES[None], thresholds(kernel))[0], closed_form(kernel, SAMPLES)
    )
    ties = encode(thresholds(kernel)[None], thresholds(kernel))[0]
    assert ties.tolist() == list(range(kernel.steps))
    assert np.abs(ties - closed_form(kernel, thresholds(kernel) * (1 + 1e-9))).max() == 0


def test_the_closed_form_sees_a_wrong_kernel() -> None:
    for changes in ({"tau": 10.1}, {"delay": 0.1}, {"threshold": 1.01}, {"rounding": "round"}):
        other = replace(KERNELS[0], **changes)  # type: ignore[arg-type]
        found = encode(SAMPLES[None], thresholds(other))[0]
        assert (found != closed_form(KERNELS[0], SAMPLES)).any(), changes


@pytest.mark.parametrize("kernel", KERNELS)
def test_values_run_over_the_published_range(kernel: m.TTFS) -> None:
    """x_max = theta exp(delay / tau); the least that is sent is exp(-(W - 1 - delay) / tau)."""
    table, last = values(kernel), kernel.steps - 1
    assert largest(kernel) == pytest.approx(kernel.threshold * math.exp(kernel.delay / kernel.tau))
    lowest = kernel.threshold * math.exp(-(last - kernel.delay) / kernel.tau)
    assert table[-1] == pytest.approx(lowest)
    ratios = table[:-1] / table[1:]
    np.testing.assert_allclose(ratios, math.exp(1 / kernel.tau))
    edge = lowest if kernel.rounding == "ceil" else lowest * math.exp(-0.5 / kernel.tau)
    assert least(kernel) == pytest.approx(edge)


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.steps > 1])
def test_the_relative_error_has_its_published_bounds(kernel: m.TTFS) -> None:
    """0 to 1 - exp(-1/tau) for ceil, about exp(1/(2 tau)) - 1 to both sides for round."""
    z = SAMPLES[(largest(kernel) > SAMPLES) & (least(kernel) <= SAMPLES)]
    sent = surrogate(kernel, z[None])[0]
    error = (z - sent) / z
    if kernel.rounding == "ceil":
        assert error.min() >= 0
        assert error.max() < 1 - math.exp(-1 / kernel.tau)
        assert error.max() > 0.8 * (1 - math.exp(-1 / kernel.tau))
    else:
        bound = math.exp(0.5 / kernel.tau) - 1
        assert np.abs(error).max() <= bound
        assert error.min() < -0.8 * bound
        assert error.max() > 0.8 * (1 - math.exp(-0.5 / kernel.tau))


def test_what_is_too_large_is_clipped_and_what_is_too_small_is_lost() -> None:
    kernel = m.TTFS(10.0, 32, delay=2.0)
    z = np.array([[largest(kernel) * 9, least(kernel) * 0.999, least(kernel), 0.0, -1.0]])
    assert encode(z, thresholds(kernel)).tolist() == [[0, NO_SPIKE, 31, NO_SPIKE, NO_SPIKE]]
    sent = surrogate(kernel, z)[0]
    assert sent.tolist() == [largest(kernel), 0.0, values(kernel)[31], 0.0, 0.0]


def test_a_value_on_the_scale_is_sent_as_it_is() -> None:
    for kernel in KERNELS:
        table = values(kernel)
        np.testing.assert_array_equal(surrogate(kernel, table[None])[0], table)


def test_an_input_keeps_the_sign() -> None:
    kernel = m.SpikeTime(4.0, 12)
    z = np.array([[0.5, -0.5, 1e-9, -1e-9]])
    sent = surrogate(kernel, z)[0]
    assert sent[0] == -sent[1] > 0
    assert sent[2] == sent[3] == 0


def test_thresholds_by_channel_are_those_of_each_channel() -> None:
    rng = np.random.default_rng(0)
    table = np.sort(rng.integers(1, 50, (6, 3)), axis=0)[::-1]
    z = rng.integers(-5, 60, (4, 3, 2, 2))
    found = encode(z, table)
    for channel in range(3):
        np.testing.assert_array_equal(found[:, channel], encode(z[:, channel], table[:, channel]))
    assert (found != encode(z, table[:, 0])).any()
    np.testing.assert_array_equal(encode(z, table[:, :1]), encode(z, table[:, 0]))


def test_decode_gives_the_value_of_the_step_and_0_without_a_spike() -> None:
    worth = decode(np.array([[0, 2, NO_SPIKE]], np.int16), np.array([9, 4, 1]))
    assert worth.tolist() == [[9, 1, 0]]
    assert worth.dtype == np.int64


def test_the_surrogate_computes_in_the_type_of_its_input() -> None:
    kernel = KERNELS[1]
    narrow = surrogate(kernel, SAMPLES[None].astype(np.float32))
    assert narrow.dtype == np.float32
    wide = surrogate(kernel, SAMPLES[None])
    assert wide.dtype == np.float64
    np.testing.assert_allclose(narrow, wide, rtol=1e-6)
