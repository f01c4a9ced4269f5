"""Fan-in beyond a core: partial sums bring what the inputs bring, up to a load for each group."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pass_tools import run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.backends.truenorth.layers import layers_of
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.shapes import chain_shape
from snnc.ir.verify import verify
from snnc.passes.axon_needs import axons_needed
from snnc.passes.base import Context
from snnc.passes.split_fan_in import SplitFanIn

STEPS = 32
Arrays = dict[str, np.ndarray]


def made(
    shape: tuple[int, ...],
    ops: tuple[m.Operator, ...],
    arrays: Arrays,
    threshold: float = 64.0,
) -> m.Network:
    """An input of spikes, neurons that repeat those above 0, and one layer that reads them."""
    shapes = {name: array.shape for name, array in arrays.items()}
    out = chain_shape(ops, shape, lambda ref: shapes[ref.name])
    relay = m.Population("relay", shape, m.IF(), incoming=(m.Incoming("image"),))
    layer = m.Population(
        "layer",
        out,
        m.IF(threshold=threshold, v_init=threshold // 2),
        origin=("/layer/Gemm",),
        incoming=(m.Incoming("relay", ops),),
    )
    return m.Network(
        name="test",
        stage="fixed",
        inputs=(m.Input("image", "f32", shape, m.Events(1)),),
        populations=(relay, layer),
        heads=(m.Head("layer", "layer", m.SpikeCount()),),
        schedule=m.Synchronous(STEPS),
    ).with_arrays(arrays)


def dense(seed: int, inputs: int = 256, outputs: int = 24, most: int = 7) -> m.Network:
    weight = np.random.default_rng(seed).integers(-most, most + 1, (outputs, inputs))
    # Half the standard deviation of what comes in with a rate of 0.12 over the inputs.
    threshold = float(max(1, round(0.5 * most * (inputs * 0.12) ** 0.5)))
    return made((inputs,), (m.Dense(m.Ref("w")),), {"w": weight.astype(np.int8)}, threshold)


def spikes(network: m.Network, seed: int, count: int = 3, rate: float = 0.12) -> np.ndarray:
    shape = (STEPS, count, *network.inputs[0].shape)
    return (np.random.default_rng(seed).random(shape) < rate).astype(np.float32)


def received(network: m.Network, x: np.ndarray) -> np.ndarray:
    """What the layer has received after each step (T, N, *shape)."""
    layer = network.population("layer")
    probe = replace(layer, neuron=m.Integrator(), bias=None)
    changed = replace(network, heads=(m.Head("layer", "layer", m.Membrane()),))
    changed = changed.with_populations((*network.populations[:-1], probe))
    return Simulator(changed).run(x, record_membrane=["layer"]).membrane_traces["layer"]


def groups_of(network: m.Network) -> int:
    return len(network.population("layer").incoming)


@pytest.mark.parametrize(("load", "copies"), [(64, 1), (32, 3), (16, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_received_is_off_by_less_than_a_load_a_group(seed, load, copies):
    network = dense(seed)
    after = run_specs(network, f"split-fan-in{{load={load} copies={copies}}}", Context())
    assert verify(after) == []
    groups = groups_of(after)
    assert groups >= 3
    x = spikes(network, seed)
    error = np.abs(received(network, x) - received(after, x))
    assert 0 < error.max() <= groups * load
    # With copies missing, more comes in than can be sent, and the bound breaks.
    few = run_specs(network, f"split-fan-in{{load={load // 16 or 1} copies=1}}", Context())
    backlog = np.abs(received(network, x) - received(few, x))
    assert backlog.max() > groups_of(few) * (load // 16 or 1)


def conv(seed: int, channels: int, groups: int = 1) -> m.Network:
    rng = np.random.default_rng(seed)
    weight = rng.integers(-7, 8, (6, channels // groups, 3, 3)).astype(np.int8)
    op = m.Conv2d(m.Ref("w"), (2, 1), (1, 1, 1, 1), groups=groups)
    return made((channels, 6, 5), (op,), {"w": weight}, 20.0)


def reshaped(seed: int) -> m.Network:
    weight = np.random.default_rng(seed).integers(-3, 4, (12, 180)).astype(np.int8)
    ops = (m.Flatten(), m.Dense(m.Ref("w")), m.Reshape((3, 2, 2)), m.Scale(8.0))
    return made((5, 6, 6), ops, {"w": weight}, 41.0)


def late(seed: int) -> m.Network:
    network = dense(seed, 200, 10, 3)
    layer = network.populations[-1]
    layer = replace(layer, incoming=(replace(layer.incoming[0], delay=2),))
    return network.with_populations((*network.populations[:-1], layer))


def beside(seed: int) -> m.Network:
    """Weights and an identity, and a bias."""
    rng = np.random.default_rng(seed)
    arrays = {
        "w": rng.integers(-7, 8, (20, 20, 3, 3)).astype(np.int8),
        "one": np.full((20, 1, 1, 1), 12, np.int8),
        "b": rng.integers(-9, 10, (20,)).astype(np.int32),
    }
    network = made((20, 5, 5), (m.Conv2d(m.Ref("w"), pads=(1, 1, 1, 1)),), arrays, 30.0)
    layer = network.population("layer")
    more = m.Incoming("relay", (m.Conv2d(m.Ref("one"), groups=20),))
    layer = replace(layer, bias=m.Ref("b"), incoming=(*layer.incoming, more))
    network = replace(network, tensors=dict(network.tensors))
    return network.with_arrays(arrays).with_populations((network.populations[0], layer))


CASES = {
    "dense": lambda: dense(4, 200, 10, 3),
    "conv": lambda: conv(1, 12),
    "grouped": lambda: conv(2, 24, 2),
    "reshaped": lambda: reshaped(3),
    "late": lambda: late(4),
    "beside": lambda: beside(5),
}


@pytest.mark.parametrize("name", CASES)
def test_with_loads_of_1_and_copies_enough_every_spike_stays(name):
    network = CASES[name]()
    after = run_specs(network, "split-fan-in{load=1 copies=32}", Context())
    assert groups_of(after) > 1
    x = spikes(network, 1, count=2, rate=0.02)
    before, found = (
        Simulator(n).run(x, record=["layer"]).rasters["layer"] for n in (network, after)
    )
    assert 0.01 < before.mean() < 0.9
    np.testing.assert_array_equal(before, found)
    coarse = run_specs(network, "split-fan-in{load=32 copies=1}", Context())
    wrong = Simulator(coarse).run(x, record=["layer"]).rasters["layer"]
    assert (before != wrong).any()


def test_counts_change_by_half_a_spike_and_less_with_copies():
    means = {}
    for copies in (1, 4):
        changes = []
        for seed in range(8):
            network = dense(seed)
            load = 32 // copies
            spec = f"split-fan-in{{load={load} copies={copies}}}"
            after = run_specs(network, spec, Context())
            x = spikes(network, seed, count=4)
            before, found = (
                Simulator(n).run(x).spike_counts["layer"].astype(int) for n in (network, after)
            )
            changes.append(np.abs(before - found))
        means[copies] = float(np.mean(changes))
        if copies == 1:
            assert np.max(changes) <= 5
    assert 0.2 < means[1] < 1.0
    assert means[4] < 0.5 * means[1]


def test_every_neuron_fits_a_core_then_and_the_root_takes_one_axon_a_partial_neuron():
    network = dense(0, 600, 20)
    assert axons_needed(network)["layer"].axons > 2000
    after = run_specs(network, "split-fan-in{load=32 copies=2}", Context())
    needs = axons_needed(after)
    assert all(need.axons <= 256 for need in needs.values())
    assert needs["layer"].axons == 4 * groups_of(after)
    assert {layer.name for layer in layers_of(after)} == {p.name for p in after.populations}
    again = run_specs(after, "split-fan-in", Context())
    assert again.populations == after.populations


def test_loads_hold_what_calibration_samples_bring():
    network = made(
        (256,),
        (m.Dense(m.Ref("w")),),
        {"w": np.random.default_rng(0).integers(-7, 8, (12, 256)).astype(np.int8)},
    )
    coding = m.Graded(1 / 255, 255)
    network = replace(network, inputs=(replace(network.inputs[0], coding=coding),))
    relay = replace(network.populations[0], neuron=m.IF(threshold=255.0))
    network = network.with_populations((relay, network.populations[1]))
    found = {}
    for rate in (0.1, 0.6):
        samples = np.full((4, 256), rate, np.float32)
        samples += np.random.default_rng(1).uniform(-0.1, 0.1, samples.shape).astype(np.float32)
        context = Context(calibration={"image": samples})
        after = run_specs(network, "split-fan-in", context)
        threshold = after.population("layer.part1").neuron.threshold
        values = after.array(threshold) if isinstance(threshold, m.Ref) else np.array([threshold])
        found[rate] = values.max()
        assert any("layer gets its inputs as" in note for note in context.notes)
        record = [p.name for p in after.populations if "part" in p.name]
        trace = Simulator(after).run(samples, record_membrane=record)
        worst = max(float(np.percentile(v, 99)) for v in trace.membrane_traces.values())
        assert worst < values.max()
    assert found[0.6] > 2 * found[0.1]
    with pytest.raises(InputError, match="SN705"):
        run_specs(network, "split-fan-in", Context())


def test_strengths_beyond_the_chips_make_the_layers_units_coarser():
    network = dense(0)
    layer = network.population("layer")
    scaled = replace(
        layer,
        neuron=replace(layer.neuron, threshold=layer.neuron.threshold * 16),
        incoming=(replace(layer.incoming[0], ops=(*layer.incoming[0].ops, m.Scale(16.0))),),
    )
    fine = network.with_populations((network.populations[0], scaled))
    coarse, plain = (
        run_specs(n, "split-fan-in{load=32 copies=2}", Context()) for n in (fine, network)
    )
    strengths = [
        np.abs(coarse.array(op.weight)).max()
        for i in coarse.population("layer").incoming
        for op in i.ops
        if isinstance(op, m.Dense)
    ]
    assert max(strengths) == 128
    x = spikes(network, 3)
    counts = [Simulator(n).run(x).spike_counts["layer"] for n in (coarse, plain)]
    assert np.abs(counts[0].astype(int) - counts[1]).max() <= 1


def test_what_cannot_be_split_is_refused():
    network = dense(0)
    with pytest.raises(InputError, match=r"(?s)SN786.*layer reads 2\d\d inputs.*256.*--partial"):
        SplitFanIn(policy="error").run(network, Context())
    with pytest.raises(InputError, match=r"(?s)SN787.*partial sums alone"):
        SplitFanIn(load=8, copies=64).run(network, Context())
    wide = conv(0, 2)
    with pytest.raises(InputError, match=r"(?s)SN787.*one input channel"):
        SplitFanIn(load=8, axons=20).run(wide, Context())
    layer = network.population("layer")
    signed = replace(layer, incoming=(replace(layer.incoming[0], source="image"),))
    with pytest.raises(InputError, match=r"(?s)SN787.*negative spikes.*encode-inputs"):
        SplitFanIn(load=8).run(network.with_populations((signed,)), Context())
    gate = replace(layer, neuron=replace(layer.neuron, reset="zero"))
    gated = network.with_populations((network.populations[0], gate))
    assert SplitFanIn(load=8).run(gated, Context()).population("layer").neuron.reset == "zero"
    long = replace(network, schedule=m.Synchronous(600))
    with pytest.raises(InputError, match=r"(?s)SN787.*--timesteps"):
        SplitFanIn(load=64, copies=16).run(long, Context())
    for options in ({"axons": 257}, {"axons": 0}, {"load": 256}, {"copies": 0}, {"samples": 0}):
        with pytest.raises(InputError, match="SN721"):
            SplitFanIn(**options).run(network, Context())


def test_networks_that_fit_stay_and_need_no_samples():
    network = dense(0, 60)
    assert run_specs(network, "split-fan-in", Context()).populations == network.populations
    assert run_specs(network, "split-fan-in{policy=error}", Context()) is not None
