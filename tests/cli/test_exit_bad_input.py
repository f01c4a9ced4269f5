"""Exit policies and data that must be rejected: one error, the exit code, nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL = EXAMPLES / "model.onnx"
IMAGES = EXAMPLES / "images.npz"
CALIBRATED = ("--calibration", f"{IMAGES}:train[:40]", "--divide", 255, "--steps", 2)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of labelled images with one fault each."""
    folder = tmp_path_factory.mktemp("faulty")
    with np.load(IMAGES) as bundled:
        x, y = bundled["x_train"][:200], bundled["y_train"][:200]
    contents = {
        "unlabelled": {"x": x},
        "absent": {"x": x[y != 3], "y": y[y != 3]},
        "few": {"x": x[:9], "y": y[:9]},
        "shifted": {"x": x, "y": y + 1},
    }
    for name, content in contents.items():
        np.savez(folder / f"{name}.npz", **content)
    return {name: folder / f"{name}.npz" for name in contents}


def refused(cli: Any, *options: object) -> Any:
    outcome = cli("compile", MODEL, "-o", "out", *options)
    assert outcome.out == ""
    assert outcome.err.count("error[") == 1
    assert "snnc-crash" not in outcome.err
    assert not Path("out").exists()
    return outcome


@pytest.mark.parametrize(
    ("name", "code"),
    [("unlabelled", "SN950"), ("absent", "SN951"), ("few", "SN952"), ("shifted", "SN955")],
)
def test_data_that_no_exit_can_be_fitted_on_is_rejected(
    cli: Any, faulty: dict[str, Path], name: str, code: str
) -> None:
    options = (*CALIBRATED, "--exit", "confidence", "--exit-data", faulty[name])
    outcome = refused(cli, *options)
    assert outcome.code == 1
    assert f"error[{code}]" in outcome.err


def test_an_exit_to_be_fitted_without_data_is_rejected(cli: Any) -> None:
    outcome = refused(cli, "--passes", "to-spiking", "--exit", "entropy")
    assert outcome.code == 1
    assert "error[SN950]" in outcome.err
    assert "--exit-data" in outcome.err


def test_classifiers_without_labels_are_rejected(cli: Any, faulty: dict[str, Path]) -> None:
    data = ("--calibration", faulty["unlabelled"], "--divide", 255)
    outcome = refused(cli, *data, "--classifiers", "auto")
    assert outcome.code == 1
    assert "error[SN740]" in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--exit", "confidense"), 'did you mean "confidence"?'),
        (("--exit", "confidence{tresh=1}"), 'did you mean "threshold"?'),
        (("--exit", "confidence{threshold=high}"), "SN703"),
        (("--exit", "confidence{"), "SN700"),
        (("--exit", ""), "SN954"),
        (("--exit", "bayes"), "--classifiers auto"),
        (("--exit", "margin{order=depth}"), "--classifiers auto"),
        (("--exit", "margin{heads=[logit]}"), "its heads are logits"),
        (("--exit", "patience{repeats=0}"), "at least 1"),
        (("--exit", "fixed{step=9}"), "at most 2"),
        (("--exit", "margin", "--max-drop", "-1"), "between 0 and 100"),
        (("--exit", "margin", "--max-drop", "nan"), "between 0 and 100"),
        (("--exit", "margin", "--exit-data", "nowhere.npz"), "nowhere.npz"),
        (("--exit", "margin", "--stop-after", "to-spiking"), "--stop-after"),
        (("--exit-data", "nowhere.npz"), "add --exit"),
        (("--classifiers", "auto,conv_0.0"), "SN936"),
        (("--classifiers", "auto,cout=1"), 'did you mean "count"?'),
        (("--passes", "max-pool,insert-classifiers,to-spiking"), "--classifiers"),
    ],
)
def test_wishes_that_make_no_sense_exit_with_2_and_say_what_is_wrong(
    cli: Any, options: tuple[object, ...], message: str
) -> None:
    outcome = refused(cli, *CALIBRATED, *options)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_place_for_a_classifier_that_is_not_there_is_rejected(cli: Any) -> None:
    outcome = refused(cli, *CALIBRATED, "--classifiers", "conv_9")
    assert outcome.code == 1
    assert 'there is no population named "conv_9"' in outcome.err


def test_an_exit_does_not_fit_a_compiled_program(cli: Any, program: Path) -> None:
    outcome = cli("eval", program, "--data", f"{IMAGES}:test[:5]", "--exit", "confidence")
    assert outcome.code == 2
    assert "error[SN936]" in outcome.err
