"""All diagnostic codes of snnc in one table, for `snnc explain`."""

from __future__ import annotations

from importlib import import_module

TABLES = (
    "snnc.ir.codes",
    "snnc.backends.codes",
    "snnc.backends.truenorth.codes",
    "snnc.backends.truenorth.legality_codes",
    "snnc.frontend.codes",
    "snnc.options",
    "snnc.passes.codes",
    "snnc.exits.codes",
    "snnc.data.codes",
    "snnc.program_codes",
    "snnc.cli.codes",
)
"""The modules that explain codes, each in a dictionary `CODES`."""


def all_codes() -> dict[str, str]:
    """Every code with its explanation, sorted by code.

    Raises:
        ValueError: two tables explain the same code (a bug, caught by a test).
    """
    merged: dict[str, str] = {}
    for module in TABLES:
        table: dict[str, str] = import_module(module).CODES
        twice = sorted(set(merged) & set(table))
        if twice:
            raise ValueError(f"{module} explains {', '.join(twice)} a second time")
        merged.update(table)
    return dict(sorted(merged.items()))
