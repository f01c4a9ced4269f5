"""What the C program's kernels do per second, against spike rate, channels, threads, T and images.

    python benchmarks/c_kernels.py [--samples 4] [--rounds 5]

A population of C channels on 16 x 16 positions fires at a given rate for 32 steps, and one 3 x 3
convolution to C channels reads it. A weight is a byte, so a weight addition moves a byte: `G
additions/s` names both. `limit` is what this machine reaches when the same additions run over rows
in random order that take as much memory as the layer's weights (of 128 channels, where it has
more), measured in the same process, and the cache that holds them. `share` is the layer's part of
it, which is also the part of the time that the additions need at the limit. `still` is the part
that the same program takes without a spike: it starts a sample, takes the steps of all neurons,
looks for spikes and writes what happened. The rest are lists of spikes, sums that are begun and
ended for each output position, and additions of zeros where positions share a row. One thread is
measured in processor time, two are in time on the wall, so that other work on the machine shows in
these alone; the best of some rounds counts. Then time against T and against the number of images,
and the memory of a thread. Needs no data.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from snnc.backends.c.build import find_compiler
from snnc.backends.c.inputs import bring
from snnc.backends.c.simulator import CSimulator
from snnc.ir import model as m
from snnc.ir.tensors import Array

STEPS = 32
SIZE = 16
RATES = (0.01, 0.05, 0.1, 0.2, 0.5)
CHANNELS = (8, 16, 32, 64, 128, 256, 512)
LEVELS = {"L1": 32 << 10, "L2": 512 << 10, "L3": 1 << 40}
"""Caches, and how many bytes they hold."""
WIDEST = 128
"""Channels whose weights are added in one go; more are taken in slices."""

LIMIT = r"""
#include <stdint.h>
#include <string.h>
typedef uint16_t words __attribute__((vector_size(32)));
typedef int16_t halves __attribute__((vector_size(32)));
/* Add rows of 64 weights in random order, as snn_sum8_64 does; returns something of the sums. */
int add_rows(const int8_t *weights, const uint32_t *list, int count, int rounds)
{
    int found = 0;
    for (int k = 0; k < rounds; ++k) {
        words w0 = {0}, w1 = {0}, h0 = {0}, h1 = {0};
        for (int i = 0; i < count; ++i) {
            words r0, r1;
            memcpy(&r0, weights + list[i], sizeof r0);
            memcpy(&r1, weights + list[i] + 32, sizeof r1);
            w0 += r0;
            w1 += r1;
            h0 += (words)((halves)r0 >> 8);
            h1 += (words)((halves)r1 >> 8);
        }
        w0 += w1 + h0 + h1;
        found += w0[k & 15];
    }
    return found;
}
"""


def main() -> int:
    """Print the tables as Markdown."""
    options = _options()
    compiler = find_compiler()
    if compiler is None:
        sys.exit("there is no C compiler")
    print(f"{options.samples} samples or more, the best of {options.rounds} rounds in turns\n")
    columns = "channels | rate | threads | G additions/s | limit | share | still | rest | ms/sample"
    print(f"| {columns} |\n|{9 * '---|'}")
    with tempfile.TemporaryDirectory() as place:
        code = _additions(compiler, Path(place))
        for channels in options.channels:
            _rows(channels, code, compiler, options)
    _growth(compiler, options)
    return 0


def _additions(compiler: str, place: Path) -> ctypes.CDLL:
    """The library that adds rows and does nothing else."""
    source, library = place / "limit.c", place / "limit.so"
    source.write_text(LIMIT)
    command = [compiler, "-std=c11", "-O3", "-march=native", "-fPIC", "-shared"]
    subprocess.run([*command, "-o", str(library), str(source)], check=True)
    return ctypes.CDLL(str(library))


def _limit(code: ctypes.CDLL, size: int, rounds: int) -> float:
    """Bytes per second that one core adds as weights, of `size` bytes of them."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, size).astype(np.int8)
    rows = (rng.integers(0, size // 64, 65536) * 64).astype(np.uint32)
    pointers = ctypes.c_void_p(weights.ctypes.data), ctypes.c_void_p(rows.ctypes.data)
    best = 0.0
    for _ in range(rounds + 1):
        start = time.process_time()
        code.add_rows(*pointers, len(rows), 100)
        best = max(best, 100 * len(rows) * 64 / (time.process_time() - start))
    return best


def _rows(channels: int, code: ctypes.CDLL, compiler: str, options: argparse.Namespace) -> None:
    network = firing(channels, STEPS)
    size = 9 * channels * min(channels, WIDEST)
    level = next(name for name, most in LEVELS.items() if size <= most)
    reached = _limit(code, max(size, 1 << 12), options.rounds)
    samples = options.samples * max(1, 64 // channels)
    for threads in (1, 2):
        program = CSimulator(network, compiler=compiler, threads=threads)
        inputs = {
            rate: firing_input(network, rate, samples)
            for rate in (0.0, *(RATES if threads == 1 else (0.1,)))
        }
        taken = timed(program, inputs, options.rounds, threads)
        for rate, seconds in taken.items():
            if rate == 0.0:
                continue
            additions = float(program.run(inputs[rate][:2]).synops["source"].mean()) * samples
            limit, speed = reached * threads, additions / seconds
            idle, added = taken[0.0] / seconds, speed / limit
            print(
                f"| {channels} | {rate:.2f} | {threads} | {speed / 1e9:.1f} "
                f"| {limit / 1e9:.0f} {level} | {100 * added:.0f} % | {100 * idle:.0f} % "
                f"| {100 * max(0.0, 1 - idle - added):.0f} % | {1e3 * seconds / samples:.2f} |",
                flush=True,
            )


def timed(
    program: CSimulator, inputs: dict[float, Array], rounds: int, threads: int = 1
) -> dict[float, float]:
    """Fewest seconds of a run with each input, in turns: of processor time with one thread."""
    brought = {name: bring(program.network, x, None, 0) for name, x in inputs.items()}
    clock = time.process_time if threads == 1 else time.perf_counter
    best = dict.fromkeys(inputs, float("inf"))
    for _ in range(rounds + 1):
        for name, given in brought.items():
            start = clock()
            program.execute(given)
            best[name] = min(best[name], clock() - start)
    return best


def convolution(channels: int, steps: int) -> m.Network:
    """Events, one convolution whose neurons rarely fire, and a small read-out."""
    rng = np.random.default_rng(0)
    arrays = {
        "conv": rng.integers(-127, 128, (channels, channels, 3, 3)).astype(np.int8),
        "out": np.ones((2, channels), np.int8),
        "pool": np.ones((channels, 1, SIZE, SIZE), np.int8),
    }
    conv = m.Conv2d(m.Ref("conv"), pads=(1, 1, 1, 1))
    pool = m.Conv2d(m.Ref("pool"), groups=channels)
    shape = (channels, SIZE, SIZE)
    populations = (
        m.Population("conv", shape, m.IF(1e6), incoming=(m.Incoming("x", (conv,)),)),
        m.Population("pool", (channels, 1, 1), m.IF(4.0), incoming=(m.Incoming("conv", (pool,)),)),
        m.Population(
            "out",
            (2,),
            m.Integrator(),
            incoming=(m.Incoming("pool", (m.Flatten(), m.Dense(m.Ref("out")))),),
        ),
    )
    return m.Network(
        "kernels",
        "fixed",
        (m.Input("x", "f32", shape, m.Events(1)),),
        populations,
        (m.Head("out", "out", m.Membrane()),),
        schedule=m.Synchronous(steps),
    ).with_arrays(arrays)


def firing(channels: int, steps: int) -> m.Network:
    """A convolution that reads a population, whose currents are the input.

    An input of 1000 * rate lets it fire at that rate, as regularly as converted networks do, each
    neuron in a phase of its own.
    """
    found = convolution(channels, steps)
    shape = (channels, SIZE, SIZE)
    phases = np.random.default_rng(2).integers(0, 1000, shape).astype(np.int32)
    neuron = m.IF(1000.0, v_init=m.Ref("phases"))
    source = m.Population("source", shape, neuron, incoming=(m.Incoming("x"),))
    conv = found.population("conv")
    moved = replace(conv, incoming=(m.Incoming("source", conv.incoming[0].ops),))
    entry = m.Input("x", "f32", shape, m.Graded(1.0, 1000, 0))
    populations = (source, moved, *found.populations[1:])
    return replace(found, inputs=(entry,), populations=populations).with_arrays({"phases": phases})


def firing_input(network: m.Network, rate: float, samples: int) -> Array:
    """What lets the source of `firing` fire at a rate."""
    return np.full((samples, *network.inputs[0].shape), 1000.0 * rate, np.float32)


def _growth(compiler: str, options: argparse.Namespace) -> None:
    print("\n| T | samples | ms/sample/step | KiB of a thread |\n|---|---|---|---|")
    for steps, samples in ((16, 16), (32, 16), (64, 16), (128, 16), (32, 8), (32, 32), (32, 64)):
        network = firing(32, steps)
        program = CSimulator(network, compiler=compiler, threads=1)
        taken = timed(program, {0.1: firing_input(network, 0.1, samples)}, options.rounds)
        each = 1e3 * taken[0.1] / samples / steps
        print(
            f"| {steps} | {samples} | {each:.4f} | {program.state_bytes / 1024:.0f} |", flush=True
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, nargs="+", default=list(CHANNELS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
