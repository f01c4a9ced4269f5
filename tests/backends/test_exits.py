"""Exit policies in order of time: executed as asking a full-length run's read-outs says."""

from __future__ import annotations

import spiking_exits as nets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spiking_networks import ALL, inputs_for

from snnc.backends.reference import Simulator
from snnc.ir.verify import verify

SAMPLES = 5


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), window=st.none() | st.integers(1, 6))
@pytest.mark.parametrize("policy", nets.POLICIES)
def test_x(policy: str, seed: int, window: int | None) -> None:
    name = list(ALL)[seed % len(ALL)]
    if policy == "bayes": window = None
    network = nets.build(name, policy, seed, window=window)
    assert list(verify(network)) == []
    arrays = inputs_for(network, SAMPLES, seed)
    simulator = Simulator(network, dtype="float64", threads=1, batch_size=3, block_steps=1+seed%4)
    nets.check(network, simulator, arrays, simulator.run(arrays))

@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), window=st.none() | st.integers(1, 6))
@pytest.mark.parametrize("policy", nets.DEPTH_POLICIES)
def test_y(policy: str, seed: int, window: int | None) -> None:
    name = list(ALL)[seed % len(ALL)]
    network = nets.build(name, policy, seed, window=window, order="depth")
    assert list(verify(network)) == []
    arrays = inputs_for(network, SAMPLES, seed)
    simulator = Simulator(network, dtype="float64", threads=1, batch_size=3, block_steps=1+seed%4)
    a = nets.check(network, simulator, arrays, simulator.run(arrays))
