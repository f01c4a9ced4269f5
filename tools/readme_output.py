"""Put the real output of commands into README.md and the user guide, each behind its marker.

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
README, GUIDE = ROOT / "README.md", ROOT / "docs" / "user-guide.md"
EXAMPLE = ROOT / "examples" / "mnist"
COMPILE_QUANTISED = ("compile", str(EXAMPLE / "quantised.onnx"), "--divide", "255", "-o", "out")
EVAL_QUANTISED = ("eval", "out", "--data", f"{EXAMPLE / 'images.npz'}:test")
LAST_OF_SUMMARY = "spikes per sample"


def output_of(*arguments: str, folder: str) -> str:
    """What a snnc command prints in `folder`, with paths from the top of the checkout."""
    done = subprocess.run(
        ["snnc", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    lines = done.stdout.replace(f"{ROOT}{os.sep}", "").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def summary(output: str) -> str:
    """The lines of an evaluation up to the number of spikes."""
    lines = output.splitlines()
    last = next(i for i, line in enumerate(lines) if line.startswith(LAST_OF_SUMMARY))
    return "\n".join(lines[: last + 1])


def with_output(page: str, name: str, output: str) -> str:
    """The page with the output in the block behind `<!-- numbers: output of NAME ... -->`.

    Raises:
        ValueError: the page has no such place, or several.
    """
    marker = rf"<!-- numbers: output of {re.escape(name)}[^\n]*-->\n"
    block = re.compile(rf"({marker}```\n).*?(\n```\n)", re.DOTALL)
    changed, places = block.subn(lambda match: f"{match[1]}{output}{match[2]}", page)
    if places != 1:
        raise ValueError(f"the page has {places} places for the output of {name}, expected 1")
    return changed


def main() -> int:
    """Rewrite README.md and the user guide."""
    with tempfile.TemporaryDirectory() as folder:
        demo = output_of("demo", folder=folder)
        compiled = output_of(*COMPILE_QUANTISED, folder=folder)
        evaluated = output_of(*EVAL_QUANTISED, folder=folder)
    readme = with_output(README.read_text(encoding="utf-8"), "`snnc demo`", demo)
    readme = with_output(readme, "`snnc eval`", summary(evaluated))
    guide = with_output(GUIDE.read_text(encoding="utf-8"), "`snnc compile`", compiled)
    guide = with_output(guide, "`snnc eval`", evaluated)
    README.write_text(readme, encoding="utf-8")
    GUIDE.write_text(guide, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
