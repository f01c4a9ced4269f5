"""What a C program wrote, as the trace that the reference simulator would give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.backends.c.inputs import Brought
from snnc.backends.c.library import RESULT, Table
from snnc.backends.reference.results import acted, direct_macs
from snnc.backends.reference.synapses import synapses
from snnc.backends.reference.trace import Exits, Trace
from snnc.ir import model as m
from snnc.ir.answers import read_out_unit
from snnc.ir.decide import Decider, Verdict
from snnc.ir.phases import phases_of
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """The arrays of `snn_job`, samples first; lists hold one for each head or population."""

    outputs: list[Array]
    counts: list[Array | None]
    potentials: list[Array | None]
    when: list[Array | None]
    spikes: list[Array | None]
    sent: list[Array]
    operations: list[Array]
    results: Array

    def pointers(self) -> dict[str, Any]:
        """The arrays by their names in `snn_job`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def make_trace(
    network: m.Network,
    tables: Sequence[Table],
    brought: Brought,
    found: Collected,
    stops: bool,
) -> Trace:
    """The trace of a run.

    Args:
        network: in layer-local time.
        tables: how its populations lie in memory.
        brought: the inputs.
        found: what the program wrote.
        stops: whether the exit policy was executed.
    """
    steps, samples = brought.steps, brought.samples
    schedule = network.schedule
    assert schedule is not None
    results = {name: found.results[name].astype(np.int64) for name in RESULT.fields or ()}
    outputs = _outputs(network, found, results, steps)
    names = [p.name for p in network.populations]
    counts = {
        name: np.zeros((samples, *p.shape), np.int32)
        if values is None
        else _image(values, table, p.shape)
        for name, p, values, table in zip(
            names, network.populations, found.counts, tables, strict=True
        )
    }
    spikes = dict(zip(names, found.sent, strict=True))
    synops = dict(zip(names, found.operations, strict=True))
    inputs = _input_measures(network, brought, results["time"])
    sizes = {p.name: math.prod(p.shape) for p in network.populations}
    macs = sum(direct_macs(network).values())
    return Trace(
        schedule=schedule,
        steps=steps,
        samples=samples,
        outputs=outputs,
        spike_counts=inputs[0] | counts,
        spikes=inputs[1] | spikes,
        synops=inputs[2] | synops,
        updates={
            p.name: _acted(network, p, results["steps_run"]) * sizes[p.name]
            for p in network.populations
        },
        steps_run=results["steps_run"],
        settled=results["settled"] if isinstance(schedule, m.Gated) else None,
        direct_macs=np.full(samples, macs, np.int64),
        membranes={
            p.name: _image(values, table, p.shape)
            for p, values, table in zip(network.populations, found.potentials, tables, strict=True)
            if values is not None
        },
        rasters={
            name: _raster(values, table, network.population(name).shape)
            for name, table, values in zip(names, tables, found.spikes, strict=True)
            if values is not None
        },
        membrane_traces={},
        exits=_exits(network, outputs, results) if stops else None,
        spike_times={
            p.name: (_image(values, table, p.shape) - 1).astype(np.int16)
            for p, values, table in zip(network.populations, found.when, tables, strict=True)
            if values is not None
        },
    )


def _acted(network: m.Network, p: m.Population, ran: Array) -> Array:
    """In how many of the first `ran` steps (n,) a population acted."""
    phases = phases_of(network)
    if phases is None:
        return ran
    return acted(phases.active(p), ran)


def _image(values: Array, table: Table, shape: tuple[int, ...]) -> Array:
    """Numbers (N, H, W, lanes) as (N, *shape): a view where that is possible."""
    image = np.moveaxis(values[..., : table.channels], -1, 1)
    return image if image.shape[1:] == shape else image.reshape(len(values), *shape)


def _raster(frames: Array, table: Table, shape: tuple[int, ...]) -> Array:
    """Frames (N, T, planes, bytes) as spikes (T, N, *shape), int8."""
    samples, steps, planes, _ = frames.shape
    if not planes:  # an integrator sends nothing
        return np.zeros((steps, samples, *shape), np.int8)
    lead = (samples, steps, planes, table.height)
    ends = table.inside + (table.height - 1) * table.pitch + table.width * table.bytes
    inside = frames[..., table.inside : ends]
    # The last row ends before its border does.
    padded = np.zeros((samples, steps, planes, table.height * table.pitch), np.uint8)
    padded[..., : inside.shape[-1]] = inside
    cells = padded.reshape(*lead, table.pitch)[..., : table.width * table.bytes]
    bits = np.unpackbits(cells.reshape(*lead, table.width, table.bytes), axis=-1, bitorder="little")
    signs = bits[..., : table.channels].astype(np.int8)
    net = signs[:, :, 0] - signs[:, :, 1] if planes > 1 else signs[:, :, 0]
    image = np.moveaxis(net, -1, 2).reshape(samples, steps, *shape)
    return np.ascontiguousarray(image.swapaxes(0, 1))


def _outputs(
    network: m.Network, found: Collected, results: dict[str, Array], steps: int
) -> dict[str, Array]:
    """Read-outs (T, N, K) in the units of the trace, held after the last step that was run."""
    outputs = {}
    rows = np.arange(steps)[:, None]
    last = np.minimum(rows, results["time"] - 1)
    for head, whole in zip(network.heads, found.outputs, strict=True):
        # Rows of one long table are taken several times faster than along two axes.
        table = whole.reshape(-1, whole.shape[2])
        values = table.take(np.arange(len(whole)) * steps + last, axis=0)
        if isinstance(head.readout, m.FirstSpike):
            # At rest a first spike goes on growing older; after an answer nothing changes.
            older = np.where(results["settled"] >= 0, rows - last, 0)
            values = values + older[:, :, None] * (values > 0)
        outputs[head.name] = values * read_out_unit(network, head)
    return outputs


def _input_measures(
    network: m.Network, brought: Brought, time: Array
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Net counts, spikes and synaptic operations of inputs that send spikes."""
    counts: dict[str, Array] = {}
    spikes: dict[str, Array] = {}
    synops: dict[str, Array] = {}
    known = synapses(network) if brought.trains or brought.times else {}
    for name, times in brought.times.items():
        sent = np.sign(times) * (abs(times) <= time.reshape(-1, *[1] * (times.ndim - 1)))
        counts[name] = sent.astype(np.int32)
        events = np.count_nonzero(sent.reshape(len(sent), 1, -1), axis=1)
        fans: Any = sum(known[name].values(), np.zeros(times.shape[1:], np.int64))
        spikes[name] = events.sum(axis=1)
        synops[name] = events @ fans.reshape(-1)
    for name, frames in brought.trains.items():
        acting = np.arange(frames.shape[1]) < time[:, None]
        sent = frames * acting.reshape(*acting.shape, *[1] * (frames.ndim - 2))
        counts[name] = sent.sum(axis=1, dtype=np.int32)
        events = np.count_nonzero(sent, axis=1).reshape(len(frames), -1)
        fan_out: Any = sum(known[name].values(), np.zeros(frames.shape[2:], np.int64))
        spikes[name] = events.sum(axis=1)
        synops[name] = events @ fan_out.reshape(-1)
    return counts, spikes, synops


def _exits(network: m.Network, outputs: dict[str, Array], results: dict[str, Array]) -> Exits:
    """The program's answers, with the scores that its read-outs have at those steps."""
    decider, steps = Decider(network), results["step"]
    if decider.forgets:
        sample = np.arange(len(steps))
        answering = {name: values[steps - 1, sample] for name, values in outputs.items()}
        score = decider.scores(results["head"], answering)
    else:
        score = _scores(decider, outputs, steps, results["sure"] == 1)
    return Exits(
        step=steps,
        head=results["head"],
        answer=results["answer"],
        score=score,
        sure=results["sure"] == 1,
        ran={head.name: results["steps_run"] for head in network.heads},
    )


def _scores(decider: Decider, outputs: dict[str, Array], steps: Array, sure: Array) -> Array:
    """Scores of a policy that has to be asked in every step."""
    asker, flying = decider.begin(len(steps)), np.arange(len(steps))
    score = np.zeros(len(steps))
    for step in range(1, int(steps.max(initial=0)) + 1):
        now = {name: values[step - 1, flying] for name, values in outputs.items()}
        here = steps[flying] == step
        _note(score, flying, here & sure[flying], asker.ask(step, now))
        if (left := here & ~sure[flying]).any():
            _note(score, flying, left, asker.final(step, now))
        if here.any():
            asker.keep(~here)
            flying = flying[~here]
    return score


def _note(score: Array, flying: Array, which: Array, verdict: Verdict) -> None:
    score[flying[which]] = verdict.score[which]
