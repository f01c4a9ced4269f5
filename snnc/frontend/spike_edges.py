"""Spike times against onnxruntime's: equal, or one step apart at the edge between two times."""

from __future__ import annotations

import numpy as np

from snnc.frontend.edges import EDGE, Verdict
from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.ir.tensors import Array

_LEVEL = 1e-4
"""Relative difference of a value from the level that it is on: float32 exponents of some 10."""

_SUM = 1e-6
"""Error of a float32 sum as a share of the layer's largest one."""


def compare_spikes(neuron: m.TTFS, x: Array, wanted: Array) -> Verdict:
    """Judge the values of a population of spike times at stage ann.

    Args:
        neuron: Its kernel.
        x: Summed input computed from onnxruntime's values of the sources, float64 (N, *shape).
        wanted: Onnxruntime's values of the population (N, *shape).
    """
    values, thresholds = spike_times.values(neuron), spike_times.thresholds(neuron)
    times = _late(spike_times.encode(x, thresholds), neuron)
    given, on_level = _times(neuron, values, np.asarray(wanted, dtype=np.float64))
    same = on_level & (times == given)
    first = np.minimum(np.minimum(times, given), neuron.steps - 1)
    edge = thresholds[first]
    width = np.maximum(EDGE / neuron.tau * edge, _SUM * np.abs(x).max(initial=0.0))
    beside = on_level & (np.abs(times - given) == 1) & (np.abs(x - edge) <= width)
    own = np.append(values, 0.0)[times]
    error = float(np.abs(wanted - own)[same].max(initial=0.0))
    wrong = ~(same | beside)
    at_edge = int(np.count_nonzero(beside))
    if not wrong.any():
        return Verdict(error, at_edge)
    index = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    fault = (
        f"differs from onnxruntime in {int(np.count_nonzero(wrong))} of {wrong.size} values: at "
        f"{[int(i) for i in index]} a summed input of {x[index]:.6g} gives {own[index]:.6g}, "
        f"onnxruntime's is {wanted[index]:.6g}, and the nearest edge between two spike times lies "
        f"at {edge[index]:.6g}"
    )
    return Verdict(error, at_edge, fault)


def _late(times: Array, neuron: m.TTFS) -> Array:
    """No spike as the step behind the last one."""
    late: Array = np.where(times == spike_times.NO_SPIKE, neuron.steps, times).astype(np.int64)
    return late


def _times(neuron: m.TTFS, values: Array, wanted: Array) -> tuple[Array, Array]:
    """The times that values stand for, and whether they are values of such times at all."""
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = neuron.tau * np.log(values[0] / wanted)
    times = np.where(wanted > 0, np.clip(np.round(exact), 0, neuron.steps - 1), neuron.steps)
    times = np.nan_to_num(times, nan=neuron.steps).astype(np.int64)
    level = np.append(values, 0.0)[times]
    return times, np.abs(wanted - level) <= _LEVEL * level
