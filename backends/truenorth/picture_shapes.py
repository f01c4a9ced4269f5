"""What pictures of the mesh are made of: shapes, colours and words, with nothing placed yet."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Point = tuple[float, float]
Tone = Literal["ink", "soft", "dark", "light"]
"""Of words: `ink` and `soft` follow the background; `dark` and `light` stand on colours."""

FEW = ("#77AADD", "#EE8866", "#EEDD88", "#FFAABB", "#99DDFF", "#44BB99", "#BBCC33", "#AAAA00")
"""Up to eight layers: the scheme `light` of Paul Tol (SRON/EPS/TN/09-002), made for labelled cells
and distinct in all usual kinds of colour blindness."""

MANY = ("#F5F3C1", "#DDECBF", "#C2E3D2", "#A8D8DC", "#8DCBE4", "#7BBCE7", "#88A5DD", "#9B8AC4",
        "#9A709E", "#805770")  # fmt: skip
"""More: between these of his scheme `iridescent`, from bright to dark in the order of layers."""

OUTLINES: dict[str, tuple[Point, ...]] = {
    "compute": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "splitter": ((0.3, 0), (0.7, 0), (1, 0.3), (1, 0.7), (0.7, 1), (0.3, 1), (0, 0.7), (0, 0.3)),
    "clock": ((0.5, 0), (1, 0.35), (1, 1), (0, 1), (0, 0.35)),
    "partial": ((0, 0), (0.7, 0), (1, 0.3), (1, 1), (0, 1)),
    "gate": ((0.25, 0), (0.75, 0), (1, 0.5), (0.75, 1), (0.25, 1), (0, 0.5)),
}
"""Shape of a core by its role, in a square of side 1: told apart without colours."""

ROLE_WORDS = {
    "compute": "neurons of the layer",
    "splitter": "copies of its spikes",
    "clock": "clocks of biases",
    "partial": "partial sums",
    "gate": "gates of partial sums",
}

NAME_LENGTH = 22
"""Characters of a name in the legend."""


@dataclass(frozen=True, slots=True)
class Polygon:
    """A filled shape; `title` says what it is."""

    points: tuple[Point, ...]
    fill: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A dark bar on a core: how much of it is used."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Curve:
    """A bent line from core to core that ends in a dot."""

    start: Point
    control: Point
    end: Point
    width: float


@dataclass(frozen=True, slots=True)
class Label:
    """Words; y is that of the baseline."""

    x: float
    y: float
    text: str
    size: float
    anchor: Literal["start", "middle", "end"] = "start"
    tone: Tone = "ink"
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything, from the bottom to the top."""

    width: float
    height: float
    frame: tuple[float, float, float, float]
    polygons: tuple[Polygon, ...]
    bars: tuple[Bar, ...]
    curves: tuple[Curve, ...]
    labels: tuple[Label, ...]
    alternative: str


def colour(layer: int, layers: int) -> str:
    """The fill of a layer's cores, #rrggbb."""
    if layers <= len(FEW):
        return FEW[layer]
    place = layer / (layers - 1) * (len(MANY) - 1)
    first = min(int(place), len(MANY) - 2)
    share = place - first
    (low, high) = (_channels(c) for c in MANY[first : first + 2])
    mixed = [round(a + share * (b - a)) for a, b in zip(low, high, strict=True)]
    return "#" + "".join(f"{value:02X}" for value in mixed)


def contrast(fill: str) -> Tone:
    """The tone of words that can be read on a fill, by its relative luminance (WCAG 2)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in _channels(fill))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "dark" if luminance > 0.179 else "light"


def _channels(fill: str) -> tuple[int, ...]:
    return tuple(int(fill[i : i + 2], 16) for i in (1, 3, 5))


def short(name: str, length: int = NAME_LENGTH) -> str:
    """A name cut to a length, its end kept, where names mostly differ."""
    if len(name) <= length:
        return name
    kept = length - 1
    return f"{name[: kept // 2]}…{name[len(name) - (kept - kept // 2) :]}"


def share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.0f} %"


def flattened(curve: Curve, pieces: int = 12) -> list[Point]:
    """Points along a curve."""
    found = []
    for i in range(pieces + 1):
        t = i / pieces
        weights = ((1 - t) ** 2, 2 * t * (1 - t), t * t)
        points = (curve.start, curve.control, curve.end)
        found.append(
            (
                sum(w * p[0] for w, p in zip(weights, points, strict=True)),
                sum(w * p[1] for w, p in zip(weights, points, strict=True)),
            )
        )
    return found


def steps_of(points: tuple[Point, ...]) -> list[Point]:
    """From each point to the next."""
    return [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise(points)]
