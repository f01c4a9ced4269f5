"""Random quantised networks come to rest at exactly what the interpreter computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from quantised_networks import (
    edge_distance,
    inputs,
    level_values,
    logit_error,
    random_network,
    unequal,
)

from snnc.backends import TARGETS
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.ir import model as m
from snnc.options import build_all
from snnc.passes import PASSES, QUANTISED_PREPARATION
from snnc.passes.base import Context
from snnc.passes.defaults import default_pipeline
from snnc.passes.manager import run_pipeline

LIMITS = TARGETS["reference"].limits
EDGE = 1e-9
"""Sums in float64 this close to a rounding edge (in steps) could fall on either side of it."""


def spiking_form(
    network: m.Network, spec: str | None = None, steps: int | None = None
) -> m.Network:
    """The network after a pipeline, by default the one that snnc chooses."""
    chosen = default_pipeline(network, LIMITS, steps).spec if spec is None else spec
    context = Context(steps=steps or 32, steps_given=steps is not None)
    return run_pipeline(network, build_all(chosen, PASSES), context, check_text=True)


def samples(seed: int, *, dyadic: bool, count: int = 8) -> np.ndarray:
    return inputs(count, dyadic=dyadic, seed=seed).astype(np.float32)


def run(spiking: m.Network, x: np.ndarray, steps: int | None = None) -> Trace:
    return Simulator(spiking, dtype="float64").run(x, steps=steps)


@pytest.mark.parametrize("seed", range(70))
def test_without_rounding_errors_every_count_and_every_logit_is_exact(seed):
    """Sums on the very edge between two levels included."""
    network = random_network(seed, dyadic=True)
    x = samples(seed, dyadic=True)
    spiking = spiking_form(network)
    trace = run(spiking, x)
    wide = x.astype(np.float64)
    assert isinstance(spiking.schedule, m.Gated)
    assert (trace.settled >= 0).all()
    assert unequal(level_values(network, wide), trace) == 0
    assert logit_error(network, wide, spiking, trace) < 1e-9


def test_sums_on_the_edge_between_two_levels_occur():
    """The test above would be weaker than it says if no sum lay on an edge."""
    distances = [
        edge_distance(random_network(seed, dyadic=True), samples(seed, dyadic=True).astype(float))
        for seed in range(20)
    ]
    assert sum(d == 0.0 for d in distances) >= 10


@pytest.mark.parametrize("seed", range(100, 140))
def test_with_any_weights_every_count_and_every_logit_is_exact(seed):
    """Also where a pass has computed new weights: they are not rounded to float32."""
    network = random_network(seed, dyadic=False)
    wide = samples(seed, dyadic=False).astype(np.float64)
    spiking = spiking_form(network)
    trace = run(spiking, wide)
    assert edge_distance(network, wide) > EDGE
    assert unequal(level_values(network, wide), trace) == 0
    assert (trace.settled >= 0).all()
    assert logit_error(network, wide, spiking, trace) < 1e-9


@pytest.mark.parametrize("seed", range(200, 215))
def test_nothing_changes_after_a_network_has_settled(seed):
    network = random_network(seed, dyadic=True)
    x = samples(seed, dyadic=True)
    spiking = spiking_form(network)
    trace = run(spiking, x)
    longer = replace(spiking, schedule=replace(spiking.schedule, steps=spiking.schedule.steps + 20))
    after = run(longer, x)
    assert np.array_equal(trace.settled, after.settled)
    for name, counts in trace.spike_counts.items():
        assert np.array_equal(counts, after.spike_counts[name])


# ---- negative controls -----------------------------------------------------------------------


def _without_negative_spikes(neuron: m.IF) -> m.IF:
    return replace(neuron, negative_spikes="none")


def _without_cap(neuron: m.IF) -> m.IF:
    return replace(neuron, max_spikes=None)


def _without_start(neuron: m.IF) -> m.IF:
    return replace(neuron, v_init=0.0)


@lru_cache(maxsize=20)
def _control(seed: int) -> tuple[m.Network, np.ndarray, dict[str, np.ndarray]]:
    """A spiking network, samples, and the levels that it comes to rest at."""
    network = random_network(seed, dyadic=True)
    x = samples(seed, dyadic=True)
    return spiking_form(network), x, level_values(network, x.astype(np.float64))


def _wrong_share(change: Callable[[m.IF], m.IF], *, gated: bool = True) -> float:
    """The share of networks that are not exact any more after `change`."""
    wrong = 0
    for seed in range(20):
        spiking, x, expected = _control(seed)
        populations = [
            replace(p, neuron=change(p.neuron)) if isinstance(p.neuron, m.IF) else p
            for p in spiking.populations
        ]
        broken = spiking.with_populations(populations)
        if not gated:
            broken = replace(broken, schedule=m.Synchronous(spiking.schedule.steps))
        wrong += unequal(expected, run(broken, x)) > 0
    return wrong / 20


@pytest.mark.parametrize("change", [_without_negative_spikes, _without_cap, _without_start])
def test_a_neuron_that_lacks_a_part_is_not_exact(change):
    assert _wrong_share(change) > 0.6


def test_an_input_that_is_held_is_not_exact():
    assert _wrong_share(lambda neuron: neuron, gated=False) > 0.8


def test_the_unchanged_networks_of_the_controls_are_exact():
    assert _wrong_share(lambda neuron: neuron) == 0.0


def test_one_changed_weight_is_noticed():
    network = random_network(3, dyadic=True)
    x = samples(3, dyadic=True)
    expected = level_values(network, x.astype(np.float64))
    first = next(p for p in network.populations if p.incoming[0].ops)
    name = first.incoming[0].ops[0].weight.name
    weight = network.array(m.Ref(name)).copy()
    weight[(0,) * weight.ndim] += 1.0
    assert unequal(expected, run(spiking_form(network.with_arrays({name: weight})), x)) > 0


# ---- rates -----------------------------------------------------------------------------------


def test_a_first_layer_of_rates_is_exact_after_as_many_steps_as_it_has_levels():
    """Constant input and T = L: Bu et al. 2022, theorem 1, for any shift."""
    checked = 0
    for seed in range(300, 330):
        network = random_network(seed, dyadic=True)
        first = network.populations[0]
        if first.name == "rounded" or first.neuron.signed:
            continue
        x = samples(seed, dyadic=True)
        spiking = spiking_form(network, f"{QUANTISED_PREPARATION},map-quantized{{mode=qcfs}}")
        trace = run(spiking, x, first.neuron.levels)
        expected = level_values(network, x.astype(np.float64))[first.name]
        assert np.array_equal(trace.spike_counts[first.name], expected)
        checked += 1
    assert checked >= 8


def test_rates_approach_and_counts_equal():
    """At the steps where the lossless form is exact, the rates of most networks are not."""
    inexact = 0
    for seed in range(20):
        network = random_network(seed, dyadic=True)
        x = samples(seed, dyadic=True)
        rates = spiking_form(network, f"{QUANTISED_PREPARATION},map-quantized{{mode=qcfs}}", 64)
        assert isinstance(rates.schedule, m.Synchronous)
        trace = run(rates, x)
        error = logit_error(network, x.astype(np.float64), rates, trace)
        inexact += error > 1e-6
    assert inexact >= 15
