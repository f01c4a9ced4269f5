"""Pictures of a core map on the mesh: SVG, PNG and text.

Cores are coloured by layer and shaped by role; bars in them show how many of their neurons and
axons are in use, lines the pairs of cores with the most links. All say the same.
"""

from __future__ import annotations

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.picture_mesh import mesh_of
from snnc.backends.truenorth.picture_svg import mesh_svg
from snnc.backends.truenorth.picture_text import mesh_text

__all__ = ["mesh_png", "mesh_svg", "mesh_text"]


def mesh_png(core_map: CoreMap) -> bytes:
    """The mesh with its cores as a PNG file, two pixels for a unit of the SVG."""
    from snnc.backends.truenorth.picture_png import png_of  # matplotlib takes a second to load

    return png_of(mesh_of(core_map))
