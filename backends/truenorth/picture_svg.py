"""The picture of the mesh as SVG, written by hand: small, the same every time, light or dark."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.picture_mesh import mesh_of
from snnc.backends.truenorth.picture_scene import scene_of
from snnc.backends.truenorth.picture_shapes import (
    Bar,
    Curve,
    Label,
    Point,
    Polygon,
    Scene,
    steps_of,
)

TITLED = 600
"""Shapes up to which each says what it is when it is pointed at."""

STYLE = """\
.page{fill:#ffffff}.frame{fill:#f3f4f6;stroke:#d0d7de}
.ink{fill:#1f2328}.soft{fill:#59636e}.dark{fill:#000000}.light{fill:#ffffff}
.use{fill:#111111;fill-opacity:.72}.way{fill:none;stroke:#9c1150;stroke-opacity:.75}.end{fill:#9c1150}
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}.frame{fill:#161b22;stroke:#30363d}.ink{fill:#e6edf3}.soft{fill:#9198a1}
.way{stroke:#c2185b}.end{fill:#c2185b}}"""


def mesh_svg(core_map: CoreMap) -> str:
    """The mesh with its cores as an SVG document: layers, roles, use, and the heaviest links."""
    scene = scene_of(mesh_of(core_map))
    x, y, width, height = (number(value) for value in scene.frame)
    size = f"{number(scene.width)} {number(scene.height)}"
    wide, high = size.split()
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{wide}" '
            f'height="{high}" role="img" aria-label={quoteattr(scene.alternative)}>'
        ),
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{wide}" height="{high}"/>',
        f'<rect class="frame" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>',
        *_shapes(scene),
        f'<path class="use" d="{"".join(_bar(bar) for bar in scene.bars)}"/>',
        *_labels(scene.labels),
        '<g stroke-linecap="round">',
        *(line for curve in scene.curves for line in _curve(curve)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def number(value: float) -> str:
    """A number with at most one decimal."""
    text = f"{value:.1f}"
    return (text[:-2] if text.endswith(".0") else text).replace("-0", "0", text == "-0.0")


def _shapes(scene: Scene) -> list[str]:
    """A group per colour; in it a path per core, or one path of all cores where they are many."""
    groups: dict[str, list[Polygon]] = {}
    for polygon in scene.polygons:
        groups.setdefault(polygon.fill, []).append(polygon)
    titled = len(scene.polygons) <= TITLED
    found = []
    for fill, polygons in groups.items():
        found.append(f'<g fill="{fill}">')
        if titled:
            found += [_titled(polygon) for polygon in polygons]
        else:
            found.append(f'<path d="{"".join(_path(p.points) for p in polygons)}"/>')
        found.append("</g>")
    return found


def _titled(polygon: Polygon) -> str:
    if not polygon.title:
        return f'<path d="{_path(polygon.points)}"/>'
    return f'<path d="{_path(polygon.points)}"><title>{escape(polygon.title)}</title></path>'


def _path(points: tuple[Point, ...]) -> str:
    """A closed path: where it starts, then steps, for they are short."""
    steps = []
    for x, y in steps_of(points):
        if y == 0:
            steps.append(f"h{number(x)}")
        elif x == 0:
            steps.append(f"v{number(y)}")
        else:
            steps.append(f"l{number(x)} {number(y)}")
    return f"M{_point(points[0])}{''.join(steps)}z"


def _bar(bar: Bar) -> str:
    wide = number(bar.width)
    return f"M{_point((bar.x, bar.y))}h{wide}v{number(bar.height)}h-{wide}z"


def _point(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _curve(curve: Curve) -> tuple[str, str]:
    x, y = _point(curve.end).split()
    way = f"M{_point(curve.start)}Q{_point(curve.control)} {_point(curve.end)}"
    return (
        f'<path class="way" stroke-width="{number(curve.width)}" d="{way}"/>',
        f'<circle class="end" cx="{x}" cy="{y}" r="{number(curve.width + 1.2)}"/>',
    )


def _labels(labels: tuple[Label, ...]) -> list[str]:
    found = []
    for label in labels:
        anchor = "" if label.anchor == "start" else f' text-anchor="{label.anchor}"'
        weight = ' font-weight="600"' if label.bold else ""
        found.append(
            f'<text class="{label.tone}" x="{number(label.x)}" y="{number(label.y)}" '
            f'font-size="{number(label.size)}"{anchor}{weight}>{escape(label.text)}</text>'
        )
    return found
