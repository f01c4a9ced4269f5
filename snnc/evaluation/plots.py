"""Pictures of exits by matplotlib: accuracy against steps, exit steps, scores over time.

The same figures give the same bytes: no date, no random identifiers, no font of this machine (text
stays text).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from snnc.evaluation.exit_rows import fixed_mean_steps

Evaluated: TypeAlias = Mapping[str, Any]
"""An evaluation as one JSON object, with an exit report."""

STYLE: Any = {
    "svg.hashsalt": "snnc",
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.size": 11,
    "axes.grid": True,
    "grid.color": "#d8dee4",
    "grid.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
BLUE, ORANGE, PURPLE, GREY = "#2b6cb0", "#c05621", "#6b46c1", "#57606a"
NO_LABELS = "the data has no labels"
EXITS_ONLY = "only the run with exits was made"


def exit_pictures(evaluated: Evaluated) -> tuple[dict[str, bytes], dict[str, str]]:
    """SVG files by name, and for each that is missing the reason.

    Args:
        evaluated: `Evaluation.as_dict()` of a network with an exit policy.
    """
    found = evaluated["exit"]
    drawn: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    without = EXITS_ONLY if found["steps_full"] is None else None
    pictures: tuple[tuple[str, Callable[[Axes, Evaluated], None], str | None], ...] = (
        ("exit_accuracy.svg", draw_accuracy, without or _unless(found["accuracy"], NO_LABELS)),
        ("exit_histogram.svg", draw_histogram, None),
        (
            "exit_confidence.svg",
            draw_scores,
            without or _unless(found["score"], f"the policy {found['policy']} has no score"),
        ),
    )
    for name, draw, reason in pictures:
        if reason is None:
            drawn[name] = picture(draw, evaluated)
        else:
            missing[name] = reason
    return drawn, missing


def _unless(value: object, reason: str) -> str | None:
    return reason if value is None else None


def picture(draw: Callable[[Axes, Evaluated], None], evaluated: Evaluated) -> bytes:
    """One SVG file of a pair of axes that `draw` fills."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(7.0, 4.2), facecolor="white", layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot(), evaluated)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "snnc"})
    return buffer.getvalue()


def draw_accuracy(axes: Axes, evaluated: Evaluated) -> None:
    """Accuracy against mean time steps: fixed steps, the front, the oracle, the policy."""
    found = evaluated["exit"]
    curve: Sequence[float] = evaluated["accuracy_by_step"]
    steps = [fixed_mean_steps(evaluated["settled"], step) for step in range(1, len(curve) + 1)]
    axes.plot(steps, _percents(curve), color=BLUE, label="fixed number of steps")
    for key, colour, style, label in (
        ("pareto", ORANGE, "-", "any threshold (Pareto front)"),
        ("oracle", GREY, ":", "oracle, which knows the labels"),
    ):
        points = found[key] or []
        x, y = [p["mean_steps"] for p in points], _percents([p["accuracy"] for p in points])
        if points:
            axes.plot(x, y, color=colour, linestyle=style, label=label)
    chosen = found["equivalent_steps" if found["order"] == "depth" else "mean_steps"]
    label = f"{found['policy']}: {chosen:.2f} steps, {100 * found['accuracy']:.2f} %"
    axes.plot([chosen], [100 * found["accuracy"]], "o", color=ORANGE, label=label)
    fixed = found["fixed"]
    star = (fixed["t_star_mean_steps"], 100 * fixed["t_star_accuracy"])
    axes.plot(*star, "s", color=BLUE, label=f"T* = {fixed['t_star']}")
    if evaluated["ann_accuracy"] is not None:
        ann = 100 * evaluated["ann_accuracy"]
        axes.axhline(ann, color=PURPLE, linestyle="--", label=f"ANN {ann:.2f} %")
    axes.set_ylim(_lowest(found, curve), None)
    axes.set_xlabel(_steps_label(found, evaluated))
    if evaluated.get("phases"):
        # Nothing is said in the steps before, and what follows is one window.
        axes.set_xlim(_first_heard(found), None)
    else:
        axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_ylabel("accuracy, %")
    axes.legend(loc="lower right")


def draw_histogram(axes: Axes, evaluated: Evaluated) -> None:
    """How many samples exit after how many time steps."""
    found = evaluated["exit"]
    steps = [int(step) for step in found["histogram"]]
    counts = list(found["histogram"].values())
    axes.bar(steps, counts, width=0.8, color=BLUE)
    mean = found["mean_steps"]
    axes.axvline(mean, color=ORANGE, linestyle="--", label=f"mean {mean:.2f}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(0.4, max(steps) + 0.6)
    axes.set_xlabel("time steps until the answer")
    axes.set_ylabel(f"samples of {evaluated['samples']:,}")
    axes.legend(loc="upper right")


def draw_scores(axes: Axes, evaluated: Evaluated) -> None:
    """Median and quartiles of the score over time, of right and of wrong answers."""
    score = evaluated["exit"]["score"]
    for key, colour, label in (
        ("right", BLUE, "right answers"),
        ("wrong", ORANGE, "wrong answers"),
        ("every", GREY, "all answers"),
    ):
        points = [p for p in score["by_step"] if p[key] is not None]
        if not points or (key == "every" and any(p["right"] for p in score["by_step"])):
            continue
        steps = [p["step"] for p in points]
        low, middle, high = ([p[key][i] for p in points] for i in range(3))
        axes.plot(steps, middle, color=colour, label=f"{label}, median")
        axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    for threshold in sorted({t for t in evaluated["exit"]["thresholds"] if t is not None}):
        axes.axhline(threshold, color=PURPLE, linestyle="--", label=f"threshold {threshold:.12g}")
    axes.set_xlabel("time steps (bands: quartiles)")
    axes.set_ylabel(f"{score['score']}, head {score['head']}")
    axes.legend(loc="best")


def _first_heard(found: Mapping[str, Any]) -> float:
    """The fewest mean steps of any way to stop that is drawn, or of the policy."""
    drawn = [point["mean_steps"] for key in ("pareto", "oracle") for point in found[key] or []]
    return float(min(found["mean_steps"], *drawn)) - 1.0 if drawn else 0.0


def _steps_label(found: Mapping[str, Any], evaluated: Evaluated) -> str:
    if evaluated.get("phases"):
        return "mean time steps"
    if found["order"] == "depth":
        return "mean time steps of the whole network that cost as much (logarithmic)"
    return "mean time steps (logarithmic)"


def _percents(values: Sequence[float]) -> list[float]:
    return [100 * value for value in values]


def _lowest(found: Mapping[str, Any], curve: Sequence[float]) -> float:
    """Where the axis of accuracies begins: so that what matters fills the picture."""
    best, reached = max(curve), float(found["accuracy"])
    worst = min(reached, *curve)
    return 100 * max(worst - 0.02, best - 4 * max(best - reached, 0.05), 0.0)
