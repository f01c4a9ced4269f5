"""Draw accuracy against time step, as an SVG, from the JSON that `snnc eval --json` prints.

    snnc eval MODEL.onnx --data DATA --steps 32 --json > mnist.json
    python tools/accuracy_picture.py -o docs/accuracy.svg "LeNet, MNIST=mnist.json" ...

Each curve is a spiking network, the dashed line of its colour the ANN that it was made from. The
time axis doubles from mark to mark. The file depends on the numbers alone, so it can be committed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log2
from pathlib import Path

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 44, 52
COLOURS = ("#1f5fa8", "#b3541e", "#3a7d44", "#7a4d9a")
INK, QUIET, GRID, PAPER = "#222222", "#666666", "#e3e3e3", "#ffffff"


@dataclass(frozen=True)
class Curve:
    """A network's accuracies as fractions: `by_step[t - 1]` after step t, and that of its ANN."""

    name: str
    samples: int
    ann: float
    by_step: tuple[float, ...]


def read_curve(argument: str) -> Curve:
    """The curve of an argument `NAME=FILE.json`."""
    name, _, file = argument.rpartition("=")
    data = json.loads(Path(file).read_text(encoding="utf-8"))
    by_step = tuple(float(a) for a in data["accuracy_by_step"])
    return Curve(name, int(data["samples"]), float(data["ann_accuracy"]), by_step)


def marks(steps: int) -> list[int]:
    """1, 2, 4, ... up to `steps`, and `steps` itself."""
    doubled = [2**k for k in range(steps.bit_length()) if 2**k <= steps]
    return sorted({*doubled, steps})


def across(step: float, steps: int) -> float:
    """Place of a time step on the logarithmic axis, in pixels."""
    return LEFT + (WIDTH - LEFT - RIGHT) * log2(step) / max(log2(steps), 1.0)


def down(accuracy: float) -> float:
    """Place of an accuracy between 0 and 1, in pixels."""
    return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - accuracy)


def text(x: float, y: float, words: str, colour: str, **attributes: str) -> str:
    """A text element; `anchor` and `weight` as in SVG."""
    anchor, weight = attributes.get("anchor", "start"), attributes.get("weight", "400")
    size = attributes.get("size", "13")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" '
        f'font-weight="{weight}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str, extra: str = "") -> str:
    """A straight line."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{extra}/>'
    )


def axes(steps: int) -> list[str]:
    """Grid, marks and titles."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for percent in range(0, 101, 20):
        y = down(percent / 100)
        parts.append(line(LEFT, y, right, y, GRID))
        parts.append(text(LEFT - 8, y + 4, f"{percent}", QUIET, anchor="end"))
    for step in marks(steps):
        x = across(step, steps)
        parts.append(line(x, bottom, x, bottom + 5, QUIET))
        parts.append(text(x, bottom + 20, f"{step}", QUIET, anchor="middle"))
    middle = (LEFT + right) / 2
    parts.append(text(middle, HEIGHT - 12, "time steps", INK, anchor="middle"))
    parts.append(text(16, 24, "correct, % of the test images", INK))
    return parts


def drawn(curve: Curve, colour: str, steps: int) -> list[str]:
    """The curve with a dot at every doubling, and its ANN as a dashed line."""
    points = [(across(t, steps), down(a)) for t, a in enumerate(curve.by_step, start=1)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    y = down(curve.ann)
    dashes = ' stroke-dasharray="5 4" stroke-width="1.2"'
    parts = [line(LEFT, y, WIDTH - RIGHT, y, colour, dashes)]
    parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
    for step in marks(len(points)):
        x, y = points[step - 1]
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{colour}"/>')
    return parts


def legend(curves: Sequence[Curve]) -> list[str]:
    """Names and last accuracies, beside the plot."""
    parts = []
    x = WIDTH - RIGHT + 16
    for index, curve in enumerate(curves):
        y = TOP + 14 + 84 * index
        colour = COLOURS[index]
        parts.append(text(x, y, curve.name, colour, weight="700"))
        last = f"spiking, T={len(curve.by_step)}: {100 * curve.by_step[-1]:.2f} %"
        parts.append(text(x, y + 19, last, INK))
        parts.append(text(x, y + 37, f"ANN (dashed): {100 * curve.ann:.2f} %", INK))
        parts.append(text(x, y + 55, f"{curve.samples:,} images", QUIET))
    return parts


def picture(curves: Sequence[Curve]) -> str:
    """The SVG text."""
    steps = max(len(curve.by_step) for curve in curves)
    body = axes(steps)
    for curve, colour in zip(curves, COLOURS, strict=False):
        body += drawn(curve, colour, steps)
    body += legend(curves)
    inside = "\n  ".join(body)
    said = "; ".join(f"{c.name}: {100 * c.by_step[-1]:.2f} %" for c in curves)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="system-ui, sans-serif" role="img">\n'
        f"  <title>{escape('Accuracy against time steps. ' + said)}</title>\n"
        f'  <rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{PAPER}"/>\n'
        f"  {inside}\n</svg>\n"
    )


def main() -> None:
    """Read the curves, write the picture."""
    parser = argparse.ArgumentParser(description="Accuracy against time step as an SVG.")
    parser.add_argument("curves", nargs="+", metavar="NAME=FILE.json")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    if len(arguments.curves) > len(COLOURS):
        parser.error(f"at most {len(COLOURS)} curves can be told apart")
    curves = [read_curve(argument) for argument in arguments.curves]
    arguments.output.write_text(picture(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
