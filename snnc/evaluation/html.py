"""The HTML report and its pictures, from the JSON objects of a compilation and an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from snnc.evaluation.html_core_map import core_map_context
from snnc.evaluation.html_exits import exit_context
from snnc.evaluation.html_fit import fit_context
from snnc.evaluation.html_phases import phase_context
from snnc.evaluation.quantisation_rows import whole_context
from snnc.text import percent

LEFT, RIGHT, TOP, BOTTOM = 60.0, 620.0, 20.0, 250.0
LABEL_CHARACTERS = 24
PARTS = (
    ("inherited", "#cbd5e0"),
    ("clipping", "#c05621"),
    ("quantisation", "#2b6cb0"),
    ("unevenness", "#6b46c1"),
)


def render_report(report: Mapping[str, Any], mesh: bytes | None = None) -> str:
    """One self-contained HTML page: no script, no font, no picture from elsewhere.

    `mesh`: the picture of a core map, where the program has one.
    """
    evaluation = report.get("evaluation")
    notes = dict.fromkeys([*report["notes"], *(evaluation["notes"] if evaluation else ())])
    page = _environment(autoescape=True).get_template("report/report.html.j2")
    return page.render(
        title=f"snnc report: {report['network']}",
        verdict=_verdict(report, evaluation),
        report=report,
        evaluation=evaluation,
        notes=notes,
        choice=report.get("choice"),
        steps_text=_steps_text(report),
        settled_text=_settled_text(evaluation),
        # Both pictures are made by our own templates, which escape the names they print.
        accuracy_svg=Markup(accuracy_svg(evaluation)) if evaluation else "",
        rate_name="per neuron" if evaluation and evaluation.get("phases") else "rate",
        timed=bool(evaluation and evaluation.get("phases")),
        layers_svg=Markup(layers_svg(evaluation)) if evaluation else "",
        **exit_context(report, evaluation),
        **whole_context(evaluation),
        **fit_context(report),
        **core_map_context(report, mesh),
        **phase_context(report, _drawn),
    )


def _drawn(template: str, context: Mapping[str, Any]) -> Markup:
    """A picture by one of our own templates, which escape the names they print."""
    return Markup(_environment(autoescape=True).get_template(template).render(context))


def accuracy_svg(evaluation: Mapping[str, Any]) -> str:
    """Accuracy after every time step, the ANN's as a dashed line; logarithmic in steps.

    With phases it begins where the last head does, and its steps are counted from there.
    """
    phases = evaluation.get("phases")
    before = 0 if phases is None else phases["opens"] - 1
    found = evaluation.get("exit")
    if found is not None and found["mean_steps"] <= before:  # internal heads answer earlier
        before = 0
    curve: Sequence[float] = evaluation["accuracy_by_step"][before:]
    ann: float | None = evaluation["ann_accuracy"]
    stopped = None if found is None else found["accuracy"]
    values = [*curve, *(value for value in (ann, stopped) if value is not None)]
    low, high = 1.0 - _span(min(values, default=0.0)), 1.0
    points = [(_x(t, len(curve)), _y(a, low, high)) for t, a in enumerate(curve, start=1)]
    context: dict[str, Any] = {
        "curve": curve,
        "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        "ann_y": None if ann is None else round(_y(ann, low, high), 1),
        "ann_text": percent(ann),
        "last": None,
        "x_ticks": [{"x": round(_x(t, len(curve)), 1), "text": t} for t in _powers(len(curve))],
        "y_ticks": [
            {"y": round(_y(v, low, high), 1), "text": f"{100 * v:.0f} %"}
            for v in (low + (high - low) * i / 5 for i in range(6))
        ],
    }
    context["axis"] = "time steps (logarithmic)"
    if before:
        context["axis"] = f"time steps behind the first {before} (logarithmic)"
    context["exit"] = _exit_mark(found, len(curve), low, before)
    context["reason"] = f"{_why_missing(evaluation, 'no labels')}: accuracy was not measured"
    if points:
        x, y = points[-1]
        context["last"] = {"x": round(x, 1), "y": round(y, 1), "text": percent(curve[-1])}
    return _environment(autoescape=True).get_template("report/accuracy.svg.j2").render(context)


def _exit_mark(
    found: Mapping[str, Any] | None, steps: int, low: float, before: int
) -> dict[str, Any] | None:
    """Where the picture shows the run with exits; None where there is none to show."""
    if found is None or found["accuracy"] is None or not steps:
        return None
    depth = found["order"] == "depth"
    mean = found["equivalent_steps" if depth else "mean_steps"]
    unit = "steps of the whole network" if depth else "steps"
    return {
        "x": round(_x(max(mean - before, 1.0), steps), 1),
        "y": round(_y(found["accuracy"], low, 1.0), 1),
        "text": f"{percent(found['accuracy'])}, {mean:.2f} {unit}",
    }


def _why_missing(evaluation: Mapping[str, Any], usual: str) -> str:
    """Why something was not measured: the usual reason, or that only the exits were run."""
    found = evaluation.get("exit")
    return usual if found is None or found["steps_full"] is not None else "only exits were run"


def layers_svg(evaluation: Mapping[str, Any]) -> str:
    """The error of each layer over its mean activation, stacked by cause."""
    judged = [layer for layer in evaluation["layers"] if layer["errors"] is not None]
    largest = max((sum(layer["errors"].values()) for layer in judged), default=0.0) or 1.0
    rows = [_layer_row(layer, index, 380.0 / largest) for index, layer in enumerate(judged)]
    legend = [
        {"name": name, "colour": colour, "x": 160 + 110 * index}
        for index, (name, colour) in enumerate(PARTS)
    ]
    template = _environment(autoescape=True).get_template("report/layers.svg.j2")
    return template.render(
        rows=rows,
        legend=legend,
        height=max(80, 40 + 22 * len(rows)),
        reason=f"{_why_missing(evaluation, 'no ANN to compare with')}: errors were not measured",
    )


def _layer_row(layer: Mapping[str, Any], index: int, pixels: float) -> dict[str, Any]:
    x = 160.0
    bars = []
    for name, colour in PARTS:
        width = layer["errors"][name] * pixels
        bars.append({"x": round(x, 1), "width": round(width, 1), "colour": colour})
        x += width
    total = sum(layer["errors"].values())
    return {
        "name": _shortened(layer["name"]),
        "y": 34 + 22 * index,
        "bars": bars,
        "end": round(x, 1),
        "text": percent(total),
    }


def _shortened(name: str) -> str:
    """The end of a long name, which is what tells layers apart."""
    return name if len(name) <= LABEL_CHARACTERS else f"…{name[1 - LABEL_CHARACTERS :]}"


def _verdict(report: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> str:
    if evaluation is None:
        return (
            f"Compiled for {report['target']} with {_steps_text(report)}; not evaluated "
            "yet. Give `snnc report DIR --data DATA` a data set to measure it."
        )
    found = evaluation.get("exit")
    stopped = ""
    if found is not None and found["steps_full"] is not None:
        stopped = (
            f" With exits {percent(found['accuracy'])} at {found['mean_steps']:.2f} steps and "
            f"{found['spikes_per_sample']:,.0f} spikes."
        )
    return (
        f"ANN {percent(evaluation['ann_accuracy'])}, SNN {percent(evaluation['snn_accuracy'])} "
        f"at {evaluation['mean_steps']:.1f} steps on average, agreement "
        f"{percent(evaluation['agreement'])}, {evaluation['spikes_per_sample']:,.0f} spikes per "
        f"sample, on {evaluation['samples']:,} samples (simulated).{stopped}"
    )


def _steps_text(report: Mapping[str, Any]) -> str:
    window, phases = report.get("window"), report.get("phases")
    if phases is not None:
        return f"{report['steps']} time steps in windows of {phases['window']}"
    if window is None:
        return f"{report['steps']} time steps"
    return (
        f"at most {report['steps']} time steps, input in the first {window}, ends when nothing "
        "fires"
    )


def _settled_text(evaluation: Mapping[str, Any] | None) -> str:
    settled = None if evaluation is None else evaluation["settled"]
    if settled is None:
        return ""
    if settled["mean"] is None:
        return f"None of {settled['samples']:,} samples came to rest."
    text = (
        f"On average at step {settled['mean']:.2f}, median {settled['median']:g}, at the latest "
        f"{settled['max']}."
    )
    if settled["unsettled"]:
        text += f" {settled['unsettled']:,} of {settled['samples']:,} samples did not."
    return text


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("snnc.templates", ""),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = percent
    environment.filters["figure"] = _figure
    environment.filters["microjoules"] = lambda v: "-" if v is None else f"{v / 1e6:.3g}"
    return environment


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _x(step: float, steps: int) -> float:
    if steps <= 1:
        return RIGHT
    return LEFT + (RIGHT - LEFT) * math.log(step) / math.log(steps)


def _y(value: float, low: float, high: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low)


def _span(smallest: float) -> float:
    """The part of the scale below 100 % that is shown, with round numbers at its five ticks."""
    return next(s for s in (0.1, 0.2, 0.5, 1.0) if 1.0 - s <= smallest + 1e-9)


def _powers(steps: int) -> list[int]:
    powers = []
    step = 1
    while step <= steps:
        powers.append(step)
        step *= 2
    return powers
