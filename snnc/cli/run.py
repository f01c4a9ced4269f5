"""`snnc run`: a program on inputs, with predictions and optionally a trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from snnc.cli import options as o
from snnc.cli.console import Output
from snnc.diagnostics import Diagnostic, InputError, UsageError

if TYPE_CHECKING:
    from snnc.backends.loihi.engine import LavaRun
    from snnc.backends.reference.trace import Trace
    from snnc.backends.truenorth.run_map import MapRun
    from snnc.cli.engines import Engine
    from snnc.driver.compiled import Compiled
    from snnc.ir.tensors import Array

EXIT_ARRAYS = ("step", "head", "score", "sure")


def run(
    context: typer.Context,
    program: Annotated[Path, typer.Argument(metavar="DIR|NET.snn")],
    inputs: Annotated[str, typer.Option("--inputs", metavar="DATA", help=o.DATA)],
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="ENGINE",
            help="reference, c for a target c program (its default), coremap for one of target "
            "truenorth (its default), or lava for one of target loihi (it does not tell settled).",
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option("--trace", metavar="FILE.npz", help="Write spikes and outputs as arrays."),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="With --trace: populations whose rasters are kept."),
    ] = None,
    divide: o.Divide = None,
    mean: o.Mean = None,
    std: o.Std = None,
    layout: o.LayoutOption = None,
    steps: o.Steps = None,
    batch: o.Batch = None,
    dtype: o.Dtype = None,
    full_length: Annotated[
        bool,
        typer.Option("--full-length", help="Let no sample stop early, whatever the exit policy."),
    ] = False,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare/--no-compare", help="With lava and coremap: compare with the simulator."
        ),
    ] = True,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="With lava: the program's own, event-driven Conv model."),
    ] = False,
    time_limit: Annotated[
        float | None,
        typer.Option("--time-limit", metavar="SECONDS", help="With lava: give a batch up."),
    ] = None,
) -> int:
    """Run a compiled program on inputs and print what it answers."""
    from snnc.cli.engines import choose_engine
    from snnc.cli.files import check_writable
    from snnc.cli.run_text import texts
    from snnc.driver.loading import load
    from snnc.driver.samples import notes_of, open_inputs
    from snnc.evaluation.inputs import affordable_batch, wanted_steps

    out: Output = context.obj
    o.positive("--steps", steps)
    o.positive("--batch", batch)
    o.known_dtype(dtype)
    o.positive("--time-limit", time_limit)
    if record is not None and trace is None:
        raise UsageError(Diagnostic("SN936", "--record keeps rasters for --trace FILE.npz"))
    if trace is not None:
        check_writable(trace)
    compiled = load(program)
    compiled.require_spiking()
    compiled.require_steps(steps)
    engine = choose_engine(
        on, compiled, dtype=dtype, compare=compare, fast=fast, time_limit=time_limit
    )
    asked = o.preprocessing_of(divide, mean, std, layout)
    samples = open_inputs(compiled.network, inputs, asked or compiled.preprocessing, steps)
    if len(samples) == 0:
        raise InputError(Diagnostic("SN927", f"{inputs} holds no sample"))
    for note in (*engine.notes, *notes_of(samples)):
        out.note(f"note: {note}")
    wanted = tuple(record.split(",")) if record else ()
    with out.progress() as bars:
        total = wanted_steps(compiled.network, samples, steps)
        collected = Collected(compiled, total, wanted, engine, exits=not full_length)
        bars("running", 0, len(samples))
        for x, labels in samples.batches(batch or affordable_batch(compiled.network)):
            collected.add(x, labels)
            bars("running", collected.samples, len(samples))
    if trace is not None:
        _write_trace(trace, collected)
    payload = collected.as_dict(None if trace is None else str(trace))
    out.result(payload, *texts(payload, collected.network, collected.arrays()))
    return 1 if payload.get("equal") is False else 0


class Collected:
    """Outputs, counts and predictions of all batches of a run."""

    def __init__(
        self,
        compiled: Compiled,
        steps: int | None,
        record: tuple[str, ...],
        engine: Engine,
        *,
        exits: bool = True,
    ) -> None:
        from snnc.evaluation.judge import Judge

        self.network = compiled.network
        self.steps = steps or compiled.steps
        self.samples = 0
        self.judge = Judge(compiled.network)
        self._engine = engine
        self._record = record
        self._exits = exits
        self._parts: dict[str, list[Array]] = {}
        self._time_parts: dict[str, list[Array]] = {}

    def add(self, x: Array, labels: Array | None) -> None:
        """Run one batch and keep what the trace file and the summary need."""
        trace = self._engine.run(
            x, steps=self.steps, record=self._record, first=self.samples, exits=self._exits
        )
        if labels is not None:
            self.judge.check(labels, self.samples)
            self._keep("labels", labels)
        self._keep_answers(trace)
        if trace.settled is not None:
            self._keep("settled", trace.settled)
        for name, counts in trace.spikes.items():
            self._keep(f"spikes/{name}", counts)
        for name, operations in trace.synops.items():
            self._keep(f"synops/{name}", operations)
        for name, output in trace.outputs.items():
            self._time_parts.setdefault(f"outputs/{name}", []).append(output)
        for name in self._record:
            self._time_parts.setdefault(f"raster/{name}", []).append(trace.rasters[name])
        self.samples += trace.samples

    def _keep_answers(self, trace: Trace | LavaRun | MapRun) -> None:
        """The class of each sample, and with exits where and how sure it was given."""
        found = trace.exits
        if found is None:
            final = trace.outputs[self.judge.head.name][-1]
            self._keep("predictions", self.judge.classify(final))
            return
        self._keep("predictions", found.answer)
        for name in EXIT_ARRAYS:
            self._keep(f"exit/{name}", getattr(found, name))

    def _keep(self, name: str, part: Array) -> None:
        self._parts.setdefault(name, []).append(part)

    def arrays(self) -> dict[str, Array]:
        """Everything kept: per sample `(N, ...)`, outputs and rasters `(T, N, ...)`."""
        whole = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        whole.update({n: np.concatenate(p, axis=1) for n, p in self._time_parts.items()})
        return whole

    def as_dict(self, trace: str | None) -> dict[str, Any]:
        """The JSON object of the run."""
        arrays = self.arrays()
        predictions = arrays["predictions"]
        labels = arrays.get("labels")
        settled = arrays.get("settled")
        return {
            "network": self.network.name,
            "engine": self._engine.name,
            "evidence": "simulated",
            "samples": self.samples,
            "steps": self.steps,
            "precision": self._engine.precision,
            "settled": None if settled is None else [int(step) for step in settled],
            "accuracy": None if labels is None else float((predictions == labels).mean()),
            "predictions": [int(p) for p in predictions],
            "exit": self._exit(arrays),
            "spikes_per_sample": _per_sample(arrays, "spikes/"),
            "synops_per_sample": _per_sample(arrays, "synops/"),
            "trace": trace,
            **self._engine.report(),
        }

    def _exit(self, arrays: dict[str, Array]) -> dict[str, Any] | None:
        """Where each sample stopped; None where none could stop early."""
        if "exit/step" not in arrays:
            return None
        from snnc.driver.exits import text_of

        names = [head.name for head in self.network.heads]
        return {
            "policy": text_of(self.network),
            "mean_steps": float(arrays["exit/step"].mean()),
            "steps": [int(step) for step in arrays["exit/step"]],
            "heads": [names[head] for head in arrays["exit/head"]],
            "sure": [bool(sure) for sure in arrays["exit/sure"]],
            "scores": [float(score) for score in arrays["exit/score"]],
        }


def _per_sample(arrays: dict[str, Array], prefix: str) -> float:
    return float(sum(float(a.mean()) for n, a in arrays.items() if n.startswith(prefix)))


def _write_trace(path: Path, collected: Collected) -> None:
    from snnc.cli.files import write_atomic
    from snnc.ir.npz import npz_bytes

    write_atomic(path, npz_bytes(collected.arrays()))
