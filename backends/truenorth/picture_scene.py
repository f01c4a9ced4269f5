"""The picture of the mesh as shapes and words at their places, for SVG and PNG alike."""

from __future__ import annotations

from dataclasses import dataclass

from snnc.backends.truenorth.picture_mesh import Cell, Mesh
from snnc.backends.truenorth.picture_shapes import (
    OUTLINES,
    ROLE_WORDS,
    Bar,
    Curve,
    Label,
    Point,
    Polygon,
    Scene,
    colour,
    contrast,
    share,
    short,
)

LETTER, KNOT = (0.32, 0.46), (0.68, 0.34)
"""Where the foot of its letter and the ends of its links are, in the square of side 1."""

MARGIN, GUTTER, HEADER = 24.0, 28.0, 64.0
PITCHES = (12, 40)
"""Least and largest distance of two cells."""

SIDE = 640
"""Longer side of the mesh, where the distance of cells may follow from it."""
LETTERED = 18
"""Side of a cell from which on it has its letter."""

ROW = 20.0
LEGEND = 392.0


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where cells lie: distance and side of cells, the first one's corner."""

    pitch: float
    side: float
    left: float
    top: float

    def corner(self, place: Point) -> Point:
        """Upper left of a cell."""
        return self.left + place[0] * self.pitch, self.top + place[1] * self.pitch

    def inside(self, place: Point, at: Point) -> Point:
        """A point of a cell; `at` in the square of side 1."""
        x, y = self.corner(place)
        return x + at[0] * self.side, y + at[1] * self.side


def scene_of(mesh: Mesh) -> Scene:
    """Lay a mesh out: title, cores and links on the left, legend on the right."""
    longest = max(mesh.columns, mesh.rows, 1)
    pitch = min(max(SIDE // longest, PITCHES[0]), PITCHES[1])
    gap = max(1, pitch // 10)
    grid = _Grid(pitch, pitch - gap, MARGIN + gap / 2 + 4, HEADER + gap / 2 + 4)
    wide, high = (max(n, 1) * pitch + 8 for n in (mesh.columns, mesh.rows))
    left = MARGIN + wide + GUTTER
    swatches, legend, low = _legend(mesh, left, HEADER + 12)
    cells = tuple(_polygon(cell, mesh, grid) for cell in mesh.cells)
    return Scene(
        width=left + LEGEND + MARGIN,
        height=max(HEADER + high, low) + MARGIN,
        frame=(MARGIN, HEADER, wide, high),
        polygons=(*cells, *swatches),
        bars=tuple(bar for cell in mesh.cells for bar in _bars(cell, mesh, grid)),
        curves=_curves(mesh, grid),
        labels=(*_title(mesh), *_letters(mesh, grid), *legend),
        alternative=f"{mesh.name}: {'; '.join(mesh.facts)}",
    )


def _outline(role: str, corner: Point, side: float) -> tuple[Point, ...]:
    return tuple((corner[0] + x * side, corner[1] + y * side) for x, y in OUTLINES[role])


def _polygon(cell: Cell, mesh: Mesh, grid: _Grid) -> Polygon:
    title = (
        f"core {cell.core} at {cell.place[0]}, {cell.place[1]}: {cell.corelet} ({cell.role}), "
        f"{cell.neurons} of {mesh.neurons_per_core} neurons, "
        f"{cell.axons} of {mesh.axons_per_core} axons"
    )
    points = _outline(cell.role, grid.corner(cell.place), grid.side)
    return Polygon(points, colour(cell.layer, len(mesh.layers)), title)


def _bars(cell: Cell, mesh: Mesh, grid: _Grid) -> tuple[Bar, ...]:
    """Neurons above, axons below; as long as the share that is used."""
    shares = (cell.neurons / mesh.neurons_per_core, cell.axons / mesh.axons_per_core)
    return _bars_at(grid.corner(cell.place), grid.side, shares)


def _bars_at(corner: Point, side: float, shares: tuple[float, float]) -> tuple[Bar, ...]:
    thick = max(1.5, round(side / 12 * 2) / 2)
    inset, full = side * 0.17, side * 0.66
    low = corner[1] + side - max(2.0, side * 0.12) - 2 * thick - 1
    return tuple(
        Bar(corner[0] + inset, low + i * (thick + 1), full * share, thick)
        for i, share in enumerate(shares)
        if share > 0
    )


def _letters(mesh: Mesh, grid: _Grid) -> tuple[Label, ...]:
    if grid.side < LETTERED:
        return ()
    size = round(grid.side * 0.4)
    found = []
    for cell in mesh.cells:
        x, y = grid.inside(cell.place, LETTER)
        tone = contrast(colour(cell.layer, len(mesh.layers)))
        text = mesh.layers[cell.layer].letter
        found.append(Label(x, y, text, size, "middle", tone, bold=True))
    return tuple(found)


def _curves(mesh: Mesh, grid: _Grid) -> tuple[Curve, ...]:
    """The heaviest links, the lightest of them first, each bent to the right of its way."""
    most = max((strand.links for strand in mesh.strands), default=1)
    found = []
    for strand in reversed(mesh.strands):
        (x0, y0), (x1, y1) = (
            grid.inside(mesh.cells[core].place, KNOT) for core in (strand.source, strand.target)
        )
        bend = 0.18
        control = ((x0 + x1) / 2 - (y1 - y0) * bend, (y0 + y1) / 2 + (x1 - x0) * bend)
        width = max(0.8, grid.side / 12 * strand.links / most)
        found.append(Curve((x0, y0), control, (x1, y1), width))
    return tuple(found)


def _title(mesh: Mesh) -> tuple[Label, ...]:
    return (
        Label(MARGIN, 30, short(mesh.name, 48), 18, bold=True),
        Label(MARGIN, 50, mesh.facts[0], 12.5, tone="soft"),
    )


def _legend(
    mesh: Mesh, left: float, top: float
) -> tuple[tuple[Polygon, ...], tuple[Label, ...], float]:
    """Swatches and words, and how far down they go."""
    columns = (left + 202, left + 266, left + 332, left + LEGEND)
    heads = ("cores", "helpers", "neurons", "axons")
    labels = [Label(left, top, "layer", 12, tone="soft")]
    labels += [
        Label(x, top, head, 12, "end", "soft") for x, head in zip(columns, heads, strict=True)
    ]
    swatches, y = [], top + ROW + 2
    for index, row in enumerate(mesh.layers):
        fill = colour(index, len(mesh.layers))
        swatches.append(Polygon(_outline("compute", (left, y - 13), 16), fill))
        labels.append(Label(left + 8, y - 1, row.letter, 11, "middle", contrast(fill), bold=True))
        labels.append(Label(left + 26, y, short(row.name), 13))
        cells = (f"{row.cores:,}", f"{row.helpers:,}", share(row.neurons), share(row.axons))
        labels += [Label(x, y, cell, 13, "end") for x, cell in zip(columns, cells, strict=True)]
        y += ROW
    y += 12
    for role in mesh.roles:
        count = sum(cell.role == role for cell in mesh.cells)
        swatches.append(Polygon(_outline(role, (left, y - 13), 16), "#BBBBBB"))
        labels.append(Label(left + 26, y, f"{role}: {ROLE_WORDS[role]} ({count:,})", 13))
        y += ROW
    y += 12
    for line in _notes(mesh):
        labels.append(Label(left, y, line, 12, tone="soft"))
        y += ROW - 3
    return tuple(swatches), tuple(labels), y - ROW


def _notes(mesh: Mesh) -> list[str]:
    notes = ["Bars in a core: neurons (upper) and axons (lower) in use.", *mesh.facts[1:]]
    if mesh.strands:
        counts = sorted({mesh.strands[-1].links, mesh.strands[0].links})
        span = " to ".join(f"{count:,}" for count in counts)
        drawn = f"{len(mesh.strands)} of {mesh.pairs:,}"
        notes.append(f"Lines run to the dot: {drawn} pairs of cores with links,")
        notes.append(f"those with the most ({span} each).")
    return notes
