"""Compare a built wheel with the sources: every file of every package is in it, and nothing else.

A Python file beside no `__init__.py` is a script of the repository (examples/mnist makes its data
with two of them), not a part of a package.

python tools/check_wheel.py FOLDER      FOLDER holds one wheel
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "snnc": "snnc",
    "ir": "snnc/ir",
    "backends": "snnc/backends",
    "templates": "snnc/templates",
    "examples": "snnc/examples",
}


def expected(root: Path) -> set[str]:
    """Paths inside the wheel that the sources call for: every file of every package."""
    found = set()
    for folder, inside in FOLDERS.items():
        for path in (root / folder).rglob("*"):
            script = path.suffix == ".py" and not (path.parent / "__init__.py").exists()
            if path.is_file() and not script and "__pycache__" not in path.parts:
                found.add(f"{inside}/{path.relative_to(root / folder).as_posix()}")
    return found


def carried(wheel: Path) -> set[str]:
    """Paths inside the wheel, without its own metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def main() -> int:
    """Print what is missing or too much; 1 if anything is."""
    wheels = sorted(Path(sys.argv[1]).glob("*.whl"))
    if len(wheels) != 1:
        print(f"expected one wheel in {sys.argv[1]}, found {len(wheels)}")
        return 1
    want, have = expected(ROOT), carried(wheels[0])
    for name in sorted(want - have):
        print(f"missing from the wheel: {name} (see packages and package-data in pyproject.toml)")
    for name in sorted(have - want):
        print(f"not from the sources: {name}")
    if want == have:
        print(f"{wheels[0].name}: {len(have)} files, as in the sources")
    return int(want != have)


if __name__ == "__main__":
    sys.exit(main())
