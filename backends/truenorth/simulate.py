"""A tick-accurate simulator of core maps.

In each tick every neuron adds the strengths of its active axons, then the leak, and fires at or
above its threshold (Cassidy et al., IJCNN 2013). A spike with delay d sent in tick t is at its axon
in tick t + d. Spikes of pins are there in tick `step * ticks_per_step + delay`. The order of the
cores and their places on the mesh change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from snnc.backends.truenorth.chip_run import ChipRun, LayerSpikes
from snnc.backends.truenorth.core_map import TO_OUTPUT, CoreMap
from snnc.backends.truenorth.engine import Engine, pack, unpack
from snnc.backends.truenorth.engine_plan import Plan, make_plan
from snnc.backends.truenorth.legality_base import place_of
from snnc.backends.truenorth.pin_spikes import checked_spikes, pin_spikes, sent_packets
from snnc.backends.truenorth.wiring import driven, reset_potentials
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array

MOST_SAMPLES = 64
"""Samples that are run together, fewer on large maps."""
MOST_BYTES = 400_000_000
"""Of spikes that are kept at a time, and of potentials."""
LONGEST_CHUNK = 256

Progress = Callable[[int, int], None]


def simulate(
    core_map: CoreMap,
    spikes: Mapping[str, Array],
    ticks: int,
    *,
    probes: Sequence[tuple[int, int]] = (),
    record: bool | Sequence[str] = False,
    batch: int | None = None,
    progress: Progress | None = None,
) -> ChipRun:
    """Run samples, each from the initial potentials.

    Args:
        core_map: legal in what it drives: no axon and no output line has two drivers.
        spikes: by source of the pins: (N, steps, units...) of bool, or whole numbers -1, 0 and 1
            where there are pins of both signs. After the last step no pin has spikes. A map without
            pins is run for one sample.
        ticks: how long.
        probes: neurons `(core, neuron)` whose potentials are wanted.
        record: layers whose spikes are wanted; True for all.
        batch: samples that are run together; by default as many as fit.
        progress: called with ticks done and ticks in all, over all samples.

    Raises:
        InputError: SN569 or SN572, two drivers; SN576, a potential that the chip does not hold;
            SN578, arrays or arguments that do not fit; SN574, replicas that differ.
    """
    _check(core_map, ticks, probes)
    given = checked_spikes(core_map, spikes)
    samples = len(next(iter(given.values()))) if given else 1
    rows = max(1, int(core_map.used.sum()))
    size = min(samples, batch or MOST_SAMPLES, max(8, MOST_BYTES // (4 * rows)))
    plan = make_plan(core_map, size)
    chunk = _chunk(plan, size, ticks)
    results = _Results(plan, samples, ticks, _layers(core_map, record), probes)
    for start in range(0, samples, size):
        part = slice(start, min(start + size, samples))
        pins = pin_spikes(core_map, given, part)
        engine = Engine(plan, pack(pins), part.stop - start, chunk)
        engine.trace(results.probe_rows)
        for first in range(0, ticks, chunk):
            count = min(chunk, ticks - first)
            engine.run(first, count)
            results.take(engine, part, first, count)
            if progress is not None:
                done = start * ticks + (first + count) * (part.stop - start)
                progress(done, samples * ticks)
        results.close(engine, part, sent_packets(core_map, pins, ticks))
    return results.run()


def _chunk(plan: Plan, samples: int, ticks: int) -> int:
    """Ticks at a time, such that their spikes fit."""
    each = max(1, len(plan.neurons) * ((samples + 7) // 8))
    return max(1, min(ticks, LONGEST_CHUNK, max(16, MOST_BYTES // each - plan.longest)))


def _layers(core_map: CoreMap, record: bool | Sequence[str]) -> list[int]:
    names = [layer.name for layer in core_map.layers]
    if isinstance(record, bool):
        return list(range(len(names))) if record else []
    unknown = [name for name in record if name not in names]
    if unknown:
        raise _refused(f'there is no layer "{unknown[0]}" on the map', ", ".join(names))
    return [i for i, name in enumerate(names) if name in record]


def _check(core_map: CoreMap, ticks: int, probes: Sequence[tuple[int, int]]) -> None:
    if ticks < 1:
        raise _refused(f"{ticks} ticks were asked for", "at least 1")
    shape = core_map.kinds.shape
    for core, neuron in probes:
        if not (0 <= core < shape[0] and 0 <= neuron < shape[1] and core_map.used[core, neuron]):
            raise _refused(f"no neuron {neuron} of core {core} is in use", "probe one that is")
    twice = np.argwhere(driven(core_map) > 1)
    if twice.size:
        core, axon = (int(n) for n in twice[0])
        message = f"{len(twice)} axons have two drivers; their spikes could collide"
        raise InputError(Diagnostic("SN569", message, f"core {core}, axon {axon}"))
    lines = core_map.targets[core_map.kinds == TO_OUTPUT]
    counts = np.bincount(lines, minlength=core_map.outputs)
    if (counts > 1).any():
        message = f"output line {int(counts.argmax())} has {int(counts.max())} drivers"
        raise InputError(Diagnostic("SN572", message))
    limit = core_map.spec.largest_potential
    start = np.abs(core_map.potentials.astype(np.int64))
    far = core_map.used & (np.maximum(start, np.abs(reset_potentials(core_map))) > limit)
    if far.any():
        message = f"an initial or reset potential is beyond what the chip holds, +-{limit}"
        where = place_of(core_map, *(int(n) for n in np.argwhere(far)[0]))
        raise InputError(Diagnostic("SN576", message, where))


def _refused(message: str, cure: str) -> InputError:
    return InputError(Diagnostic("SN578", message, help=cure))


class _Results:
    """Collects a run from the chunks of all blocks of samples."""

    def __init__(
        self,
        plan: Plan,
        samples: int,
        ticks: int,
        layers: list[int],
        probes: Sequence[tuple[int, int]],
    ) -> None:
        core_map = plan.core_map
        self._plan, self._ticks = plan, ticks
        lines = core_map.kinds.reshape(-1) == TO_OUTPUT
        self._output_rows = plan.row_of[lines]
        self._lines = core_map.targets.reshape(-1)[lines]
        self.outputs = np.zeros((samples, ticks, core_map.outputs), bool)
        self._layers = {core_map.layers[i].name: _Recorder(plan, i, samples, ticks) for i in layers}
        flat = [core * core_map.spec.neurons + neuron for core, neuron in probes]
        self.probe_rows = plan.row_of[np.array(flat, np.int64)]
        self.probes = np.zeros((samples, ticks, len(flat)), np.int32)
        self.probe_spikes = np.zeros((samples, ticks, len(flat)), bool)
        self._sums = np.zeros((4, samples))
        self._operations = np.zeros(samples)
        self._sent = np.zeros(samples, np.int64)
        self._counts = np.zeros(len(plan.neurons), np.int64)
        self._extremes: list[float] = [0.0]

    def take(self, engine: Engine, part: slice, first: int, ticks: int) -> None:
        """The ticks that the engine has just run."""
        now = slice(first, first + ticks)
        here = slice(self._plan.longest, self._plan.longest + ticks)
        self.outputs[part, now, self._lines] = _unpacked(engine, self._output_rows, here)
        self.probe_spikes[part, now] = _unpacked(engine, self.probe_rows, here)
        self.probes[part, now] = engine.traced[:, :ticks].transpose(2, 1, 0)
        for recorder in self._layers.values():
            recorder.take(engine, part, first, ticks)

    def close(self, engine: Engine, part: slice, sent: Array) -> None:
        """The counts of a block of samples."""
        self._sums[:, part] = engine.sums
        self._sent[part] = sent
        self._operations[part] = engine.operations
        self._counts += engine.counts
        self._extremes += [engine.lowest, engine.highest]

    def run(self) -> ChipRun:
        """All of it."""
        core_map = self._plan.core_map
        neuron_spikes = np.zeros(core_map.kinds.size, np.int64)
        neuron_spikes[self._plan.neurons] = self._counts
        spikes, packets, hops, output_packets = self._sums.astype(np.int64)
        return ChipRun(
            outputs=self.outputs,
            layers={n: r.result(self._counts) for n, r in self._layers.items()},
            probes=self.probes,
            probe_spikes=self.probe_spikes,
            spikes=spikes,
            synaptic_operations=self._operations.astype(np.int64),
            packets=packets,
            hops=hops,
            input_packets=self._sent,
            output_packets=output_packets,
            neuron_spikes=neuron_spikes.reshape(core_map.kinds.shape),
            lowest=int(min(self._extremes)),
            highest=int(max(self._extremes)),
        )


class _Recorder:
    """The spikes of one layer, and whether its replicas agree."""

    def __init__(self, plan: Plan, layer: int, samples: int, ticks: int) -> None:
        core_map = plan.core_map
        self._plan = plan
        self._every = core_map.ticks_per_step
        self._begin = core_map.layers[layer].first_tick
        own = np.flatnonzero((core_map.layer_of.reshape(-1) == layer) & core_map.used.reshape(-1))
        units = core_map.unit_of.reshape(-1)[own]
        self._units, firsts, places = np.unique(units, return_index=True, return_inverse=True)
        rows = plan.row_of[own]
        self._rows = rows[firsts]
        copies = np.ones(len(own), bool)
        copies[firsts] = False
        self._copies, self._originals = rows[copies], self._rows[places[copies]]
        steps = max(0, -(-(ticks - self._begin) // self._every))
        self._spikes = np.zeros((samples, steps, len(self._units)), bool)

    def take(self, engine: Engine, part: slice, first: int, ticks: int) -> None:
        """The steps within the ticks just run.

        Raises:
            InputError: SN574, two replicas differ.
        """
        back = self._plan.longest
        here = slice(back, back + ticks)
        differ = engine.trains[self._copies, here] != engine.trains[self._originals, here]
        if differ.any():
            place = int(np.argwhere(differ)[0, 0])
            core_map = self._plan.core_map
            neuron = divmod(int(self._plan.neurons[self._copies[place]]), core_map.spec.neurons)
            message = "a replica of a unit fires in other ticks than the unit"
            raise InputError(Diagnostic("SN574", message, place_of(core_map, *neuron)))
        begin = max(0, -(-(first - self._begin) // self._every))
        end = max(begin, -(-(first + ticks - self._begin) // self._every))
        columns = self._begin + np.arange(begin, end) * self._every - first + back
        self._spikes[part, begin:end] = _unpacked(engine, self._rows, columns)

    def result(self, counts: Array) -> LayerSpikes:
        """Counts: spikes of all rows over the whole run."""
        strays = int(counts[self._rows].sum()) - int(self._spikes.sum())
        return LayerSpikes(self._units.astype(np.int64), self._spikes, strays)


def _unpacked(engine: Engine, rows: Array, columns: slice | Array) -> Array:
    """Spikes of rows in ticks as bool (N, ticks, rows)."""
    packed = engine.trains[rows][:, columns]
    bits = unpack(packed, engine.samples)
    spikes: Array = bits.transpose(2, 1, 0).astype(bool)
    return spikes
