"""Networks compiled for target loihi in Lava: is every spike that of the reference simulator?

    python benchmarks/lava_equality.py                                # the models of DEFAULT
    python benchmarks/lava_equality.py mnist_lenet --images 5 --fast
    python benchmarks/lava_equality.py PROGRAM_DIRECTORY --data DATA

An argument is a model by its name below `models/`, compiled here, or a program directory with the
data to run it on. `mnist_lenet:ttfs=32` compiles it for one spike per neuron, in windows of 32
steps. Prints a row per network: what was compared, whether all agrees, and how many
time steps of the machine Lava does per second, counted between the first image and the last. Exits
with 1 where anything differs. Needs Python 3.10 with Lava, or what `snnc run --on lava` falls back
to.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from models import CALIBRATION, MODELS, MULTI_EXIT, QUANTISED, Model

import snnc
from snnc.backends.loihi.compare import Difference, compare
from snnc.backends.loihi.engine import run_in_lava
from snnc.driver.compiled import Compiled
from snnc.driver.samples import open_inputs
from snnc.ir.latency import machine_steps

ALL = MODELS | QUANTISED | MULTI_EXIT
DEFAULT = ("mnist_lenet", "mnist_cnn_qcfs_L4", "mnist_cnn_lsq2_qcdq", "mnist_lenet:ttfs=32")
TTFS = ":ttfs="
PASSES = "fold-batch-norm,fuse-linear,max-pool,normalize,schedule-ttfs{{window={window}}}"
COLUMNS = (
    *("network", "steps", "images", "spikes compared", "first difference"),
    *("stopped at", "seconds", "machine steps/s"),
)


def main() -> int:
    """Print the table as Markdown; 1 if anything differs."""
    options = _options()
    model = "the program's event-driven Conv" if options.fast else "Lava's own Conv"
    print(f"first {options.images} test images, {model}\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    different = 0
    for name in options.networks or DEFAULT:
        with tempfile.TemporaryDirectory() as folder:
            compiled, data = _compiled(name, options, Path(folder) / "program")
            row, difference = measure(compiled, data, options)
        different += difference is not None
        print(f"| {' | '.join([Path(name).name, *row])} |", flush=True)
    return 1 if different else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="MODEL|DIR")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--steps", type=int, help="of models that are compiled here")
    parser.add_argument("--exit", help="exit policy of models that are compiled here")
    parser.add_argument("--data", help="for program directories")
    parser.add_argument("--fast", action="store_true", help="the program's own model of Conv")
    parser.add_argument("--full-length", action="store_true", help="let no sample stop early")
    return parser.parse_args()


def _compiled(name: str, options: argparse.Namespace, folder: Path) -> tuple[Compiled, str]:
    """A program with the data to run it on."""
    name, timed, window = name.partition(TTFS)
    if name not in ALL:
        if not options.data:
            sys.exit(f"{name} is no model; with a program directory give --data")
        return snnc.load(name), options.data
    model: Model = ALL[name]
    wishes: dict[str, Any] = {"steps": options.steps} if options.steps else {}
    if options.exit:
        wishes["exit"] = options.exit
    if timed:
        wishes["passes"] = PASSES.format(window=int(window))
    made = snnc.compile(
        model.path,
        target="loihi",
        calibration=model.split(CALIBRATION),
        preprocessing=model.preprocessing,
        **wishes,
    )
    made.save(folder)
    return snnc.load(folder), model.split("test")


def measure(
    compiled: Compiled, data: str, options: argparse.Namespace
) -> tuple[list[str], Difference | None]:
    """A row of the table, and the first difference."""
    part = f"{data}[:{options.images}]"
    samples = open_inputs(compiled.network, part, compiled.preprocessing, None)
    x = np.concatenate([batch for batch, _ in samples.batches(len(samples))])
    network, exits = compiled.network, not options.full_length
    arguments: dict[str, Any] = {"exits": exits, "fast": options.fast}
    seconds = []
    for count in (1, len(x)):
        begin = time.perf_counter()
        found = run_in_lava(Path(compiled.path), network, x[:count], **arguments)
        seconds.append(time.perf_counter() - begin)
    difference = compare(network, x, found, exits=exits)
    spikes = sum(int(counts.sum()) for counts in found.spikes.values())
    steps = machine_steps(network) + 1
    ran = steps * len(x)
    stopped = "-"
    if found.exits is not None:
        stopped = f"{found.exits.step.mean():.2f}"
        ran = int(found.exits.step.sum()) + (steps - found.steps) * len(x)
    rate = ran * (len(x) - 1) / len(x) / max(1e-9, seconds[1] - seconds[0])
    told = "none" if difference is None else str(difference)
    row = [str(found.steps), str(len(x)), f"{spikes:,}", told, stopped]
    return [*row, f"{seconds[1]:.1f}", f"{rate:,.0f}" if len(x) > 1 else "-"], difference


if __name__ == "__main__":
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the processes of Lava
    sys.exit(main())
