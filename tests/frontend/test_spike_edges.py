"""Spike times against onnxruntime's: what counts as an edge, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from surrogate_spellings import kernel

from snnc.frontend.spike_edges import compare_spikes
from snnc.ir import model as m
from snnc.ir import spike_times


@pytest.mark.parametrize("rounding", ["ceil", "round"])
def test_one_step_apart_only_at_an_edge(rounding: m.Rounding) -> None:
    neuron = kernel(rounding)
    values, edges = spike_times.values(neuron), spike_times.thresholds(neuron)
    x = np.array([[edges[5] * (1 + 1e-7), edges[5] * (1 - 1e-7), edges[-1] * (1 - 1e-7)]])
    wanted = np.array([[values[6], values[5], values[-1]]])
    verdict = compare_spikes(neuron, x, wanted)
    assert (verdict.at_edge, verdict.fault) == (3, "")
    assert compare_spikes(neuron, x, spike_times.surrogate(neuron, x)).at_edge == 0


@pytest.mark.parametrize("rounding", ["ceil", "round"])
def test_what_is_wrong_is_a_fault(rounding: m.Rounding) -> None:
    """One step apart away from edges, two steps apart at one, and values of no step."""
    neuron = kernel(rounding)
    values, edges = spike_times.values(neuron), spike_times.thresholds(neuron)
    middle = float(np.sqrt(edges[4] * edges[5]))
    cases = [
        (middle, values[6]),
        (edges[5], values[7]),
        (middle, values[5] * 1.01),
        (middle, -values[5]),
        (edges[-1] * 0.9, values[-1]),
        (middle, 0.0),
    ]
    for x, wanted in cases:
        verdict = compare_spikes(neuron, np.array([[x]]), np.array([[wanted]]))
        assert "differs from onnxruntime in 1 of 1 values: at [0, 0]" in verdict.fault
        right = spike_times.surrogate(neuron, np.array([[x]]))
        assert not compare_spikes(neuron, np.array([[x]]), right).fault
