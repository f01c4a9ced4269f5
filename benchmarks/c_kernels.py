"""What the C program's kernels do per second, against spike rate, channels, threads, T and images.

    python benchmarks/c_kernels.py [--samples 16] [--rounds 5]

A network of one 3 x 3 convolution of C to C channels on 16 x 16 positions gets random spikes of a
given rate for 32 steps. A weight is a byte, so a weight addition moves a byte: `bytes/s` names
both. `limit` is what this machine reaches when the same additions run over rows that lie in the
first-level cache, or in the second-level one where the layer's weights do not fit the first,
measured in the same process; `share` is the layer's part of it. Then time against T and against the
number of images, and the memory of a thread. Needs no data.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
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
FIRST_LEVEL = 32 << 10

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
    near, far = limits(compiler, options.rounds)
    print(
        f"limit: {near / 1e9:.1f} G bytes/s from the first-level cache, {far / 1e9:.1f} from ",
        end="",
    )
    print(f"the second, one core; {options.samples} samples, {options.rounds} rounds, medians\n")
    print("| channels | rate | threads | G additions/s | share | ms/sample | G MACs' worth/s |")
    print("|---|---|---|---|---|---|---|")
    for channels in options.channels:
        limit = near if 9 * channels * channels <= FIRST_LEVEL else far
        for rate in RATES:
            for threads in (1, 2) if rate == 0.1 else (1,):
                _row(channels, rate, threads, limit, compiler, options)
    _growth(compiler, options)
    return 0


def limits(compiler: str, rounds: int) -> tuple[float, float]:
    """Bytes per second that are added as weights from the first two levels of cache."""
    with tempfile.TemporaryDirectory() as place:
        source, library = Path(place) / "limit.c", Path(place) / "limit.so"
        source.write_text(LIMIT)
        command = [compiler, "-std=c11", "-O3", "-march=native", "-fPIC", "-shared"]
        subprocess.run([*command, "-o", str(library), str(source)], check=True)
        code = ctypes.CDLL(str(library))
        found = [_limit(code, size, rounds) for size in (16 << 10, 192 << 10)]
    return found[0], found[1]


def _limit(code: ctypes.CDLL, size: int, rounds: int) -> float:
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, size).astype(np.int8)
    rows = (rng.integers(0, size // 64, 4096) * 64).astype(np.uint32)
    pointers = ctypes.c_void_p(weights.ctypes.data), ctypes.c_void_p(rows.ctypes.data)
    best = 0.0
    for _ in range(rounds + 1):
        start = time.perf_counter()
        code.add_rows(*pointers, len(rows), 2000)
        best = max(best, 2000 * len(rows) * 64 / (time.perf_counter() - start))
    return best


def _row(
    channels: int,
    rate: float,
    threads: int,
    limit: float,
    compiler: str,
    options: argparse.Namespace,
) -> None:
    network = convolution(channels, STEPS)
    seconds, additions = timed(network, rate, threads, compiler, options)
    speed = additions / seconds
    worth = options.samples * STEPS * 9 * channels * channels * SIZE * SIZE / seconds
    print(
        f"| {channels} | {rate:.2f} | {threads} | {speed / 1e9:.1f} "
        f"| {100 * speed / limit / threads:.0f} % | {1e3 * seconds / options.samples:.2f} "
        f"| {worth / 1e9:.0f} |",
        flush=True,
    )


def timed(
    network: m.Network, rate: float, threads: int, compiler: str, options: argparse.Namespace
) -> tuple[float, float]:
    """Median seconds of a run, and the weight additions that it makes."""
    program = CSimulator(network, compiler=compiler, threads=threads)
    assert network.schedule is not None
    frames = spikes(network.inputs[0].shape, rate, network.schedule.steps, options.samples)
    brought = bring(network, frames, None, 0)
    taken = []
    for _ in range(options.rounds + 1):
        start = time.perf_counter()
        program.execute(brought)
        taken.append(time.perf_counter() - start)
    operations = program.run(frames[:, :2]).synops["x"].mean() * options.samples
    return statistics.median(taken[1:]), float(operations)


def spikes(shape: tuple[int, ...], rate: float, steps: int, samples: int) -> Array:
    """Random events (T, N, *shape) of a rate."""
    rng = np.random.default_rng(1)
    return (rng.random((steps, samples, *shape), np.float32) < rate).astype(np.int32)


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
        network = convolution(32, steps)
        sized = argparse.Namespace(samples=samples, rounds=options.rounds)
        seconds, _ = timed(network, 0.1, 1, compiler, sized)
        memory = CSimulator(network, compiler=compiler).state_bytes
        each = 1e3 * seconds / samples / steps
        print(f"| {steps} | {samples} | {each:.4f} | {memory / 1024:.0f} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, nargs="+", default=list(CHANNELS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
