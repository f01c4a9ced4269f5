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
IMAGES = EXAMPLE / "images.npz"
EVAL_QUANTISED = ("eval", "out", "--data", f"{IMAGES}:test")
COMPILE_EXITS = (
    *("compile", str(EXAMPLE / "multi_exit.onnx"), "--calibration", f"{IMAGES}:train"),
    *("--divide", "255", "--exit", "confidence", "--exit-data", f"{IMAGES}:test[:250]"),
    *("-o", "early"),
)
EVAL_EXITS = ("eval", "early", "--data", f"{IMAGES}:test[250:]", "--plot", "plots")
COMPILE_TIMES = (
    *("compile", str(EXAMPLE / "model.onnx"), "--coding", "ttfs"),
    *("--calibration", f"{IMAGES}:train", "--divide", "255", "-o", "once"),
)
EVAL_TIMES = ("eval", "once", "--data", f"{IMAGES}:test")
COMPILE_LOIHI = (
    *("compile", str(EXAMPLE / "model.onnx"), "--target", "loihi"),
    *("--calibration", f"{IMAGES}:train", "--divide", "255", "-o", "lava"),
)
RUN_LAVA = ("run", "lava", "--inputs", f"{IMAGES}:test[:4]", "--on", "lava")
EVAL_LOIHI = ("eval", "lava", "--data", f"{IMAGES}:test")
COMPILE_MAP = (
    *("compile", str(EXAMPLE / "grouped.onnx"), "--target", "truenorth"),
    *("--calibration", f"{IMAGES}:train", "--divide", "255", "-o", "map"),
)
RUN_MAP = ("run", "map", "--inputs", f"{IMAGES}:test")
PICTURE = "exit_accuracy.svg"
MESH = "mesh.svg"
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


def part(output: str, first: str, before: str) -> str:
    """The lines of an evaluation from the one that starts with `first` to the one before another.

    Raises:
        ValueError: one of the two is not there.
    """
    lines = output.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(first)]
    begin = min(starts, default=len(lines))
    ends = [i for i, line in enumerate(lines) if line.startswith(before) and i > begin]
    if not ends:
        raise ValueError(f"the output has no line {first!r} with a line {before!r} behind it")
    return "\n".join(lines[begin : ends[0]]).rstrip()


def rest(output: str, first: str) -> str:
    """The lines of an output from the one that starts with `first` on.

    Raises:
        ValueError: there is none.
    """
    lines = output.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(first)]
    if not starts:
        raise ValueError(f"the output has no line {first!r}")
    return "\n".join(lines[starts[0] :])


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
        compiled_exits = output_of(*COMPILE_EXITS, folder=folder)
        exits = output_of(*EVAL_EXITS, folder=folder)
        output_of(*COMPILE_TIMES, folder=folder)
        times = output_of(*EVAL_TIMES, folder=folder)
        fit = part(output_of(*COMPILE_LOIHI, folder=folder), "Does it fit?", "mean use")
        lava = output_of(*RUN_LAVA, folder=folder)
        whole = rest(output_of(*EVAL_LOIHI, folder=folder), "whole numbers")
        cores = rest(output_of(*COMPILE_MAP, folder=folder), "Cores of")
        mapped = part(output_of(*RUN_MAP, folder=folder), "500 samples", "first 10")
        mesh = (Path(folder) / "map" / MESH).read_bytes()
        picture = (Path(folder) / "plots" / PICTURE).read_bytes()
    readme = with_output(README.read_text(encoding="utf-8"), "`snnc demo`", demo)
    readme = with_output(readme, "`snnc eval`", summary(evaluated))
    shown = part(exits, "per sample", "energy")
    readme = with_output(readme, "`snnc eval with exits`", shown)
    readme = with_output(readme, "`snnc eval of spike times`", summary(times))
    readme = with_output(readme, "`snnc compile --target loihi`", fit)
    readme = with_output(readme, "`snnc run --on lava`", lava)
    readme = with_output(readme, "`snnc compile --target truenorth`", cores)
    readme = with_output(readme, "`snnc run of a core map`", mapped)
    guide = with_output(GUIDE.read_text(encoding="utf-8"), "`snnc compile`", compiled)
    guide = with_output(guide, "`snnc eval`", evaluated)
    guide = with_output(guide, "`snnc compile --exit`", compiled_exits)
    guide = with_output(guide, "`snnc eval with exits`", part(exits, "per sample", "layers"))
    guide = with_output(guide, "`snnc eval --coding ttfs`", times)
    guide = with_output(guide, "`snnc eval of a loihi program`", whole)
    README.write_text(readme, encoding="utf-8")
    GUIDE.write_text(guide, encoding="utf-8")
    (ROOT / "docs" / PICTURE).write_bytes(picture)
    (ROOT / "docs" / MESH).write_bytes(mesh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
