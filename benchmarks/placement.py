"""Hops of a spike on TrueNorth's mesh: every method of placement against random places.

    python benchmarks/placement.py [--graphs layered-81 ...] [--methods spectral ...] [--seed 0]

Needs no data. Graphs named `layered` are what networks become on cores: square layers of tiles,
each tile linked to the tiles of the next layer that it reaches (3 x 3, or what scaling asks for).
Those named `random` link each core to 8 others and have no shape that a placement could find. A
core has 256 links in both. `load` is the most links over one connection of the mesh.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from typing import Any, get_args

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.placement.board import hop_weight, places, rectangle
from snnc.backends.truenorth.placement.hops import mesh_load
from snnc.backends.truenorth.placement.methods import METHODS, Method, place

LAYERS: dict[str, tuple[int, ...]] = {
    "layered-81": (6, 5, 4, 2),
    "layered-400": (10,) * 4,
    "layered-1500": (10,) * 15,
    "layered-4096": (16,) * 16,
    "layered-4096-wide": (32,) * 4,
}
"""Side of each square layer, in cores."""

RANDOM = {"random-81": 81, "random-400": 400, "random-1500": 1500, "random-4096": 4096}
GRAPHS = (*LAYERS, *RANDOM)
LINKS = 256
"""Links that leave a core."""


def graph(name: str) -> sparse.csr_array:
    """Links between cores, (C, C)."""
    return layered(LAYERS[name]) if name in LAYERS else scattered(RANDOM[name])


def layered(sides: tuple[int, ...]) -> sparse.csr_array:
    """Square layers of cores, row by row; each core linked to those around its place behind."""
    first, sources, targets, amounts = 0, [], [], []
    for side, behind in itertools.pairwise(sides):
        reach = max(1.0, behind / side / 2) + 1e-6
        for row in range(side):
            for column in range(side):
                centre = ((row + 0.5) * behind / side - 0.5, (column + 0.5) * behind / side - 0.5)
                rows, columns = (
                    [i for i in range(behind) if abs(i - middle) <= reach] for middle in centre
                )
                met = [first + side * side + y * behind + x for y in rows for x in columns]
                sources += [first + row * side + column] * len(met)
                targets += met
                amounts += [LINKS // len(met)] * len(met)
        first += side * side
    cores = sum(side * side for side in sides)
    return sparse.csr_array((amounts, (sources, targets)), shape=(cores, cores), dtype=float)


def scattered(cores: int, seed: int = 0, others: int = 8) -> sparse.csr_array:
    """Each core linked to other cores at random."""
    random = np.random.default_rng(seed)
    sources = np.repeat(np.arange(cores), others)
    targets = (sources + random.integers(1, cores, cores * others)) % cores
    amounts = np.full(cores * others, LINKS / others)
    return sparse.csr_array((amounts, (sources, targets)), shape=(cores, cores))


def main() -> None:
    """Place every graph by every method and compare."""
    args = parse()
    found = []
    for name in args.graphs:
        found.append(measure(name, graph(name), args.methods, args.seed))
        print(f"{name} placed", file=sys.stderr)
    print(json.dumps(found, indent=2) if args.json else table(found, args.methods))
    if any(row["spectral"]["seconds"] > args.limit for row in found if "spectral" in row):
        print(f"the default method took longer than {args.limit} seconds", file=sys.stderr)
        sys.exit(1)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--graphs", nargs="+", choices=GRAPHS, default=list(GRAPHS))
    methods = get_args(Method)
    parser.add_argument("--methods", nargs="+", choices=methods, default=list(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of the default method")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(
    name: str, traffic: sparse.csr_array, methods: list[Method], seed: int
) -> dict[str, Any]:
    """One row: mean hops of a link, heaviest load and seconds, by method."""
    cores = traffic.shape[0]
    some = np.random.default_rng(seed).permutation(places(*rectangle(cores, TRUENORTH)))[:cores]
    row: dict[str, Any] = {"graph": name, "cores": cores, "links": int(traffic.sum())}
    row["random"] = figures(traffic, some, 0.0)
    for method in methods:
        started = time.perf_counter()
        points = place(traffic, TRUENORTH, method=method, seed=seed)
        row[method] = figures(traffic, points, time.perf_counter() - started)
    return row


def figures(traffic: sparse.csr_array, points: Any, seconds: float) -> dict[str, float]:
    """What a placement costs."""
    return {
        "hops": hop_weight(traffic, points) / traffic.sum(),
        "load": float(mesh_load(traffic, points).max()),
        "seconds": seconds,
    }


def table(found: list[dict[str, Any]], methods: list[Method]) -> str:
    """The rows as text."""
    tried = ("random", *methods)
    head = ["graph", "cores", "links"]
    head += [f"{name} hops" for name in tried]
    head += [f"{name} load" for name in tried]
    head += [f"{name} s" for name in methods]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in found:
        cells = [row["graph"], f"{row['cores']:,}", f"{row['links']:,}"]
        cells += [f"{row[name]['hops']:.2f}" for name in tried]
        cells += [f"{row[name]['load']:,.0f}" for name in tried]
        cells += [f"{row[name]['seconds']:.1f}" for name in methods]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
