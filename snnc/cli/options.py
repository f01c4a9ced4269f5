"""Options that several commands share, and what becomes of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from snnc.data.preprocessing import Layout, Preprocessing
from snnc.diagnostics import Diagnostic, UsageError
from snnc.text import one_of

DATA = "PATH[:SPLIT][[A:B]], for example mnist.npz:train[:500]; .npz, .npy or an image folder"
PIPELINE_PANEL = "Pipeline"
EXIT_PANEL = "Exits"

Divide = Annotated[
    float | None,
    typer.Option(help="Divide raw values by this (255 for 8-bit images).", rich_help_panel="Data"),
]
Mean = Annotated[
    str | None,
    typer.Option(
        help="Subtract after dividing: one number, or one per channel: 0.49,0.48,0.45.",
        rich_help_panel="Data",
    ),
]
Std = Annotated[
    str | None,
    typer.Option(help="Divide after subtracting, written like --mean.", rich_help_panel="Data"),
]
LayoutOption = Annotated[
    str | None,
    typer.Option("--layout", help="Where channels stand: NCHW or NHWC.", rich_help_panel="Data"),
]
Calibration = Annotated[
    str | None,
    typer.Option("--calibration", metavar="DATA", help=DATA, rich_help_panel="Data"),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        help="Time steps T: 32 for a model (as many as it needs where it comes to rest by itself), "
        "as compiled for a spiking network. With --coding ttfs those of one window.",
    ),
]
Coding = Annotated[
    str | None,
    typer.Option(
        "--coding",
        metavar="rate|ttfs",
        help="What a spike train says: a number of spikes (rate, the default), or the time of a "
        "single spike (ttfs, far fewer spikes).",
        rich_help_panel=PIPELINE_PANEL,
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch", help="Samples per batch; bounds memory. By default by the network's size."
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        help="Simulate in float32 (default; float64 where the input is gated or spike times are "
        "values), float64 or integer.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace a folder that snnc did not write, too.")
]
Target = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="NAME",
        help="What to compile for, with options: 'truenorth{bits=3}'; see `snnc targets`.",
    ),
]
PartialSums = Annotated[
    str | None,
    typer.Option(
        "--partial-sums",
        metavar="error|rate|exact",
        help="Target truenorth: neurons with more inputs than a core has axons are refused (the "
        "default), add up partial rates, or are exact in many ticks a time step.",
    ),
]
Passes = Annotated[
    str | None,
    typer.Option(
        "--passes",
        metavar="P",
        help="Pipeline instead of the one chosen by network and target: name{option=value,...},"
        "name,...",
        rich_help_panel=PIPELINE_PANEL,
    ),
]
Classifiers = Annotated[
    str | None,
    typer.Option(
        "--classifiers",
        metavar="auto|NAMES",
        help="Insert internal classifiers, trained on labelled calibration data: auto, "
        "auto,count=1, or names of populations (see `snnc passes insert-classifiers`).",
        rich_help_panel=EXIT_PANEL,
    ),
]
Exit = Annotated[
    str | None,
    typer.Option(
        "--exit",
        metavar="POLICY",
        help="Stop each sample when it is sure, by a policy fitted on labelled data: confidence, "
        "margin, entropy, patience, fixed or bayes. Options in braces decide something by hand: "
        "confidence{threshold=0.6} (see `snnc passes confidence`).",
        rich_help_panel=EXIT_PANEL,
    ),
]
ExitData = Annotated[
    str | None,
    typer.Option(
        "--exit-data",
        metavar="DATA",
        help="Labelled data that the exit policy is fitted on, which the network was not trained "
        "on; by default the calibration data.",
        rich_help_panel=EXIT_PANEL,
    ),
]
PrintIrAfter = Annotated[
    str | None,
    typer.Option(
        "--print-ir-after",
        metavar="PASS|all",
        help="Print the network after a pass, on stderr.",
        rich_help_panel=PIPELINE_PANEL,
    ),
]
PrintChanged = Annotated[
    bool,
    typer.Option(
        "--print-changed",
        help="Print what each pass changed, on stderr.",
        rich_help_panel=PIPELINE_PANEL,
    ),
]
DumpIr = Annotated[
    Path | None,
    typer.Option(
        "--dump-ir",
        metavar="DIR",
        help="Save the network after every pass as NN-PASS.snn.",
        rich_help_panel=PIPELINE_PANEL,
    ),
]
StopAfter = Annotated[
    str | None,
    typer.Option(
        "--stop-after",
        metavar="PASS",
        help="Run the pipeline up to this pass only.",
        rich_help_panel=PIPELINE_PANEL,
    ),
]
CheckPasses = Annotated[
    bool,
    typer.Option(
        "--check-passes",
        help="After every pass compare every layer with the ANN; fail at the first bad one.",
        rich_help_panel=PIPELINE_PANEL,
    ),
]
Auto = Annotated[
    bool,
    typer.Option(
        "--auto",
        help="Search pipeline and steps for the fewest steps that keep the accuracy.",
        rich_help_panel=PIPELINE_PANEL,
    ),
]
MaxSteps = Annotated[
    int | None,
    typer.Option(
        "--max-steps", help="Most steps that --auto tries (256).", rich_help_panel=PIPELINE_PANEL
    ),
]


def preprocessing_of(
    divide: float | None, mean: str | None, std: str | None, layout: str | None
) -> Preprocessing | None:
    """The preprocessing that options ask for; None where none of them was given.

    Raises:
        UsageError: SN922, a value cannot be read; SN8xx, it makes no sense.
    """
    if divide is None and mean is None and std is None and layout is None:
        return None
    return Preprocessing(
        divide=1.0 if divide is None else divide,
        mean=numbers("--mean", mean),
        std=numbers("--std", std),
        layout=_layout(layout),
    )


def numbers(option: str, text: str | None) -> tuple[float, ...]:
    """`0.49,0.48` as numbers; () for None.

    Raises:
        UsageError: SN922.
    """
    if text is None:
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        message = f"{option} {text!r} is not a number or a list of numbers"
        cure = f"write {option} 0.5 or {option} 0.49,0.48,0.45"
        raise UsageError(Diagnostic("SN922", message, "command line", cure)) from None


def _layout(text: str | None) -> Layout | None:
    if text is None:
        return None
    known: dict[str, Literal["NCHW", "NHWC"]] = {"NCHW": "NCHW", "NHWC": "NHWC"}
    if text.upper() not in known:
        message = f"--layout {text!r} is neither NCHW nor NHWC"
        raise UsageError(Diagnostic("SN922", message, "command line"))
    return known[text.upper()]


DTYPES = ("float32", "float64", "integer")


def known_dtype(dtype: str | None) -> None:
    """Refuse a `--dtype` that the simulator does not have.

    Raises:
        UsageError: SN923.
    """
    if dtype is not None and dtype not in DTYPES:
        text = f'there is no element type "{dtype}"{one_of(dtype, DTYPES)}'
        raise UsageError(Diagnostic("SN923", text, where="--dtype"))


def positive(option: str, value: float | None) -> None:
    """Refuse a number below 1.

    Raises:
        UsageError: SN938.
    """
    if value is not None and value < 1:
        text = f"{option} is {value}; it must be at least 1"
        raise UsageError(Diagnostic("SN938", text, "command line"))
