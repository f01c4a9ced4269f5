"""The tables of chips on the command line."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fit_examples import FITTING, REFUSED
from rich.console import Console, RenderableType

from snnc.backends.loihi.chips import load_chip
from snnc.cli import compile as compile_command
from snnc.cli.fit_table import chip_table, fit_table, fit_tables, total_lines

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL, CALIBRATION = EXAMPLES / "model.onnx", f"{EXAMPLES / 'images.npz'}:train[:100]"
Cli = Callable[..., Any]


def text(*parts: RenderableType) -> str:
    console = Console(file=StringIO(), width=160, markup=False)
    for part in parts:
        console.print(part)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def cells(shown: str, first: str) -> list[str]:
    return next(line for line in shown.splitlines() if line.split()[:1] == [first]).split()


def test_the_table_has_a_line_for_each_layer() -> None:
    shown = text(fit_table(FITTING["loihi1"]))
    assert "Does it fit? Loihi 1" in shown
    assert cells(shown, "fc")[:7] == ["fc", "9", "1,000", "112x1x1", "1,024", "0", "120.0"]
    assert "synapse memory bytes 94 %" in shown


def test_totals_say_cores_chips_and_the_kind_of_limits() -> None:
    lines = total_lines(FITTING["loihi2"])
    assert lines[0].startswith("Loihi 2 (an estimate): fits on 1 chip")
    assert lines[1].startswith("mean use of a core: ")
    assert any(line.startswith("note: Loihi 2: an estimate") for line in lines)
    assert "fc does not fit: input axons per core: 4,097 of 4,096" in total_lines(REFUSED["loihi1"])


def test_all_chips_are_shown_and_nothing_without_a_fit() -> None:
    shown = text(*fit_tables(FITTING))
    assert "Does it fit? Loihi 1" in shown
    assert "Does it fit? Loihi 2" in shown
    assert fit_tables(None) == []
    assert fit_tables({}) == []


@pytest.mark.parametrize("found", [FITTING, None])
def test_compile_prints_the_tables_of_a_report_that_has_a_fit(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, found: dict[str, Any] | None
) -> None:
    plain = compile_command.compile_with

    def with_fit(*arguments: Any) -> Any:
        compiled = plain(*arguments)
        compiled.report["fit"] = found
        return compiled

    monkeypatch.setattr(compile_command, "compile_with", with_fit)
    command = ("compile", MODEL, "-o", "out", "--calibration", CALIBRATION, "--divide", 255)
    done = cli(*command, "--steps", 4)
    assert done.code == 0
    assert ("Does it fit? Loihi 1" in done.out) == (found is not None)
    assert ("Loihi 2 (an estimate): fits on 1 chip" in done.out) == (found is not None)


def test_the_limits_of_a_chip_are_listed_with_their_sources() -> None:
    shown = text(chip_table(load_chip("loihi1")))
    line = next(x for x in shown.splitlines() if x.startswith("compartments per core"))
    assert line.split()[3:7] == ["1,024", "compartments", "published", "yes"]
    assert "nengo-loihi" in line
    unknown = text(chip_table(load_chip("loihi2")))
    line = next(x for x in unknown.splitlines() if x.startswith("input axons per core"))
    assert line.split()[4:7] == ["unknown", "axons", "estimate"]
