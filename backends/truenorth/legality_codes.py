"""The diagnostics of core maps and their files, SN565 to SN585."""

from __future__ import annotations

CODES: dict[str, str] = {}
