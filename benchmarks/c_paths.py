"""Lists of spikes against tables of sums, for the rule in `snnc.backends.c.tables`.

    python benchmarks/c_paths.py [--samples 4] [--rounds 5]

The network of `c_kernels.py`, whose convolution reads a population that fires at a given rate, is
emitted twice: once with lists and once with tables, where there are tables for its size. One line
for each number of channels has the processor time with tables over that with lists, the best of
rounds that alternate, and the rate from which on tables are faster, between the two measured ones
beside it. Traces of both must be equal; exits with 1 where they are not. Needs no data.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from c_kernels import CHANNELS, STEPS, firing, firing_input

from snnc.backends.c.build import find_compiler
from snnc.backends.c.emit import sources
from snnc.backends.c.inputs import bring
from snnc.backends.c.proof import differing
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
            bad += differing(lists.run(x), tables.run(x)) is not None
            ratios.append(_ratio(lists, tables, x, options.rounds))
        shown = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        rule = break_even(-(-channels // 16) * 16)
        ends = "- | lists" if rule is None else f"{_equal_at(ratios)} | from {100 * rule:.0f} %"
        print(f"| {channels} | {shown} | {ends} |", flush=True)
    return 1 if bad else 0


def _ratio(lists: CSimulator, tables: CSimulator, x: Array, rounds: int) -> float:
    """Processor time with tables over that with lists."""
    brought = bring(lists.network, x, None, 0)
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for index, program in enumerate((tables, lists)):
            start = time.process_time()
            program.execute(brought)
            best[index] = min(best[index], time.process_time() - start)
    return best[0] / best[1]


def _equal_at(ratios: list[float]) -> str:
    """The rate from which on tables take less time, on the line between two measured ones."""
    above = [i for i, ratio in enumerate(ratios) if ratio >= 1.0]
    if not above:
        return f"below {100 * RATES[0]:.0f} %"
    if above[-1] == len(RATES) - 1:
        return "never"
    last = slice(above[-1], above[-1] + 2)
    found = np.interp(0.0, [1 - ratio for ratio in ratios[last]], RATES[last])
    return f"{100 * float(found):.0f} %"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, nargs="+", default=[2, *CHANNELS[:5]])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
