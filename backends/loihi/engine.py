"""Engine `lava`: run a program directory in Lava and bring back what the simulator would tell."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from snnc.backends.loihi.inputs import samples_of, whole_inputs
from snnc.backends.loihi.launch import run_program
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.sources import Given
from snnc.backends.reference.trace import Exits
from snnc.backends.stopped import held, silenced
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir import model as m
from snnc.ir.answers import read_out_unit
from snnc.ir.decide import Decider, Verdict
from snnc.ir.npz import npz_bytes
from snnc.ir.tensors import Array

PROGRAM = "program.py"

_UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class LavaRun:
    """What Lava did with N samples in T time steps; the names are those of `Trace`.

    Where an exit policy was executed, a sample's rasters are 0 after its answer, and its read-outs
    stay as they were.

    Attributes:
        steps: T.
        samples: N.
        outputs: head to (T, N, K) float64, read-outs in the units of `Trace.outputs`.
        whole_outputs: head to (T, N, K) int64, without units.
        rasters: population that fires to (T, N, *shape), int8.
        spikes: input or population to spikes of each sample (N,), int64.
        synops: as `spikes`: synaptic operations.
        exits: how samples were answered; None where no policy was executed.
        settled: None: a Lava program does not look for rest.
    """

    steps: int
    samples: int
    outputs: Mapping[str, Array]
    whole_outputs: Mapping[str, Array]
    rasters: Mapping[str, Array]
    spikes: Mapping[str, Array]
    synops: Mapping[str, Array]
    exits: Exits | None
    settled: None = None


def run_in_lava(
    directory: Path,
    network: m.Network,
    given: Given,
    *,
    steps: int | None = None,
    first: int = 0,
    exits: bool = True,
    fast: bool = False,
    time_limit: float | None = None,
) -> LavaRun:
    """Run samples in Lava, in a process of its own.

    Args:
        directory: the program directory.
        network: the network of that directory.
        given: inputs as `Simulator.run` takes them.
        steps: time steps; None takes those of the schedule.
        first: number of the first sample in its data set, by which Poisson spikes are drawn.
        exits: whether the exit policy, if there is one, is executed.
        fast: whether Lava's Conv runs on the program's own event-driven model.
        time_limit: seconds after which the run is given up.

    Raises:
        UsageError: no program is there (SN547), no Python with Lava is found (SN543), or `steps`
            is wrong (SN505, SN546).
        InputError: an input does not fit (SN502 to SN513), the program failed or took too long
            (SN544), or did not write what it should (SN545).
    """
    script = directory / PROGRAM
    if not script.is_file():
        text = f"{directory} holds no {PROGRAM}"
        cure = "compile with --target loihi, and name the folder"
        raise UsageError(Diagnostic("SN547", text, str(directory), cure))
    inputs, count = whole_inputs(network, given, steps=steps, first=first)
    with TemporaryDirectory(prefix="snnc-lava-") as folder:
        source, result = Path(folder) / "inputs.npz", Path(folder) / "result.npz"
        source.write_bytes(npz_bytes(inputs))
        options = ["--input", str(source), "--output", str(result), "--record", "all"]
        options += ["--steps", str(count)]
        options += [] if exits else ["--no-exit"]
        options += ["--fast"] if fast else []
        run_program(script, options, time_limit)
        arrays = _read(result)
    return _collected(network, inputs, arrays, count)


def _read(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as loaded:
            return dict(loaded)
    except _UNREADABLE as error:
        text = f"the Lava program ended well but its result cannot be read: {error}"
        raise InputError(Diagnostic("SN545", text, str(path), "compile again")) from error


def _collected(
    network: m.Network, inputs: Mapping[str, Array], arrays: Mapping[str, Array], steps: int
) -> LavaRun:
    samples = samples_of(network, inputs)
    try:
        whole = {h.name: arrays[f"output/{h.name}"].astype(np.int64) for h in network.heads}
        rasters = {n: arrays[f"spikes/{n}"] for n in firing(network)}
        answered = {
            n: arrays[f"exit/{n}"]
            for n in ("step", "head", "answer", "sure")
            if f"exit/{n}" in arrays
        }
    except KeyError as error:
        text = f"the result of the Lava program lacks {error}"
        raise InputError(Diagnostic("SN545", text, help="compile again")) from error
    if answered:
        whole = {n: held(values, answered["step"]) for n, values in whole.items()}
        rasters = {n: silenced(values, answered["step"]) for n, values in rasters.items()}
    outputs = {h.name: whole[h.name] * read_out_unit(network, h) for h in network.heads}
    sent = _sent(network, inputs, answered.get("step"), steps) | rasters
    fan_out, none = Simulator(network).fan_out(), np.zeros(samples, np.int64)
    silent = {p.name: none for p in network.populations if p.name not in rasters}
    return LavaRun(
        steps=steps,
        samples=samples,
        outputs=outputs,
        whole_outputs=whole,
        rasters=rasters,
        spikes=silent
        | {n: np.abs(r).reshape(*r.shape[:2], -1).sum((0, 2)) for n, r in sent.items()},
        synops=silent | {n: _operations(r, fan_out[n]) for n, r in sent.items() if n in fan_out},
        exits=_exits(network, outputs, answered) if answered else None,
    )


def firing(network: m.Network) -> list[str]:
    """The populations that send spikes."""
    return [p.name for p in network.populations if not isinstance(p.neuron, m.Integrator)]


def _sent(
    network: m.Network, inputs: Mapping[str, Array], answered: Array | None, steps: int
) -> dict[str, Array]:
    """The spikes of inputs that come as spikes, up to each sample's answer."""
    found = {}
    for entry in network.inputs:
        if not isinstance(entry.coding, m.Graded):
            raster = (inputs[entry.name] != 0).astype(np.int8)
            found[entry.name] = raster if answered is None else silenced(raster, answered)
    return found


def _operations(raster: Array, fan_out: Array) -> Array:
    """Synaptic operations (N,) of a raster (T, N, *shape)."""
    events = np.count_nonzero(raster, axis=0).reshape(raster.shape[1], -1)
    return np.asarray(events @ fan_out.reshape(-1))


def _exits(
    network: m.Network, outputs: Mapping[str, Array], answered: Mapping[str, Array]
) -> Exits:
    """The answers of Lava with the scores that its read-outs have at those steps."""
    decider, steps = Decider(network), answered["step"]
    asker = decider.begin(len(steps))
    score = np.zeros(len(steps))
    for step in range(1, int(steps.max()) + 1):
        now = {name: values[step - 1] for name, values in outputs.items()}
        _note(score, steps == step, answered["sure"] == 1, asker.ask(step, now))
        _note(score, steps == step, answered["sure"] == 0, asker.final(step, now))
    return Exits(
        step=steps,
        head=answered["head"],
        answer=answered["answer"],
        score=score,
        sure=answered["sure"].astype(np.bool_),
        ran={head.name: steps for head in network.heads},
    )


def _note(score: Array, now: Array, which: Array, verdict: Verdict) -> None:
    score[now & which] = verdict.score[now & which]


def check_recorded(network: m.Network, names: Sequence[str]) -> None:
    """Refuse names of populations that send no spikes.

    Raises:
        UsageError: SN506.
    """
    known, every = firing(network), {p.name for p in network.populations}
    for name in names:
        if name not in known:
            text = f"there is no population {name} to record"
            text = f"population {name} sends no spikes to record" if name in every else text
            cure = f"these send spikes: {', '.join(known)}"
            raise UsageError(Diagnostic("SN506", text, f"network {network.name}", cure))
