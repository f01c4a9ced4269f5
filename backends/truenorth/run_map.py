"""Engine `coremap`: the host's layers, then the chip tick by tick, and what became of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from snnc.backends.reference.sources import Given
from snnc.backends.reference.trace import Exits
from snnc.backends.stopped import decide, held, silenced
from snnc.backends.truenorth.chip_run import ChipRun
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.host import host_populations, host_spikes
from snnc.backends.truenorth.layers import layers_of
from snnc.backends.truenorth.simulate import Progress, simulate
from snnc.backends.truenorth.starts import starts_in
from snnc.diagnostics import Diagnostic, UsageError
from snnc.ir import model as m
from snnc.ir.answers import read_out_unit
from snnc.ir.latency import layer_local
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class MapRun:
    """What a core map did with N samples in T time steps; the names are those of `Trace`.

    Attributes:
        steps: T.
        samples: N.
        outputs: head to (T, N, K) float64, in the units of `Trace.outputs`.
        rasters: population to (T, N, *shape), int8; units that no neuron stands for are 0.
        missing: population to bool (*shape): those units.
        spikes: as `Trace.spikes`, of what has a raster.
        synops: `core map` to synaptic operations of each sample (N,), int64: after lowering.
        strays: population to spikes in ticks of no time step, without those that neurons have
            before their first step by design (see `starts`); 0 where the map is right.
        chip: what the chip did.
        exits: how samples were answered; None where no exit policy was executed. The chip ran all
            ticks for every sample; rasters and read-outs end with its answer.
        settled: None.
    """

    steps: int
    samples: int
    outputs: Mapping[str, Array]
    rasters: Mapping[str, Array]
    missing: Mapping[str, Array]
    spikes: Mapping[str, Array]
    synops: Mapping[str, Array]
    strays: Mapping[str, int]
    chip: ChipRun
    exits: Exits | None = None
    settled: None = None


def run_map(
    core_map: CoreMap,
    network: m.Network,
    given: Given,
    *,
    steps: int | None = None,
    first: int = 0,
    exits: bool = True,
    progress: Progress | None = None,
) -> MapRun:
    """Run samples on a core map.

    Args:
        core_map: of that network.
        network: of stage fixed.
        given: inputs as `Simulator.run` takes them.
        steps: time steps; None takes those of the schedule.
        first: number of the first sample in its data set, by which Poisson spikes are drawn.
        exits: whether the exit policy, if there is one, is executed; it is the host that counts.
        progress: called with ticks done and ticks in all.

    Raises:
        InputError: an input does not fit (SN502 to SN513), or a potential leaves the range that the
            chip holds (SN576).
        UsageError: `steps` is wrong (SN505).
    """
    network = layer_local(network)
    assert network.schedule is not None
    count = steps or network.schedule.steps
    sent = host_spikes(network, given, steps=count, first=first)
    run = simulate(core_map, sent, core_map.ticks(count), record=True, progress=progress)
    rasters, missing = _rasters(network, run, sent, count)
    outputs = {h.name: _read_out(network, h, rasters[h.population]) for h in network.heads}
    found = decide(network, outputs) if exits and network.exit is not None else None
    if found is not None:
        outputs = {name: held(values, found.step) for name, values in outputs.items()}
        rasters = {name: silenced(raster, found.step) for name, raster in rasters.items()}
    spikes = {n: _per_sample(r) for n, r in rasters.items()}
    inputs = {entry.name for entry in network.inputs}
    spikes |= {n: np.abs(s).sum((1, 2), dtype=np.int64) for n, s in sent.items() if n in inputs}
    return MapRun(
        steps=count,
        samples=len(run.spikes),
        outputs=outputs,
        rasters=rasters,
        missing=missing,
        spikes=spikes,
        synops={"core map": run.synaptic_operations},
        strays=_strays(core_map, network, run),
        chip=run,
        exits=found,
    )


def _rasters(
    network: m.Network, run: ChipRun, sent: Mapping[str, Array], steps: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    rasters, missing = {}, {}
    host = {p.name for p in host_populations(network)}
    for p in network.populations:
        units = int(np.prod(p.shape))
        if p.name in host:
            flat, known = sent.get(p.name), np.ones(units, bool)
            if flat is None:  # nobody reads it
                continue
        else:
            layer = run.layers[p.name]
            flat = np.zeros((len(run.spikes), steps, units), np.int8)
            flat[:, :, layer.units] = layer.spikes[:, :steps]
            known = np.isin(np.arange(units), layer.units)
        rasters[p.name] = flat.transpose(1, 0, 2).reshape(steps, -1, *p.shape)
        missing[p.name] = ~known.reshape(p.shape)
    return rasters, missing


def _strays(core_map: CoreMap, network: m.Network, run: ChipRun) -> dict[str, int]:
    starts = starts_in(core_map, layers_of(network))
    early = {name: int(start.early.sum()) for name, start in starts.items()}
    samples = len(run.spikes)
    return {n: found.strays - samples * early.get(n, 0) for n, found in run.layers.items()}


def _read_out(network: m.Network, head: m.Head, raster: Array) -> Array:
    counts = raster.reshape(*raster.shape[:2], -1).cumsum(axis=0, dtype=np.int64)
    outputs: Array = counts * read_out_unit(network, head)
    return outputs


def _per_sample(raster: Array) -> Array:
    """Spikes of each sample (N,) of a raster (T, N, ...)."""
    counts: Array = raster.reshape(*raster.shape[:2], -1).sum((0, 2), dtype=np.int64)
    return counts


def check_recorded(network: m.Network, names: Sequence[str]) -> None:
    """Refuse names of populations that the network does not have.

    Raises:
        UsageError: SN506.
    """
    known = [p.name for p in network.populations]
    for name in names:
        if name not in known:
            text = f"there is no population {name} to record"
            cure = f"these send spikes: {', '.join(known)}"
            raise UsageError(Diagnostic("SN506", text, f"network {network.name}", cure))
