"""Put the real output of `snnc demo` into README.md, between its marker and the end of the block.

make readme
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- numbers: output of `snnc demo`.*?-->\n```\n).*?(\n```\n)", re.DOTALL)


def demo_output() -> str:
    """What the demo prints, with paths from the top of the checkout."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["snnc", "demo"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "100"},
        )
    lines = done.stdout.replace(f"{ROOT}{os.sep}", "").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def with_output(page: str, output: str) -> str:
    """The page with the output in its place; ValueError if the page has no such place."""
    changed, places = BLOCK.subn(lambda match: f"{match[1]}{output}{match[2]}", page)
    if places != 1:
        raise ValueError(f"README.md has {places} places for the demo's output, expected 1")
    return changed


def main() -> int:
    """Rewrite README.md."""
    readme = ROOT / "README.md"
    page = with_output(readme.read_text(encoding="utf-8"), demo_output())
    readme.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
