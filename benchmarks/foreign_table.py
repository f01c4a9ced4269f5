"""Table of outcomes: what the importer makes of other people's networks.

    python benchmarks/foreign_table.py [FOLDER ...]

Every `.onnx` file below the folders (default: `models` in `$SNNC_DATA`) is imported through the
gate or refused. Prints one Markdown row per file: outcome, populations, how many of them have
quantised activations and with which levels, convertible share of the multiply-accumulates, largest
error of the gate as a share of its layer's scale, time, and the reasons of refusal with how often
each occurs. Exits with 1 if a file ends in anything but an import or a diagnostic.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path

from snnc.diagnostics import Diagnostic, SnncError
from snnc.frontend.importer import import_model, survey
from snnc.frontend.report import ConversionReport
from snnc.ir import model as m

HEADER = (
    "| file | outcome | populations | quantised | nodes | refused | MACs | gate error | s | "
    "reasons |"
)


def main(folders: list[str]) -> int:
    """Print the table; 1 if a file crashed the importer."""
    roots = [Path(f) for f in folders] or [Path(os.environ.get("SNNC_DATA", "."), "models")]
    files = sorted({path for root in roots for path in root.rglob("*.onnx")})
    if not files:
        print("no .onnx file found; give a folder or set SNNC_DATA", file=sys.stderr)
        return 2
    print(HEADER)
    print("|" + "---|" * HEADER.count(" | ") + "---|")
    outcomes = Counter[str]()
    for path in files:
        outcome, row = describe(path)
        outcomes[outcome] += 1
        print(row, flush=True)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"\n{len(files)} files: {counts}")
    return int(outcomes["CRASHED"] > 0)


def describe(path: Path) -> tuple[str, str]:
    """The outcome for one file, and its row."""
    started = time.perf_counter()
    try:
        imported = import_model(path)
    except SnncError as error:
        seconds = time.perf_counter() - started
        return "refused", _refused(path, error.diagnostics, seconds)
    except Exception as error:  # what this table is there to show
        return "CRASHED", _row(
            [path.name, "CRASHED", *[""] * 7, f"{type(error).__name__}: {error}"]
        )
    seconds = time.perf_counter() - started
    report, populations = imported.report, len(imported.network.populations)
    cells = [
        path.name,
        "imported",
        str(populations),
        _quantised(imported.network),
        str(report.nodes),
        "0",
        _share(report),
        f"{imported.gate_error:.1e}",
        f"{seconds:.1f}",
        "",
    ]
    return "imported", _row(cells)


def _refused(path: Path, diagnostics: tuple[Diagnostic, ...], seconds: float) -> str:
    try:
        report = survey(path)
    except SnncError:
        reason = f"{diagnostics[0].code} {diagnostics[0].message}"
        return _row([path.name, "refused", *[""] * 6, f"{seconds:.1f}", reason])
    counts = Counter(f"{node.operator}: {node.reason}" for node in report.refused)
    reasons = "; ".join(
        f"{reason} ({count}x)" if count > 1 else reason for reason, count in counts.items()
    )
    cells = [
        path.name,
        "refused",
        "",
        "",
        str(report.nodes),
        str(len(report.refused)),
        _share(report),
        "",
        f"{seconds:.1f}",
        reasons,
    ]
    return _row(cells)


def _quantised(network: m.Network) -> str:
    """How many populations have quantised activations, and the ranges of their levels."""
    neurons = [p.neuron for p in network.populations if isinstance(p.neuron, m.Quantized)]
    ranges = dict.fromkeys(f"{n.lowest}..{n.levels}" for n in neurons)
    return f"{len(neurons)}: {', '.join(ranges)}" if neurons else ""


def _share(report: ConversionReport) -> str:
    return f"{report.mac_share:.0%}" if report.macs else ""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
