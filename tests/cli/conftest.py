from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL = EXAMPLES / "model.onnx"
IMAGES = EXAMPLES / "images.npz"
CALIBRATION = f"{IMAGES}:train[:100]"
STEPS = 8


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command line in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model compiled for 8 steps; tests must not change it."""
    place = tmp_path_factory.mktemp("program") / "out"
    command = ["compile", MODEL, "-o", place, "--calibration", CALIBRATION]
    options = ["--divide", 255, "--steps", STEPS, "--quiet"]
    assert main([str(a) for a in (*command, *options)]) == 0
    return place


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Data files with one fault each."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (6, 28, 28), dtype=np.uint8)
    y = np.arange(6)
    arrays: dict[str, dict[str, Any]] = {
        "good": {"x": x, "y": y},
        "label_too_large": {"x": x, "y": y + 5},
        "label_negative": {"x": x, "y": y - 1},
        "unlabelled": {"x": x},
        "wrong_shape": {"x": x[:, :20, :20], "y": y},
        "wrong_dtype": {"x": x.astype("U3"), "y": y},
        "empty": {"x": x[:0], "y": y[:0]},
    }
    places = {}
    for name, content in arrays.items():
        places[name] = folder / f"{name}.npz"
        np.savez(places[name], **content)
    return places
