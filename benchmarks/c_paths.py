"""Lists of spikes against tables of sums, for the rule in `snnc.backends.c.tables`.

    python benchmarks/c_paths.py [--samples 4] [--rounds 5]

The network of `c_kernels.py`, whose convolution reads a population that fires at a given rate, is
emitted twice: once with lists and once with tables, where there are tables for its size. One line
for each number of channels has the time of a sample with tables over that with lists, medians of
rounds that alternate, and the rate at which they are equal, between the two measured ones beside
it. Traces of both must be equal; exits with 1 where they are not. Needs no data.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np
from c_kernels import CHANNELS, STEPS, firing, firing_input
from c_speed import same

from snnc.backends.c.build import find_compiler
from snnc.backends.c.emit import sources
from snnc.backends.c.inputs import bring
from snnc.backends.c.simulator import CSimulator
from snnc.backends.c.tables import break_even
from snnc.ir.tensors import Array

RATES = (0.01, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


def main() -> int:
    """Print the table as Markdown; 1 where the two ways differ."""
    options = _options()
    compiler = find_compiler()
    if compiler is None:
        sys.exit("there is no C compiler")
    rates = " | ".join(f"{100 * rate:.0f} %" for rate in RATES)
    print("processor time with tables over that with lists, by spike rate\n")
    print(f"| channels | {rates} | equal at | rule |")
    print("|---" * (len(RATES) + 3) + "|")
    bad = 0
    for channels in options.channels:
        network = firing(channels, STEPS)
        lists, tables = (
            CSimulator(network, compiler=compiler, threads=1, files=sources(network, known))
            for known in ({}, {"source": 1.0})
        )
        ratios = []
        for rate in RATES:
            x = firing_input(network, rate, options.samples)
            bad += not same(lists.run(x), tables.run(x))
            ratios.append(_ratio(lists, tables, x, options.rounds))
        shown = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        rule = break_even(-(-channels // 16) * 16)
        rule_text = "lists" if rule is None else f"from {100 * rule:.0f} %"
        print(f"| {channels} | {shown} | {_equal_at(ratios)} | {rule_text} |", flush=True)
    return 1 if bad else 0


def _ratio(lists: CSimulator, tables: CSimulator, x: Array, rounds: int) -> float:
    """Processor time with tables over that with lists."""
    brought = bring(lists.network, x, None, 0)
    found = []
    for _ in range(rounds):
        taken = []
        for program in (tables, lists):
            start = time.process_time()
            program.execute(brought)
            taken.append(time.process_time() - start)
        found.append(taken[0] / taken[1])
    return statistics.median(found)


def _equal_at(ratios: list[float]) -> str:
    """The rate at which both ways take the same time, on the line between two measured ones."""
    below = [i for i, ratio in enumerate(ratios) if ratio < 1.0]
    if not below:
        return "never"
    if below[0] == 0:
        return f"below {100 * RATES[0]:.0f} %"
    second = below[0]
    found = np.interp(
        0.0, [1 - ratios[second - 1], 1 - ratios[second]], RATES[second - 1 : second + 1]
    )
    return f"{100 * float(found):.0f} %"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, nargs="+", default=[2, *CHANNELS[:5]])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
