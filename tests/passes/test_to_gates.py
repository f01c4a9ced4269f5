"""Gates of a network of one time step: the same answer, and one for every frame that follows."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.passes.base import Context
from snnc.passes.to_gates import ToGates

PIPELINE = (
    "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking,spike-heads,encode-inputs,"
    "fold-chains,quantize-weights{target=truenorth}"
)


def one_step(steps: int = 1) -> m.Network:
    network = nets.plain()
    return run_specs(network, PIPELINE, make_context(network, steps=steps))


def counts(network: m.Network, x: np.ndarray) -> dict[str, np.ndarray]:
    return dict(Simulator(network).run(x).spike_counts)


def test_gates_fire_where_neurons_did():
    network = one_step()
    gates = run_specs(network, "to-gates", Context())
    x = nets.images(30, seed=4)
    before, after = counts(network, x), counts(gates, x)
    assert any(0 < c.mean() < 1 for c in before.values())
    for name, expected in before.items():
        np.testing.assert_array_equal(expected, after[name])
    assert all(p.neuron.leak == 0.0 for p in gates.populations[1:])
    assert gates.populations[0] == network.populations[0]


def test_every_step_is_a_frame_of_its_own():
    gates = run_specs(one_step(), "to-gates", Context())
    frames = (nets.images(6, seed=4)[:, None] > 0.5).astype(np.float32)
    first = gates.populations[0].shape
    # The encoder's spikes are given: a network without host.
    spikes = replace(
        gates, inputs=(m.Input(gates.populations[0].name, "f32", first, m.Events(1)),)
    ).with_populations(gates.populations[1:])
    alone = [counts(spikes, frame[None]) for frame in frames]
    together = Simulator(replace(spikes, schedule=m.Synchronous(6))).run(frames)
    for name, total in together.spike_counts.items():
        np.testing.assert_array_equal(total, sum(c[name] for c in alone))
    # With memory the frames would run into each other.
    plain = replace(one_step(), schedule=m.Synchronous(6), inputs=spikes.inputs)
    plain = plain.with_populations(plain.populations[1:])
    mixed = Simulator(plain).run(frames).spike_counts
    assert any((mixed[n] != together.spike_counts[n]).any() for n in mixed)


def test_longer_runs_and_other_neurons_are_refused():
    with pytest.raises(InputError, match=r"(?s)SN789.*more than one.*--timesteps 1"):
        ToGates().run(one_step(4), Context())
    network = one_step()
    last = network.populations[-1]
    signed = replace(last, neuron=replace(last.neuron, negative_spikes="retract"))
    late = replace(last, incoming=(replace(last.incoming[0], delay=1),))
    eager = replace(last, neuron=replace(last.neuron, v_init=last.neuron.threshold))
    for odd in (signed, late, eager):
        changed = network.with_populations((*network.populations[:-1], odd))
        with pytest.raises(InputError, match=r"SN789.*out"):
            ToGates().run(changed, Context())
