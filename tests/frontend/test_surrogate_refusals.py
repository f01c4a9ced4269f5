"""What is nearly the surrogate of a spike time is refused, and the message says what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx_models import numbers, save
from surrogate_spellings import CONSTANTS, DELAY, SPELLINGS, TAU, WINDOW, Spelling, kernel, spelled

from snnc.frontend.importer import survey
from snnc.frontend.report import ConversionReport

PUBLISHED = SPELLINGS["as published"].nodes


def _surveyed(
    nodes: str, folder: Path, constants: dict[str, NDArray[Any]] | None = None
) -> ConversionReport:
    spelling = Spelling(nodes, kernel(), {**CONSTANTS, **(constants or {})})
    return survey(save(spelled(spelling), folder))


def _changed(old: str, new: str) -> str:
    assert PUBLISHED.count(old) == 1
    return PUBLISHED.replace(old, new)


NEARLY: dict[str, tuple[str, dict[str, NDArray[Any]], str, str]] = {
    "no mask": (
        _changed("s = Where(ok, v, zero)", "s = Identity(v)").replace(
            "ok = LessOrEqual(t, last)", ""
        ),
        {},
        "it has no smallest value",
        "t <= W - 1",
    ),
    "no mask and no e": (
        _changed("s = Where(ok, v, zero)", "s = Identity(v)")
        .replace("ok = LessOrEqual(t, last)", "")
        .replace("u = Div(e, theta)", "u = Div(z, theta)")
        .replace("e = Add(z, tiny)", ""),
        {},
        "it has no smallest value",
        "snnc.ttfs",
    ),
    "times below 0": (
        _changed("r = Relu(since)", "r = Identity(since)"),
        {},
        "no largest value",
        "Relu",
    ),
    "another time constant": (
        PUBLISHED,
        {"tau": numbers(TAU * 1.01)},
        "its times grow by 9.7 for a value e times as small, and its levels fall by e in 9.797",
        "decode with the time constant",
    ),
    "rounded down": (
        _changed("t = Ceil(r)", "t = Floor(r)"),
        {},
        "not that of the time rounded up, nor of the nearest",
        "Ceil, Round or Floor(t + 0.5)",
    ),
    "a third of a step": (
        _changed("t = Ceil(r)", "r3 = Sub(r, third)\nt = Ceil(r3)"),
        {"third": numbers(1 / 3)},
        "not that of the time rounded up, nor of the nearest",
        "Ceil, Round or Floor(t + 0.5)",
    ),
    "another delay": (
        _changed("before = Sub(delay, t)", "before = Sub(other, t)"),
        {"other": numbers(DELAY + 1)},
        "not that of the time rounded up, nor of the nearest",
        "with the delay",
    ),
    "something for nothing": (
        _changed("s = Where(ok, v, zero)", "s = Where(ok, v, least)"),
        {"least": numbers(0.001)},
        "it has no smallest value",
        "t <= W - 1",
    ),
    "no number for negative values": (
        SPELLINGS["half added, product mask"].nodes.replace("z = Relu(a)", "z = Identity(a)"),
        {},
        "it sends nan for -",
        "negative ones, 0",
    ),
    "half of the last step": (
        "some = GreaterOrEqual(a, least)\n"
        + _changed("ok = LessOrEqual(t, last)", "ok = And(some, some)"),
        {"least": numbers(0.8 * np.exp((DELAY - (WINDOW - 1.5)) / TAU))},
        "cuts through the values of the last step",
        "mask by whole times",
    ),
    "one step only": (PUBLISHED, {"last": numbers(0)}, "no more than one level", "2 steps"),
}


@pytest.mark.parametrize("name", NEARLY)
def test_nearly_a_surrogate(name: str, tmp_path: Path) -> None:
    """One refusal, at the logarithm, that says what is missing and what to do."""
    nodes, constants, reason, cure = NEARLY[name]
    report = _surveyed(nodes, tmp_path, constants)
    (refused,) = report.refused
    assert refused.operator == "Log"
    assert "surrogate of a spike time" in refused.reason
    assert reason in refused.reason
    assert cure in refused.cure


def test_one_kernel_per_layer(tmp_path: Path) -> None:
    """Kernels of channels are refused by the name of their constants; equal ones are one kernel."""
    several = np.array([TAU, TAU, TAU, TAU + 1], dtype=np.float32).reshape(1, 4, 1, 1)
    constants = {"tau": several, "minus_tau": -several}
    (refused,) = _surveyed(PUBLISHED, tmp_path, constants).refused
    assert "differs from channel to channel: minus_tau, tau" in refused.reason
    assert "for each layer" in refused.cure
    equal = np.full((1, 4, 1, 1), TAU, dtype=np.float32)
    assert not _surveyed(PUBLISHED, tmp_path, {"tau": equal, "minus_tau": -equal}).refused


def test_what_others_read_within(tmp_path: Path) -> None:
    """Spike times as a value of their own have no form in the network."""
    report = _surveyed(PUBLISHED + "\nother = GlobalAveragePool(t)\ny2 = Flatten(other)", tmp_path)
    assert not report.refused  # nothing uses y2
    model = spelled(SPELLINGS["as published"])
    extra = type(model.graph.output[0])(name="t")
    extra.type.tensor_type.elem_type = 1
    model.graph.output.append(extra)
    reasons = [refused.reason for refused in survey(save(model, tmp_path)).refused]
    assert sum("something else in the graph reads t" in reason for reason in reasons) == 1


@pytest.mark.parametrize(
    "nodes",
    ["s = Log(a)", "l = Log(a)\ns = Ceil(l)", "l = Log(a)\nh = Mul(l, half)\ns = Exp(h)"],
    ids=["alone", "nothing decodes", "nothing rounds"],
)
def test_other_logarithms_are_refused_as_before(nodes: str, tmp_path: Path) -> None:
    first = _surveyed(nodes, tmp_path).refused[0]
    assert first.operator == "Log"
    assert "it is arithmetic on activations" in first.reason


def test_functions_without_end_and_odd_nodes_are_no_crash(tmp_path: Path) -> None:
    """What overflows float32, and a node with attributes of another operator."""
    steep = {"huge": numbers(1e30), "minus_tau": numbers(-1e-3), "tau": numbers(1e-3)}
    nodes = _changed("v = Mul(f, theta)", "w = Mul(f, huge)\nv = Mul(w, huge)")
    assert _surveyed(nodes, tmp_path, steep).refused
    model = spelled(SPELLINGS["as published"])
    ceil = next(node for node in model.graph.node if node.op_type == "Ceil")
    ceil.attribute.append(onnx.helper.make_attribute("axes", [1, 2]))
    refused = survey(save(model, tmp_path)).refused
    assert [r.operator for r in refused][:2] == ["Log", "Ceil"]
    assert "surrogate" not in refused[0].reason
