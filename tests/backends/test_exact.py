"""Integer simulation is exact: bounds choose the element type, fractions are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from naive_simulator import simulate
from spiking_networks import WHOLE, build, inputs_for, sources_for

from snnc.backends.reference import Simulator
from snnc.backends.reference.exact import exact_dtype, largest_sum
from snnc.diagnostics import InputError
from snnc.ir import model as m


def scaled(network: m.Network, factor: int) -> m.Network:
    """The same network with all weights, biases, thresholds and potentials times `factor`."""
    scales = {
        ref.name
        for p in network.populations
        for i in p.incoming
        for op in i.ops
        if isinstance(op, m.Scale)
        for ref in [op.factor]
        if isinstance(ref, m.Ref)
    }
    arrays = {
        name: network.array(m.Ref(name)).astype(np.int64) * factor
        for name in network.tensors
        if name not in scales
    }
    populations = []
    for population in network.populations:
        neuron = population.neuron
        if isinstance(neuron, m.IF) and isinstance(neuron.threshold, float):
            assert isinstance(neuron.v_init, float)
            neuron = replace(
                neuron, threshold=neuron.threshold * factor, v_init=neuron.v_init * factor
            )
        elif isinstance(neuron, m.Integrator):
            assert isinstance(neuron.v_init, float)
            neuron = replace(neuron, v_init=neuron.v_init * factor)
        populations.append(replace(population, neuron=neuron))
    return replace(network, populations=tuple(populations)).with_arrays(arrays)


CONTAINERS = [(1, np.float32), (1 << 20, np.float64), (1 << 45, np.int64)]


@pytest.mark.parametrize(("factor", "dtype"), CONTAINERS)
def test_scaling_all_integers_changes_the_element_type_but_no_spike(
    factor: int, dtype: type[np.generic]
) -> None:
    network = build("mlp", 0, whole=True)
    arrays = inputs_for(network, 3, 0)
    base = Simulator(network).run(arrays, record=["a", "c"])
    large = scaled(network, factor)
    assert exact_dtype(large, arrays, 10) == dtype
    trace = Simulator(large).run(arrays, record=["a", "c"])
    for name in ("a", "c"):
        np.testing.assert_array_equal(trace.rasters[name], base.rasters[name])
    # Python integers: the products may be beyond 2^53, where int64 must still be exact.
    expected = base.membranes["out"].astype(object) * factor
    assert (trace.membranes["out"].astype(object) == expected).all()


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_every_element_type_gives_the_same_integers(
    name: str, dtype: type[np.generic], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build(name, 3, whole=True)
    arrays = inputs_for(network, 2, 3)
    monkeypatch.setattr("snnc.backends.reference.simulator.exact_dtype", lambda *_: np.dtype(dtype))
    trace = Simulator(network).run(arrays)
    naive = simulate(network, sources_for(network, arrays, 10), 10)
    np.testing.assert_array_equal(trace.membranes["out"], naive.potentials["out"][-1])


def test_the_bound_covers_what_is_really_reached_and_grows_with_time() -> None:
    """One neuron, weight w, input 1, T steps: the integrator reaches T w exactly."""
    out = m.Population(
        "o", (1,), m.Integrator(), incoming=(m.Incoming("x", (m.Dense(m.Ref("w")),)),)
    )
    network = m.Network("n", "fixed", (m.Input("x", "i8", (1,)),), (out,), ())
    network = network.with_arrays({"w": np.array([[1 << 20]], np.int32)})
    x = {"x": np.ones((1, 1), np.int8)}
    assert exact_dtype(network, x, 15) == np.float32
    assert exact_dtype(network, x, 16) == np.float64  # 16 * 2^20 is 2^24, no longer below it
    assert exact_dtype(network, {"x": -16 * x["x"]}, 1) == np.float64
    trace = Simulator(network).run(x, steps=16)
    assert trace.membranes["o"].item() == 1 << 24


def test_sums_beyond_64_bits_are_refused() -> None:
    network = scaled(build("mlp", 0, whole=True), 1 << 53)
    with pytest.raises(InputError, match="64 bits") as caught:
        Simulator(network).run(inputs_for(network, 1, 0))
    assert caught.value.diagnostics[0].code == "SN510"


def codes(error: InputError) -> list[str]:
    return [d.code for d in error.diagnostics]


@pytest.mark.parametrize("name", ["pools", "leaking", "mlp", "concat", "signed"])
def test_fractions_are_refused_with_every_place(name: str) -> None:
    with pytest.raises(InputError, match="whole numbers") as caught:
        Simulator(build(name, 0), dtype="integer")
    assert set(codes(caught.value)) == {"SN508"}
    assert any("population a" in d.where for d in caught.value.diagnostics)


def test_average_pools_leaks_and_slopes_are_refused_by_name() -> None:
    def messages(network: m.Network) -> str:
        with pytest.raises(InputError) as caught:
            Simulator(network, dtype="integer")
        return str(caught.value)

    whole = build("convolutions", 0, whole=True)
    last = whole.populations[-1]
    (wire,) = last.incoming
    pool = replace(last, incoming=(replace(wire, ops=(m.AvgPool2d((1, 1)), *wire.ops)),))
    pooled = replace(whole, populations=(*whole.populations[:-1], pool))
    assert "average pooling divides" in messages(pooled)
    first = whole.populations[0]
    for change, text in (
        ({"leak": 0.5}, "leak 0.5"),
        ({"v_init": 0.5}, "v_init 0.5"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"negative_spikes": "leaky", "slope": 0.3}, "threshold / slope"),
    ):
        assert isinstance(first.neuron, m.IF)
        neuron = replace(first.neuron, **change)  # type: ignore[arg-type]
        changed = replace(first, neuron=neuron)
        assert text in messages(replace(whole, populations=(changed, *whole.populations[1:])))


def test_fractional_inputs_are_refused_in_integer_simulation() -> None:
    network = build("mlp", 0, whole=True)
    x = np.zeros((1, 7))
    assert Simulator(network).run(x).samples == 1
    x[0, 2] = 0.5
    with pytest.raises(InputError, match="whole numbers") as caught:
        Simulator(network).run(x)
    assert codes(caught.value) == ["SN508"]


def reading(neuron: m.IF, schedule: m.Schedule, weight: int = 1 << 20) -> m.Network:
    """One neuron that always fires if it may, read by an integrator with one large weight."""
    a = m.Population("a", (1,), neuron, incoming=(m.Incoming("x", (m.Dense(m.Ref("one")),)),))
    o = m.Population("o", (1,), m.Integrator(), incoming=(m.Incoming("a", (m.Dense(m.Ref("w")),)),))
    network = m.Network("n", "fixed", (m.Input("x", "i8", (1,)),), (a, o), (), schedule=schedule)
    arrays = {"w": np.array([[weight]], np.int32), "one": np.array([[1]], np.int8)}
    return network.with_arrays(arrays)


def test_a_cap_of_spikes_bounds_what_its_readers_reach() -> None:
    """Weight 2^20: 16 net spikes leave float32, and 14 more one step's worth do not."""
    x = {"x": np.ones((1, 1), np.int8)}
    always = m.Synchronous(1000)
    signed = m.IF(negative_spikes="retract", max_spikes=14, min_spikes=-14)
    assert exact_dtype(reading(m.IF(max_spikes=14), always), x, 1000) == np.float32
    assert exact_dtype(reading(signed, always), x, 1000) == np.float32
    for neuron in (
        m.IF(),
        replace(signed, max_spikes=16),
        replace(signed, min_spikes=None),
        replace(signed, max_spikes=None),
    ):
        assert exact_dtype(reading(neuron, always), x, 1000) == np.float64
    trace = Simulator(reading(signed, always)).run(x)
    assert trace.membranes["o"].item() == 14 << 20


def test_a_window_bounds_what_input_and_bias_bring() -> None:
    """A threshold out of reach: the potential grows by 2^20 in each step of the window."""
    x = {"x": np.ones((1, 1), np.int8)}
    incoming = m.Incoming("x", (m.Dense(m.Ref("w")),))
    out = m.Population("o", (1,), m.Integrator(), incoming=(incoming,))
    network = m.Network("n", "fixed", (m.Input("x", "i8", (1,)),), (out,), ())
    network = network.with_arrays({"w": np.array([[1 << 20]], np.int32)})
    for window, dtype in ((15, np.float32), (16, np.float64)):
        gated = replace(network, schedule=m.Gated(1000, window))
        assert exact_dtype(gated, x, 1000) == dtype
        assert Simulator(gated).run(x).membranes["o"].item() == window << 20
    assert exact_dtype(replace(network, schedule=m.Synchronous(1000)), x, 1000) == np.float64


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("window", [None, 3])
def test_no_potential_ever_leaves_the_bound(name: str, window: int | None) -> None:
    """The bound against the largest potential before or after a reset of random networks."""
    for seed in range(3):
        network = build(name, seed, whole=True, steps=14, window=window)
        arrays = inputs_for(network, 2, seed)
        naive = simulate(network, sources_for(network, arrays, 14), 14)
        bound = largest_sum(network, arrays, 14)
        largest = max(np.abs(p).max() for steps in naive.potentials.values() for p in steps)
        assert largest <= bound


def test_rounded_inputs_must_round_to_whole_numbers() -> None:
    network = build("mlp", 0, whole=True)
    x = np.linspace(-2, 3, 14).reshape(2, 7)
    entry = replace(network.inputs[0], coding=m.Rounded(1.0, 2, -1))
    trace = Simulator(replace(network, inputs=(entry,))).run(x)
    plain = Simulator(network).run(np.clip(np.floor(x + 0.5), -1, 2))
    np.testing.assert_array_equal(trace.membranes["out"], plain.membranes["out"])
    entry = replace(entry, coding=m.Rounded(0.5, 2, -1))
    with pytest.raises(InputError, match="fractions") as caught:
        Simulator(replace(network, inputs=(entry,)))
    assert codes(caught.value) == ["SN508"]
    assert caught.value.diagnostics[0].where == "input x"
