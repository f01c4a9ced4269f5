"""The picture of the mesh as PNG, by matplotlib: the same shapes and words as the SVG."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from snnc.backends.truenorth.picture_mesh import Mesh
from snnc.backends.truenorth.picture_scene import scene_of
from snnc.backends.truenorth.picture_shapes import Bar, Point, Scene, flattened

TONES = {"ink": "#1f2328", "soft": "#59636e", "dark": "#000000", "light": "#ffffff"}
WAY = "#9c1150"
DOTS = 144.0
"""Pixels per inch; a unit of the scene is 1 / 72 inch, so that it takes two pixels."""

ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def png_of(mesh: Mesh) -> bytes:
    """The mesh with its cores as a PNG file on white."""
    scene = scene_of(mesh)
    figure = Figure(figsize=(scene.width / 72, scene.height / 72), dpi=DOTS, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    axes.axis("off")
    _draw(axes, scene)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DOTS, metadata={"Software": None})
    return file.getvalue()


def _draw(axes: Axes, scene: Scene) -> None:
    x, y, width, height = scene.frame
    style = "round,pad=0,rounding_size=6"
    frame = FancyBboxPatch((x, y), width, height, style, fc="#f3f4f6", ec="#d0d7de", lw=1)
    axes.add_patch(frame)
    cells = PolyCollection(
        [p.points for p in scene.polygons], facecolors=[p.fill for p in scene.polygons]
    )
    axes.add_collection(cells)
    bars = PolyCollection([_corners(bar) for bar in scene.bars], facecolors="#111111", alpha=0.72)
    axes.add_collection(bars)
    for label in scene.labels:
        axes.text(
            label.x,
            label.y,
            label.text,
            parse_math=False,
            fontsize=label.size * 0.92,
            color=TONES[label.tone],
            ha=ANCHORS[label.anchor],
            va="baseline",
            weight="bold" if label.bold else "normal",
            family="DejaVu Sans",
        )
    widths = [curve.width for curve in scene.curves]
    lines = [flattened(curve) for curve in scene.curves]
    axes.add_collection(
        LineCollection(lines, linewidths=widths, colors=WAY, alpha=0.75, capstyle="round")
    )
    ends = [curve.end for curve in scene.curves]
    axes.scatter(
        [x for x, _ in ends], [y for _, y in ends],
        s=[(2 * (width + 1.2)) ** 2 for width in widths], color=WAY, linewidths=0, zorder=3,
    )  # fmt: skip


def _corners(bar: Bar) -> list[Point]:
    right, low = bar.x + bar.width, bar.y + bar.height
    return [(bar.x, bar.y), (right, bar.y), (right, low), (bar.x, low)]
