"""What `main.c` compares with: every spike of a few samples, by the reference simulator."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from snnc.backends.c.inputs import signed_times
from snnc.backends.c.plan import make_plan
from snnc.backends.golden import affordable, first_samples
from snnc.backends.loihi.golden import reference_run, whole_outputs
from snnc.backends.loihi.inputs import whole_inputs
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.sources import check_inputs
from snnc.ir import model as m
from snnc.ir.tensors import Array

MOST_BYTES = 1 << 23
"""Packed spikes of all samples; large networks have fewer samples, but always one."""


def golden_arrays(network: m.Network, given: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of `golden/`, by file name without its end.

    Args:
        network: of stage fixed.
        given: samples as the network takes them, by input name.

    Returns:
        `input_INPUT` (N, *shape), of spike times as `signed_times` makes them, or, of what comes in
        frames, (N, T, *shape), int32;
        `spikes_POPULATION` and, where spikes are taken back, `negative_POPULATION`: (T, N, bytes)
        uint8, a bit per neuron in ONNX's order, of full-length runs; `output_0` and so on for each
        head: (N, T, K) int32, whole read-outs after each step; `exit` (N, 4) int32: step, head,
        answer and whether it was sure, where the network has an exit policy.
    """
    plan = make_plan(network)
    some = first_samples(network, given, affordable(network, MOST_BYTES))
    inputs, _ = whole_inputs(network, some)
    arrays: dict[str, Array] = {}
    for entry in network.inputs:
        values = inputs[entry.name].astype(np.int32)
        frames = not isinstance(entry.coding, m.Graded | m.SpikeTime)
        if isinstance(entry.coding, m.SpikeTime):
            values = signed_times(entry.coding, check_inputs(network, some, True)[entry.name])
        arrays[f"input_{plan.inputs[entry.name]}"] = values.swapaxes(0, 1) if frames else values
    simulator = Simulator(network, threads=1)
    trace = reference_run(simulator, network, some)
    for layer in plan.layers:
        raster = trace.rasters.get(layer.population.name)
        if raster is None:
            continue
        flat = raster.reshape(*raster.shape[:2], -1)
        arrays[f"spikes_{layer.ident}"] = np.packbits(flat > 0, axis=-1)
        if len(plan.train(layer.population.name).planes) > 1:
            arrays[f"negative_{layer.ident}"] = np.packbits(flat < 0, axis=-1)
    for index, values in enumerate(whole_outputs(network, trace).values()):
        arrays[f"output_{index}"] = values.swapaxes(0, 1).astype(np.int32)
    if network.exit is not None:
        found = simulator.run(some).exits
        assert found is not None
        columns = [getattr(found, name) for name in ("step", "head", "answer", "sure")]
        arrays["exit"] = np.stack(columns, axis=1).astype(np.int32)
    return arrays


def spike_rates(network: m.Network, golden: Mapping[str, Array]) -> dict[str, float]:
    """Spikes per neuron and time step in golden samples, by source; nothing without samples.

    Args:
        network: of stage fixed.
        golden: from `golden_arrays`.
    """
    if not golden:
        return {}
    plan = make_plan(network)
    rates: dict[str, float] = {}
    for layer in plan.layers:
        spikes = golden.get(f"spikes_{layer.ident}")
        if spikes is not None:
            neurons = math.prod(layer.population.shape)
            bits = np.unpackbits(spikes, axis=-1, count=neurons)
            rates[layer.population.name] = float(bits.mean())
    for entry in network.inputs:
        if isinstance(entry.coding, m.Poisson | m.Events):
            rates[entry.name] = float((golden[f"input_{plan.inputs[entry.name]}"] > 0).mean())
    return rates
