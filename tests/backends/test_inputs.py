"""Inputs: Poisson coding is seeded and unbiased, wrong inputs and options are clear errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spiking_networks import build, inputs_for

from snnc.backends.reference import Simulator, Trace
from snnc.diagnostics import InputError, SnncError, UsageError
from snnc.ir import model as m
from snnc.ir.tensors import Array


def poisson(seed: int = 3, scale: float = 1.0, name: str = "x") -> m.Network:
    population = m.Population("a", (2, 5), m.IF(), incoming=(m.Incoming(name),))
    entry = m.Input(name, "f32", (2, 5), m.Poisson(scale, seed))
    return m.Network("p", "snn", (entry,), (population,), (), schedule=m.Synchronous(16))


def values(samples: int) -> Array:
    return np.random.default_rng(0).uniform(-1, 1, (samples, 2, 5)).astype(np.float32)


def test_poisson_rates_are_the_values_and_carry_their_sign() -> None:
    x = np.linspace(-1.5, 1.5, 10, dtype=np.float32).reshape(1, 2, 5)
    trace = Simulator(poisson(scale=1.25)).run(x, steps=4000)
    rate = trace.spike_counts["x"] / 4000
    expected = np.sign(x) * np.minimum(np.abs(x) / 1.25, 1)
    deviation = np.sqrt(np.abs(expected) * (1 - np.abs(expected)) / 4000)
    assert (np.abs(rate - expected) <= 5 * deviation + 1e-9).all()
    assert (np.abs(rate - x) > 5 * deviation + 1e-9).any()


def test_poisson_spikes_do_not_depend_on_how_the_data_is_split() -> None:
    x = values(7)
    whole = Simulator(poisson(), threads=1, batch_size=7, block_steps=16).run(x)
    for options in ({"batch_size": 1}, {"threads": 3, "batch_size": 2}, {"block_steps": 3}):
        part = Simulator(poisson(), **options).run(x)  # type: ignore[arg-type]
        np.testing.assert_array_equal(part.spike_counts["x"], whole.spike_counts["x"])
    later = Simulator(poisson()).run(x[4:], first=4)
    np.testing.assert_array_equal(later.spike_counts["x"], whole.spike_counts["x"][4:])


def test_poisson_spikes_differ_between_seeds_samples_and_inputs() -> None:
    x = np.full((2, 2, 5), 0.5, np.float32)

    def counts(network: m.Network, **options: int) -> Array:
        (name,) = [i.name for i in network.inputs]
        return Simulator(network).run(x, steps=64, **options).spike_counts[name]  # type: ignore[arg-type]

    base = counts(poisson())
    np.testing.assert_array_equal(base, counts(poisson()))
    assert (base[0] != base[1]).any()
    assert (base != counts(poisson(seed=4))).any()
    assert (base != counts(poisson(), first=2)).any()
    assert (base != counts(poisson(name="y"))).any()


def test_poisson_spikes_count_as_spikes_and_synaptic_operations() -> None:
    trace = Simulator(poisson()).run(values(3))
    np.testing.assert_array_equal(trace.synops["x"], trace.spikes["x"])
    assert trace.spikes["x"].sum() > 0
    assert not trace.direct_macs.any()


def mlp() -> m.Network:
    network = build("mlp", 0)
    return replace(network, inputs=(replace(network.inputs[0], dtype="f32"),))


GOOD = np.zeros((2, 7), np.float32)
HOLED = np.where(np.arange(14).reshape(2, 7) == 3, np.nan, GOOD)
ENDLESS = np.where(np.arange(14).reshape(2, 7) == 3, np.inf, GOOD)

BAD_INPUTS = {
    "too narrow": (np.zeros((2, 6), np.float32), "SN502", "(N, 7)"),
    "no batch axis": (np.zeros(7, np.float32), "SN502", "(N, 7)"),
    "unknown name": ({"y": GOOD}, "SN502", "missing: x; unknown: y"),
    "bytes": (np.zeros((2, 7), np.uint8), "SN503", "uint8"),
    "text": (np.full((2, 7), "a"), "SN503", "U1"),
    "objects": (np.full((2, 7), None), "SN503", "object"),
    "NaN": (HOLED, "SN504", "NaN"),
    "infinite": (ENDLESS, "SN504", "infinite"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_a_wrong_input_names_what_was_expected(case: str) -> None:
    given, code, text = BAD_INPUTS[case]
    with pytest.raises(InputError) as caught:
        Simulator(mlp()).run(given)  # type: ignore[arg-type]
    assert caught.value.diagnostics[0].code == code
    assert text in caught.value.diagnostics[0].message


def code_of(error: SnncError) -> str:
    return error.diagnostics[0].code


def test_events_need_their_time_axis_and_the_right_number_of_steps() -> None:
    network = build("events", 0)
    arrays = inputs_for(network, 2, 0)
    with pytest.raises(InputError, match="time axis") as caught:
        Simulator(network).run({**arrays, "x": arrays["x"][0]})
    assert code_of(caught.value) == "SN507"
    with pytest.raises(UsageError, match="brings 10") as usage:
        Simulator(network).run(arrays, steps=9)
    assert code_of(usage.value) == "SN505"
    with pytest.raises(InputError, match="different numbers of samples") as counts:
        Simulator(network).run({**arrays, "y": arrays["y"][:1]})
    assert code_of(counts.value) == "SN502"


def test_a_single_array_does_not_serve_two_inputs() -> None:
    with pytest.raises(InputError, match="2 inputs"):
        Simulator(build("events", 0)).run(GOOD)


@pytest.mark.parametrize("steps", [0, -3])
def test_steps_below_one_are_refused(steps: int) -> None:
    with pytest.raises(UsageError, match="at least 1") as caught:
        Simulator(mlp()).run(GOOD, steps=steps)
    assert code_of(caught.value) == "SN505"


def test_steps_must_be_known() -> None:
    network = replace(mlp(), schedule=None)
    with pytest.raises(UsageError, match="not known"):
        Simulator(network).run(GOOD)
    assert Simulator(network).run(GOOD, steps=3).steps == 3


def test_unknown_recordings_are_refused() -> None:
    with pytest.raises(UsageError, match="no population z") as caught:
        Simulator(mlp()).run(GOOD, record=["z"])
    assert code_of(caught.value) == "SN506"
    pools = build("running_max", 0)
    with pytest.raises(UsageError, match="no membrane potential"):
        Simulator(pools).run(inputs_for(pools, 1, 0), record_membrane=["plain"])


def test_a_network_of_stage_ann_is_refused() -> None:
    network = mlp()
    with pytest.raises(InputError, match="stage ann") as caught:
        Simulator(replace(network, stage="ann"))
    assert code_of(caught.value) == "SN501"
    first = replace(network.populations[0], neuron=m.Relu())
    half = replace(network, populations=(first, *network.populations[1:]))
    with pytest.raises(InputError, match="does not spike") as stray:
        Simulator(half).run(GOOD)
    assert code_of(stray.value) == "SN501"


@pytest.mark.parametrize(
    "options", [{"dtype": "float16"}, {"threads": 0}, {"batch_size": 0}, {"block_steps": -1}]
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        Simulator(mlp(), **options)  # type: ignore[arg-type]
    assert code_of(caught.value) == "SN511"


def test_what_has_no_meaning_is_refused_all_at_once() -> None:
    network = mlp()
    reader = m.Population("r", (3,), m.IF(), incoming=(m.Incoming("out"),))
    heads = (
        m.Head("one", "out", m.SpikeCount()),
        m.Head("two", "a", m.Logits()),
        m.Head("three", "out", m.Membrane()),
    )
    broken = replace(network, populations=(*network.populations, reader), heads=heads)
    with pytest.raises(InputError) as caught:
        Simulator(broken)
    assert [d.code for d in caught.value.diagnostics] == ["SN509"] * 3


def test_graded_spikes_are_counted_but_not_put_into_a_raster() -> None:
    pool = m.Population("p", (1, 1, 1), m.RunningMax2d((2, 2)), incoming=(m.Incoming("x"),))
    network = m.Network("g", "snn", (m.Input("x", "f64", (1, 2, 2)),), (pool,), ())
    x = np.array([[[[0.25, 0.5], [0.0, 0.125]]]])
    trace: Trace = Simulator(network, dtype="float64").run(x, steps=3)
    assert trace.spike_counts["p"].item() == 1.5
    with pytest.raises(InputError, match="not whole") as caught:
        Simulator(network).run(x, steps=3, record=["p"])
    assert code_of(caught.value) == "SN509"
