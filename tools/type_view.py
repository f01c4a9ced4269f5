"""Make `.view/snnc`, a tree of links in the shape of the installed package, for type checkers.

The code folders lie at the top level and setuptools maps them under `snnc`; mypy does not read
that map, so it is given a folder where the packages stand as they are imported.
"""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAPPED = ("ir", "backends", "templates", "examples")


def main() -> None:
    """Remake the link tree; whatever stood there before is removed."""
    view = ROOT / ".view" / "snnc"
    shutil.rmtree(view.parent, ignore_errors=True)
    view.mkdir(parents=True)
    for entry in sorted((ROOT / "snnc").iterdir()):
        if entry.name != "__pycache__":
            (view / entry.name).symlink_to(entry)
    for name in MAPPED:
        (view / name).symlink_to(ROOT / name)


if __name__ == "__main__":
    main()
