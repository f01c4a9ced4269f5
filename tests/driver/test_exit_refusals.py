"""Exit policies that are refused: data, heads, options and targets that do not allow them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exit_networks import STEPS, Data, compiled

import snnc
from snnc import backends
from snnc.backends.reference.target import ReferenceTarget
from snnc.diagnostics import InputError, UsageError


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (None, "SN950"),
        (lambda y: np.where(y == 1, 0, y), "SN951.*class 1"),
        (lambda y: y + 1, "SN955.*label 3"),
    ],
)
def test_labels_that_allow_no_fit_are_refused(
    net: Path, data: Data, labels: Any, code: str
) -> None:
    x, y = data
    with pytest.raises(InputError, match=code):
        compiled(net, x if labels is None else (x, labels(y)), "confidence")


def test_fewer_samples_than_classes_are_refused(net: Path, data: Data) -> None:
    with pytest.raises(InputError, match="SN952"):
        compiled(net, data, "confidence", exit_data=(data[0][:2], data[1][:2]))


def test_a_fit_without_any_data_is_refused(net: Path) -> None:
    with pytest.raises(InputError, match=r"SN950.*there is no data"):
        compiled(net, None, "confidence", passes="to-spiking")


@pytest.mark.parametrize("policy", ["bayes", "margin{order=depth}", "fixed{head=nobody}"])
def test_a_policy_on_a_network_without_its_head_is_refused_at_once(
    net: Path, data: Data, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("compiled before the heads were looked at")

    monkeypatch.setattr("snnc.driver.compilation.run_plan", never)
    with pytest.raises(UsageError, match="SN953"):
        compiled(net.with_name("single.snn"), data, policy)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"exit": "confidense"}, '(?s)SN701.*did you mean "confidence"'),
        ({"exit": "margin{treshold=1}"}, '(?s)SN702.*did you mean "threshold"'),
        ({"exit": "margin,bayes"}, "SN954"),
        ({"exit": "confidence{first-step=17}"}, "SN954.*16"),
        ({"exit": "margin", "max_drop": -0.1}, "SN938"),
        ({"exit": "margin", "max_drop": 101.0}, "SN938"),
        ({"exit": "margin", "max_drop": float("nan")}, "SN938"),
        ({"exit": "margin", "stop_after": "to-spiking"}, "SN936.*--stop-after"),
        ({"exit": "patience{repeats=2}", "max_drop": 1.0}, "SN936.*--max-drop decides nothing"),
        ({"exit": "patience{repeats=2}", "exit_data": "x.npz"}, "SN936.*--exit-data decides"),
        ({"exit_data": "x.npz"}, "SN936.*--exit"),
        ({"max_drop": 1.0}, "SN936.*--auto or --exit"),
        ({"exit": "margin", "exit_data": "nowhere.npz"}, "SN801"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    net: Path, data: Data, options: dict[str, Any], code: str
) -> None:
    with pytest.raises(UsageError, match=code):
        snnc.compile(net, calibration=data, steps=STEPS, **options)


def test_a_target_that_does_not_execute_the_policy_is_refused(
    net: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = ReferenceTarget()
    few = replace(reference, limits=replace(reference.limits, exits=("fixed", "confidence")))
    none = replace(reference, limits=replace(reference.limits, exits=()))
    monkeypatch.setitem(backends.TARGETS, "few", replace(few, name="few"))
    monkeypatch.setitem(backends.TARGETS, "none", replace(none, name="none"))
    with pytest.raises(UsageError, match=r"SN936.*few.*policy margin; it has fixed, confidence"):
        compiled(net, data, "margin", target="few")
    with pytest.raises(UsageError, match=r"SN936.*it stops no sample early"):
        compiled(net, data, "fixed", target="none")
    assert compiled(net, data, "fixed", target="few").network.exit is not None
    # What was asked for as confidence may turn out to be a margin.
    with pytest.raises(UsageError, match=r"SN936.*policy margin"):
        compiled(net, data, "confidence{score=margin}", target="few")
    with pytest.raises(UsageError, match=r"SN936.*policy margin"):
        compiled(net, data, "confidence{score=margin,threshold=1.0}", target="few")
