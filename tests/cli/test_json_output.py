"""With `--json` a command prints exactly one JSON object on stdout, also where it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL = EXAMPLES / "model.onnx"
DATA = f"{EXAMPLES / 'images.npz'}:test[:200]"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("inspect", MODEL), 0),
        (("inspect", "PROGRAM"), 0),
        (("run", "PROGRAM", "--inputs", DATA), 0),
        (("eval", "PROGRAM", "--data", DATA), 0),
        (("eval", "PROGRAM", "--data", DATA, "--steps", 1, "--max-drop", 0), 1),
        (("diff", "PROGRAM", MODEL, "--exit-code"), 1),
        (("report", "PROGRAM", "-o", "report.html"), 0),
        (("report", "PROGRAM", "-o", "nowhere/report.html"), 2),
        (("run", "PROGRAM", "--inputs", "nowhere.npz"), 2),
        (("passes", "nothing"), 2),
        (("explain", "SN101"), 0),
    ],
)
def test_one_object(cli: Any, program: Path, arguments: tuple[object, ...], code: int) -> None:
    outcome = cli(*(program if a == "PROGRAM" else a for a in arguments), "--json")
    assert outcome.code == code
    assert outcome.json["schema_version"] == 1
    failed_check = "--max-drop" in arguments
    assert ("error" in outcome.json) == (code == 2 or failed_check)


def test_a_failed_check_keeps_the_measures_beside_the_error(cli: Any, program: Path) -> None:
    options = ("--data", DATA, "--steps", 1, "--max-drop", 0, "--json")
    found = cli("eval", program, *options).json
    assert found["error"][0]["code"] == "SN932"
    assert found["samples"] == 200
    assert found["layers"]
