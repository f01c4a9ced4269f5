"""Whether a MobileNet fits on Loihi chips: cores, chips and use beside NxTF's published figures.

    python benchmarks/mobilenet_fit.py [--size 128] [--width 8] [--limit 60] [--json]

Builds MobileNet 1.0 (Howard et al. 2017: 28 layers, 4.2 M weights) for images of 128 x 128 as a
network of stage `fixed` with seeded random int8 weights, and lays it out: for Loihi 1 with neurons
of one compartment (reset to zero), as NxTF did; with a soft reset, which takes two compartments;
and for Loihi 2, whose limits are estimates. Exits with 1 if any of it took longer than `--limit`
seconds.

NxTF (Rueckauer et al., arXiv 2101.04261, abstract): 80 % of the compartments of 16 chips.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np

from snnc.backends.loihi.chips import load_chip
from snnc.backends.loihi.fit import fit
from snnc.ir import model as m

BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *(((512, 1),) * 5),
    (1024, 2),
    (1024, 1),
)
"""Output channels and stride of each depthwise separable pair."""

CASES: tuple[tuple[str, m.Reset], ...] = (
    ("loihi1", "zero"),
    ("loihi1", "subtract"),
    ("loihi2", "subtract"),
)


class Builder:
    """Adds layers one after the other; weights come from one seeded generator."""

    def __init__(self, size: int, reset: m.Reset) -> None:
        self.random = np.random.default_rng(0)
        self.neuron = m.IF(threshold=64.0, reset=reset)
        self.populations: list[m.Population] = []
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.source, self.shape = "image", (3, size, size)

    def weight(self, shape: tuple[int, ...]) -> m.Ref:
        """A new int8 tensor."""
        name = f"w{len(self.arrays)}"
        self.arrays[name] = self.random.integers(-127, 128, shape, np.int8)
        return m.Ref(name)

    def conv(self, name: str, channels: int, kernel: int, stride: int, groups: int = 1) -> None:
        """A convolution that keeps the size of the image but for its stride."""
        inputs, *size = self.shape
        before = (kernel - 1) // 2
        op = m.Conv2d(
            self.weight((channels, inputs // groups, kernel, kernel)),
            (stride, stride),
            (before, before, before, before),
            groups=groups,
        )
        rows, columns = (-(-n // stride) for n in size)
        self.add(name, (channels, rows, columns), self.neuron, (op,))

    def add(
        self, name: str, shape: tuple[int, ...], neuron: m.Neuron, ops: tuple[m.Operator, ...]
    ) -> None:
        """A population that reads the one before it."""
        incoming = (m.Incoming(self.source, ops),)
        self.populations.append(m.Population(name, shape, neuron, incoming=incoming))
        self.source, self.shape = name, shape

    def network(self, size: int) -> m.Network:
        """What was built, with one head."""
        last = self.populations[-1].name
        return m.Network(
            name="mobilenet",
            stage="fixed",
            inputs=(m.Input("image", "f32", (3, size, size), m.Events()),),
            populations=tuple(self.populations),
            heads=(m.Head("logits", last, m.Membrane()),),
            schedule=m.Synchronous(32),
        ).with_arrays(self.arrays)


def mobilenet(size: int, reset: m.Reset) -> m.Network:
    """MobileNet 1.0: a convolution, 13 depthwise separable pairs, an average pool, a matrix."""
    builder = Builder(size, reset)
    builder.conv("conv0", 32, 3, 2)
    for number, (channels, stride) in enumerate(BLOCKS, start=1):
        inputs = builder.shape[0]
        builder.conv(f"depthwise{number}", inputs, 3, stride, groups=inputs)
        builder.conv(f"pointwise{number}", channels, 1, 1)
    channels, rows, columns = builder.shape
    builder.arrays["mean"] = np.ones((channels, 1, rows, columns), np.int8)
    pool = m.Conv2d(m.Ref("mean"), groups=channels)
    builder.add("pool", (channels, 1, 1), builder.neuron, (pool,))
    dense = m.Dense(builder.weight((1000, channels)))
    builder.add("classifier", (1000,), m.Integrator(), (m.Flatten(), dense))
    return builder.network(size)


def main() -> None:
    """Lay the network out on both chips and compare."""
    args = parse()
    rows = [measure(chip, reset, args) for chip, reset in CASES]
    print(json.dumps(rows, indent=2) if args.json else table(rows))
    if any(row["seconds"] > args.limit for row in rows):
        print(f"it took longer than {args.limit} seconds", file=sys.stderr)
        sys.exit(1)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=128, help="rows and columns of the image")
    parser.add_argument("--width", type=int, default=8, help="partitions kept after each layer")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds that it may take")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(chip: str, reset: m.Reset, args: argparse.Namespace) -> dict[str, Any]:
    """One row: the fit of one network on one chip and how long it took."""
    network = mobilenet(args.size, reset)
    weights = sum(ref.shape[0] * int(np.prod(ref.shape[1:])) for ref in network.tensors.values())
    started = time.perf_counter()
    found = fit(network, load_chip(chip), width=args.width)
    seconds = time.perf_counter() - started
    return {"reset": reset, "weights": weights, "seconds": seconds, **found.as_dict()}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as text."""
    columns = ("chip", "reset", "kind", "fits", "neurons", "cores", "chips")
    used = tuple(rows[0]["utilisation"])
    head = (*columns, *(f"{name} %" for name in used), "fullest budget %", "seconds")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        neurons = sum(layer["neurons"] for layer in row["layers"])
        shares = [row["utilisation"][name] for name in used]
        cells = [
            row["chip"],
            row["reset"],
            row["kind"],
            "yes" if row["fits"] else "no",
            f"{neurons:,}",
            f"{row['cores']:,}",
            str(row["chips"]),
            *("-" if share is None else f"{100 * share:.1f}" for share in shares),
            f"{100 * row['binding_utilisation']:.1f}",
            f"{row['seconds']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    published = ["NxTF", "zero", "published", "yes", "", "", "16", "80.0"]
    lines.append(f"| {' | '.join(published + [''] * (len(head) - len(published)))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
