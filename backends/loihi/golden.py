"""What `program.py --check` compares with: every spike of a few samples, by the simulator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.golden import affordable, first_samples
from snnc.backends.loihi.inputs import whole_inputs
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.sources import Given
from snnc.backends.reference.trace import Trace
from snnc.ir import model as m
from snnc.ir.tensors import Array

MOST_BYTES = 1 << 23
"""Packed spikes of all samples; large networks have fewer samples, but always one."""


def golden_spikes(network: m.Network, given: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of `golden/spikes.npz`.

    Args:
        network: of stage fixed.
        given: samples as the network takes them, by input name.

    Returns:
        `input/NAME` as `whole_inputs` makes them; `spikes/POPULATION` and, where some are negative,
        `negative/POPULATION`: (T, N, bytes) uint8, a bit per neuron in ONNX's order, of full-length
        runs; `output/HEAD` (T, N, K) int64: whole read-outs after each step; `exit/step`, `head`,
        `answer` and `sure` (N,) int64 where the network has an exit policy.
    """
    some = first_samples(network, given, affordable(network, MOST_BYTES))
    inputs, _ = whole_inputs(network, some)
    arrays = {f"input/{name}": _narrow(values) for name, values in inputs.items()}
    simulator = Simulator(network, threads=1)
    trace = reference_run(simulator, network, some)
    for name, raster in trace.rasters.items():
        flat = raster.reshape(*raster.shape[:2], -1)
        arrays[f"spikes/{name}"] = np.packbits(flat > 0, axis=-1)
        if (flat < 0).any():
            arrays[f"negative/{name}"] = np.packbits(flat < 0, axis=-1)
    arrays |= {f"output/{name}": values for name, values in whole_outputs(network, trace).items()}
    if network.exit is not None:
        found = simulator.run(some).exits
        assert found is not None
        for name in ("step", "head", "answer", "sure"):
            arrays[f"exit/{name}"] = getattr(found, name).astype(np.int64)
    return arrays


def reference_run(
    simulator: Simulator,
    network: m.Network,
    given: Given,
    *,
    steps: int | None = None,
    first: int = 0,
    exits: bool = False,
) -> Trace:
    """A run, usually of full length, with all rasters and the potentials that heads read."""
    spiking = [p.name for p in network.populations if not isinstance(p.neuron, m.Integrator)]
    read = {h.population for h in network.heads if isinstance(h.readout, m.Membrane)}
    return simulator.run(
        given,
        steps=steps,
        first=first,
        record=spiking,
        record_membrane=sorted(read),
        exits=exits,
    )


def whole_outputs(network: m.Network, trace: Trace) -> dict[str, Array]:
    """The read-outs (T, N, K) int64 without the units that `Trace.outputs` has."""
    found = {}
    for head in network.heads:
        lead = (trace.steps, trace.samples, -1)
        if isinstance(head.readout, m.Membrane):
            values = trace.membrane_traces[head.population]
        elif isinstance(head.readout, m.SpikeCount):
            values = trace.rasters[head.population].cumsum(axis=0, dtype=np.int64)
        else:
            values = trace.outputs[head.name]
        found[head.name] = values.reshape(lead).astype(np.int64)
    return found


def _narrow(values: Array) -> Array:
    """Whole numbers in the smallest type that holds them."""
    for dtype in (np.int8, np.int16):
        limits = np.iinfo(dtype)
        if values.size == 0 or (values.min() >= limits.min and values.max() <= limits.max):
            return values.astype(dtype)
    return values
