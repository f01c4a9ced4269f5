"""Core maps: cores of known networks, growth up to a whole chip, and trained networks on MNIST.

    SNNC_DATA=... python benchmarks/truenorth.py [counts] [growth] [mnist] [--images 200]

`counts`: cores of untrained networks at 1 to 5 bits beside the estimates that the design started
from (`*`: with partial sums; `+n`: splitters, for estimates without any replicas): exact, or the
code of the refusal, and with partial sums of rates where a layer does not fit. `growth`: time to
map and to place, hops, the simulator's speed and peak memory on maps of 380 to 3,940 cores.
`mnist`: the bundled grouped network, and `mnist_mlp` with each policy of partial sums: accuracy of
the ANN and of the network of whole numbers on 10,000 images; the core map, every spike of which is
compared with the layers; what it takes of the chip, and estimates. Exits with 1 where a spike
differs.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from models import MODELS
from truenorth_networks import COUNTED, GROWTH, WEIGHTS, grouped

import snnc
from snnc.backends.truenorth.compare import compare
from snnc.backends.truenorth.core_map import ROLES, CoreMap
from snnc.backends.truenorth.energy import counts_of, estimates
from snnc.backends.truenorth.figures import figures
from snnc.backends.truenorth.lower import lower
from snnc.backends.truenorth.mapping import mapped
from snnc.backends.truenorth.placement import placed, wiring
from snnc.backends.truenorth.run_map import run_map
from snnc.backends.truenorth.target import TrueNorthTarget
from snnc.diagnostics import InputError
from snnc.driver.samples import open_inputs
from snnc.driver.targets import find_target
from snnc.ir import model as m
from snnc.passes.base import Context
from snnc.passes.split_fan_in import SplitFanIn

PARTS = ("counts", "growth", "mnist")
ESTIMATES = {
    "LeNet5 (6c5,p,16c5,p,120,84,10)": ("50+32", "71+47*", "91+64*", "212+156*", "252+144*"),
    "8c3s2,16c3s2g2,32c3s2g4,64,10": ("20+9", "33+19", "62+34*", "68+45*", "128+79*"),
    "MLP 784-128-10": ("9+1*", "9+1*", "17+2*", "24+2*", "31+3*"),
    "MLP 784-64-10": ("7+1*", "7+1*", "12+1*", "17+1*", "23+2*"),
}
"""Of the design, by network and width; `*`: a layer needs partial sums."""

GROUPED = Path(__file__).resolve().parents[1] / "examples" / "mnist" / "grouped.onnx"
STEPS = 32


def main() -> int:
    """Print the tables as Markdown; 1 where a spike differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--network", choices=("grouped", "mnist_mlp"), help="of mnist, this alone")
    options = parser.parse_args()
    wanted = options.parts or PARTS
    if "counts" in wanted:
        _counts()
    if "growth" in wanted:
        _growth()
    return int("mnist" in wanted and _mnist(options.images, options.network))


# ---- cores of untrained networks -------------------------------------------------------------


def _counts() -> None:
    print("| network | bits | estimate | exact | partial sums, 1 copy | 4 copies |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, make in COUNTED.items():
        for bits, estimate in zip(WEIGHTS, ESTIMATES[name], strict=True):
            network = make(bits)
            cells = [_cores(network, 0), _cores(network, 1), _cores(network, 4)]
            print("| " + " | ".join((name, bits, estimate, *cells)) + " |", flush=True)
    print()


def _cores(network: m.Network, copies: int) -> str:
    """Cores and splitters with so many copies of partial sums, or the code of the refusal."""
    try:
        core_map = lower(_split(network, copies) if copies else network)
    except InputError as error:
        return error.diagnostics[0].code
    splitters = _roles(core_map)["splitter"]
    return f"{core_map.cores - splitters}+{splitters}"


def _split(network: m.Network, copies: int) -> m.Network:
    """With partial sums of rates where a layer does not fit, loads measured on random images."""
    shape = network.inputs[0].shape
    images = np.random.default_rng(0).random((4, *shape)).astype(np.float32)
    context = Context(calibration={network.inputs[0].name: images})
    return SplitFanIn(policy="rate", copies=copies, wide="place").run(network, context)


def _roles(core_map: CoreMap) -> dict[str, int]:
    return {role: int((core_map.roles == i).sum()) for i, role in enumerate(ROLES)}


# ---- growth ------------------------------------------------------------------------------------


def _growth() -> None:
    print(
        "| channels | cores | splitters | mapped s | placed s | hops a link | rows | "
        "ms a tick and sample | peak memory MB |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for channels in GROWTH:
        network = grouped(channels)
        begun = time.perf_counter()
        plain = lower(network)
        mapped_s = time.perf_counter() - begun
        begun = time.perf_counter()
        core_map = placed(plain)
        placed_s = time.perf_counter() - begun
        images = np.random.default_rng(1).random((4, *network.inputs[0].shape))
        begun = time.perf_counter()
        run = run_map(core_map, network, images.astype(np.float32), steps=8)
        each = (time.perf_counter() - begun) / run.chip.outputs.shape[1] / run.samples
        row = (
            channels,
            core_map.cores,
            _roles(core_map)["splitter"],
            f"{mapped_s:.1f}",
            f"{placed_s:.1f}",
            f"{wiring(core_map).mean_hops:.2f}",
            f"{wiring(plain).mean_hops:.2f}",
            f"{1e3 * each:.1f}",
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}",
        )
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)
    print()


# ---- trained networks --------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A model with options of the target, and the images that run on the core map."""

    name: str
    path: str
    options: str
    images: int
    engine: str = "c"


def _cases(images: int) -> list[Case]:
    mlp = MODELS["mnist_mlp"].path
    grouped_ = str(GROUPED)
    return [
        *(Case("grouped", grouped_, f"bits={bits}", images) for bits in (2, 3, 4)),
        Case("grouped", grouped_, "encoder=bernoulli", images),
        Case("grouped", grouped_, "encoder=layer", images),
        # The C program of so many partial neurons takes minutes to build.
        Case("mnist_mlp", mlp, "partial_sums=rate", images, "reference"),
        Case("mnist_mlp", mlp, "partial_sums=exact", max(1, images // 20)),
    ]


def _mnist(images: int, network: str | None) -> bool:
    print(
        "| network | options | ANN % | whole numbers % | core map equal on | cores | splitters | "
        "neurons, axons used | hops a link | ticks | spikes | synaptic operations | estimates |"
    )
    print(
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    )
    different = False
    for case in _cases(images):
        if network in (None, case.name):
            different |= _row(case)
    print()
    return different


def _row(case: Case) -> bool:
    """One line; whether a spike differs."""
    model = MODELS["mnist_mlp"]
    compiled = snnc.compile(
        case.path,
        target=f"truenorth{{{case.options}}}",
        calibration=model.split("train[:500]"),
        steps=STEPS,
        preprocessing=model.preprocessing,
    )
    result = snnc.evaluate(compiled, model.split("test"), engine=case.engine)
    target = find_target(compiled.target)
    assert isinstance(target, TrueNorthTarget)
    network = compiled.network
    core_map = mapped(network, target)
    part = open_inputs(network, model.split(f"test[:{case.images}]"), compiled.preprocessing, STEPS)
    x, _ = next(iter(part.batches(case.images)))
    run = run_map(core_map, network, x)
    difference = compare(network, x, run)
    found: dict[str, Any] = figures(core_map, network)
    use = found["use"]
    row = (
        case.name,
        case.options,
        f"{100 * (result.ann_accuracy or 0.0):.2f}",
        f"{100 * (result.snn_accuracy or 0.0):.2f}",
        f"{run.samples} images" if difference is None else f"DIFFERENT: {difference.as_dict()}",
        found["cores"] - found["roles"].get("splitter", 0),
        found["roles"].get("splitter", 0),
        f"{100 * use['neurons']:.0f} %, {100 * use['axons']:.0f} %",
        f"{found['wiring']['mean_hops']:.2f}",
        found["ticks"],
        f"{run.chip.spikes.mean():,.0f}",
        f"{run.chip.synaptic_operations.mean():,.0f}",
        "; ".join(_estimate(f.as_dict()) for f in estimates(counts_of(core_map, run.chip))),
    )
    print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)
    return difference is not None


def _estimate(figure: dict[str, Any]) -> str:
    scale, unit = (1e-6, "uJ") if figure["unit"] == "pJ" else (1e3, "ms")
    return f"{figure['name']} {scale * figure['value']:.3g} {unit}"


if __name__ == "__main__":
    sys.exit(main())
