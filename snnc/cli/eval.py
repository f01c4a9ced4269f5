"""`snnc eval`: accuracy, agreement, spikes and errors per layer on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType

from snnc.cli import options as o
from snnc.cli.console import Output
from snnc.cli.eval_tables import layer_table, quantisation_tables, summary_table
from snnc.cli.exit_tables import exit_tables
from snnc.diagnostics import Diagnostic, InputError, UsageError

if TYPE_CHECKING:
    from snnc.evaluation.result import Evaluation


def eval_(
    context: typer.Context,
    subject: Annotated[Path, typer.Argument(metavar="MODEL.onnx|NET.snn|DIR")],
    data: Annotated[str, typer.Option("--data", metavar="DATA", help=o.DATA)],
    calibration: o.Calibration = None,
    divide: o.Divide = None,
    mean: o.Mean = None,
    std: o.Std = None,
    layout: o.LayoutOption = None,
    steps: o.Steps = None,
    coding: o.Coding = None,
    passes: o.Passes = None,
    exit_: o.Exit = None,
    exit_data: o.ExitData = None,
    classifiers: o.Classifiers = None,
    target: Annotated[str | None, typer.Option(help="Target of an ONNX file (reference).")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop",
            metavar="POINTS",
            help="Fail (exit 1) if more is lost. An --exit is fitted to lose nothing.",
        ),
    ] = None,
    batch: o.Batch = None,
    dtype: o.Dtype = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="reference|c",
            help="What runs the network: the NumPy simulator, or its C program (the default for "
            "target c; an ONNX file is compiled for that target).",
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Compare every spike count on all samples with the integers of the quantised "
            "ANN, in float64; fail (exit 1) if one differs.",
        ),
    ] = False,
    exits: Annotated[
        str | None,
        typer.Option(
            "--exits",
            metavar="compare|run|off",
            help="Of a network with an exit policy: run with and without exits (compare, the "
            "default), with exits only (run, the fastest), or without (off).",
        ),
    ] = None,
    relative_to: Annotated[
        str | None,
        typer.Option(
            "--relative-to",
            metavar="NAME|FILE.json",
            help="Estimate the energy relative to another run, from spikes and time steps: a "
            "published one (cifar10, cifar100), or what `snnc --json eval` printed of it.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="DIR", help="Write curves as SVG files.")
    ] = None,
) -> int:
    """Measure a network on a data set and compare it with its ANN."""
    from snnc.cli.failures import say
    from snnc.cli.relative import compared, open_reference
    from snnc.driver.evaluating import evaluate
    from snnc.evaluation.exits import exit_mode

    out: Output = context.obj
    o.positive("--steps", steps)
    o.positive("--batch", batch)
    o.known_dtype(dtype)
    mode = exit_mode(exits or "compare")
    _check_wishes(max_drop, plot)
    reference = None if relative_to is None else open_reference(relative_to)
    with out.progress() as bars:
        measured = evaluate(
            subject,
            data,
            calibration=calibration,
            steps=steps,
            preprocessing=o.preprocessing_of(divide, mean, std, layout),
            batch=batch,
            dtype=dtype,
            exact=exact,
            exits=mode,
            engine=engine,
            progress=bars,
            passes=passes,
            coding=coding,
            exit=exit_,
            exit_data=exit_data,
            classifiers=classifiers,
            target=target,
            seed=seed,
        )
    measured = compared(measured, reference)
    if plot is not None:
        write_plots(measured, plot, out)
    payload, texts = _result(measured)
    for note in dict.fromkeys(measured.notes):
        out.note(f"note: {note}")
    failures = _failures(measured, max_drop, exact)
    out.result(payload | _errors(failures), *texts)
    if not failures:
        return 0
    say(failures, out.settings)
    return InputError.exit_code


def _check_wishes(max_drop: float | None, plot: Path | None) -> None:
    from snnc.cli.files import check_folder

    if max_drop is not None and not 0 <= max_drop <= 100:  # what is not a number is neither
        text = f"--max-drop is {max_drop}; it must be between 0 and 100 points"
        raise UsageError(Diagnostic("SN938", text))
    if plot is not None:
        check_folder(plot)


def _failures(measured: Evaluation, max_drop: float | None, exact: bool) -> list[Diagnostic]:
    judged = (excessive_drop(measured, max_drop), inexact(measured) if exact else None)
    return [failure for failure in judged if failure is not None]


def _errors(failures: list[Diagnostic]) -> dict[str, Any]:
    return {"error": [failure.as_dict() for failure in failures]} if failures else {}


def _result(measured: Evaluation) -> tuple[dict[str, Any], list[RenderableType]]:
    """The JSON object and the text forms; the text explains only an accuracy that collapsed."""
    from snnc.evaluation.diagnosis import collapsed, diagnose

    diagnosis = diagnose(measured)
    payload = measured.as_dict()
    payload["diagnosis"] = None if diagnosis is None else diagnosis.as_dict()
    texts: list[RenderableType] = [
        summary_table(measured),
        *exit_tables(measured),
        layer_table(measured),
        *quantisation_tables(measured),
    ]
    if diagnosis is not None and collapsed(measured):
        texts.append(str(diagnosis))
    return payload, texts


def excessive_drop(measured: Evaluation, max_drop: float | None) -> Diagnostic | None:
    """What is wrong where more accuracy was lost than allowed (SN932), or None.

    With an exit policy, neither the full-length run nor the run with exits may lose more. SN928
    where there is no accuracy to judge.
    """
    from snnc.evaluation.diagnosis import drop_points, exit_drop_points

    if max_drop is None:
        return None
    drop, exit_drop = drop_points(measured), exit_drop_points(measured)
    if drop is None:
        text = "--max-drop needs labels and an ANN to compare with"
        return Diagnostic("SN928", text, help="give labelled data and the ONNX file")
    only_exits = measured.exit is not None and measured.exit.full is None
    if drop > max_drop + 1e-9 and not only_exits:
        text = f"the SNN is {drop:.2f} points below the ANN; --max-drop allows {max_drop:g}"
        cure = "more --steps, or `snnc compile --auto`"
        if measured.phases is not None:
            cure = "a longer window (--coding ttfs --steps N), or fit-ttfs-kernels"
        return Diagnostic("SN932", text, help=cure)
    if exit_drop is not None and exit_drop > max_drop + 1e-9:
        text = (
            f"with exits the SNN is {exit_drop:.2f} points below the ANN; --max-drop allows "
            f"{max_drop:g}"
        )
        cure = "fit the exit on more held-out data (--exit-data); --exits off tells its part"
        return Diagnostic("SN932", text, help=cure)
    return None


def inexact(measured: Evaluation) -> Diagnostic | None:
    """What is wrong where spike counts differ from the quantised ANN's integers (SN943)."""
    found = measured.exactness
    if found is None or found.equal:
        return None
    cure = "`snnc compile --check-passes` names the pass and the layer"
    if not found.resting_fault:
        cure = f"more --steps than {measured.steps}"
    return Diagnostic("SN943", found.verdict, where="--exact", help=cure)


def write_plots(measured: Evaluation, folder: Path, out: Output) -> None:
    """The curves as SVG files in a folder, each whole or not at all; notes say what is missing."""
    from snnc.cli.files import write_atomic
    from snnc.evaluation.html import accuracy_svg, layers_svg

    payload = measured.as_dict()
    pictures: dict[str, bytes] = {}
    found = measured.exit
    if found is None or found.full is not None:
        pictures["accuracy.svg"] = accuracy_svg(payload).encode()
        pictures["layers.svg"] = layers_svg(payload).encode()
    else:
        out.note("note: no accuracy.svg and layers.svg: only the run with exits was made")
    if found is not None:
        from snnc.evaluation.plots import exit_pictures

        drawn, missing = exit_pictures(payload)
        pictures.update(drawn)
        for name, reason in missing.items():
            out.note(f"note: no {name}: {reason}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        write_atomic(folder / name, picture)
