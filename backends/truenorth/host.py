"""The part of a network that the host computes: populations that read analog values.

Their spikes are what the chip is given. Everything else runs on the chip.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.sources import Given
from snnc.ir import model as m
from snnc.ir.tensors import Array


def is_analog(entry: m.Input) -> bool:
    """Whether an input comes as numbers and not as spikes."""
    return not isinstance(entry.coding, m.Poisson | m.Events)


def host_populations(network: m.Network) -> tuple[m.Population, ...]:
    """The populations that read an analog input, in order."""
    analog = {entry.name for entry in network.inputs if is_analog(entry)}
    return tuple(p for p in network.populations if any(i.source in analog for i in p.incoming))


def chip_populations(network: m.Network) -> tuple[m.Population, ...]:
    """All others."""
    host = {p.name for p in host_populations(network)}
    return tuple(p for p in network.populations if p.name not in host)


def is_signed(network: m.Network, source: str) -> bool:
    """Whether an input of spikes can bring negative ones."""
    return any(entry.name == source for entry in network.inputs)


def pin_sources(network: m.Network) -> tuple[str, ...]:
    """What the chip reads and does not compute: inputs and host populations, in order."""
    chip = chip_populations(network)
    names = {p.name for p in chip}
    read = {i.source for p in chip for i in p.incoming} - names
    known = [*(entry.name for entry in network.inputs), *(p.name for p in network.populations)]
    return tuple(name for name in known if name in read)


def host_spikes(
    network: m.Network, given: Given, *, steps: int, first: int = 0
) -> dict[str, Array]:
    """What the host sends to the chip.

    Args:
        network: of stage fixed, in layer-local time.
        given: inputs as the simulator takes them.
        steps: time steps.
        first: number of the first sample in its data set, by which Poisson coding draws.

    Returns:
        Pin source to its spikes (N, T, units), int8, units in row-major order.

    Raises:
        InputError, UsageError: as `Simulator.run`.
    """
    sources = pin_sources(network)
    watched = _watched(network, sources)
    trace = Simulator(watched, dtype="integer").run(
        given, steps=steps, first=first, record=[_watcher(s, network) for s in sources]
    )
    found = {}
    for source in sources:
        raster = trace.rasters[_watcher(source, network)]
        found[source] = np.ascontiguousarray(
            raster.reshape(steps, trace.samples, -1).transpose(1, 0, 2)
        )
    return found


def _watcher(source: str, network: m.Network) -> str:
    """The population whose spikes are those of a source: of an input, one that repeats them."""
    inputs = {entry.name for entry in network.inputs}
    return f"{source}.watched" if source in inputs else source


def _watched(network: m.Network, sources: tuple[str, ...]) -> m.Network:
    """The host's part of a network, in which every input of spikes is repeated by neurons."""
    populations = list(host_populations(network))
    inputs = {entry.name: entry for entry in network.inputs}
    for source in sources:
        if source in inputs:
            neuron = m.IF(threshold=1.0, negative_spikes="retract", v_init=0.0)
            populations.append(
                m.Population(
                    name=_watcher(source, network),
                    shape=inputs[source].shape,
                    neuron=neuron,
                    incoming=(m.Incoming(source),),
                )
            )
    head = m.Head("host", populations[-1].name, m.SpikeCount())
    part = replace(network, heads=(head,), exit=None)
    return part.with_populations(populations)
