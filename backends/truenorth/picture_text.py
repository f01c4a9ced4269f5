"""The picture of the mesh as text: a letter for each core by its layer."""

from __future__ import annotations

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.picture_mesh import Mesh, Row, mesh_of
from snnc.backends.truenorth.picture_shapes import ROLE_WORDS, share, short

NARROW = 38
"""Columns of the mesh up to which letters stand apart, so that the mesh looks square."""


def mesh_text(core_map: CoreMap) -> str:
    """The mesh with its cores as lines of at most 80 characters, for terminals."""
    mesh = mesh_of(core_map)
    parts = [[f"{short(mesh.name, 60)}: {mesh.facts[0]}"], _cells(mesh), _legend(mesh)]
    parts.append(_helpers(mesh))
    parts.append(list(mesh.facts[1:]))
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _cells(mesh: Mesh) -> list[str]:
    letters = [["."] * mesh.columns for _ in range(mesh.rows)]
    for cell in mesh.cells:
        own = mesh.layers[cell.layer].letter
        letters[cell.place[1]][cell.place[0]] = own if cell.role == "compute" else own.lower()
    between = " " if mesh.columns <= NARROW else ""
    return [between.join(line) for line in letters]


def _legend(mesh: Mesh) -> list[str]:
    rows: list[tuple[str, ...]] = [("", "layer", "cores", "helpers", "neurons", "axons")]
    rows += [_row(row) for row in mesh.layers]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _helpers(mesh: Mesh) -> list[str]:
    """What small letters are, one line for each role."""
    found = []
    for role in mesh.roles:
        count = sum(cell.role == role for cell in mesh.cells)
        if role != "compute":
            found.append(f"  {role}: {ROLE_WORDS[role]} ({count:,})")
    return ["small letters: helpers", *found] if found else []


def _row(row: Row) -> tuple[str, ...]:
    counts = (f"{row.cores:,}", f"{row.helpers:,}")
    return (row.letter, short(row.name, 32), *counts, share(row.neurons), share(row.axons))
