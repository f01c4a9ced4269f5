"""The codes that the sources of a package mention outside their table of explanations."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType


def raised_codes(package: ModuleType, pattern: str = r'"(SN\d{3})"') -> set[str]:
    """All codes that `pattern` finds in the package's files, tables of codes left out."""
    sources = (
        p
        for p in Path(next(iter(package.__path__))).rglob("*.py")
        if not p.name.endswith("codes.py")
    )
    return {c for p in sources for c in re.findall(pattern, p.read_text(encoding="utf-8"))}
