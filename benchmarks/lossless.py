"""Every spike count at rest against the integer activations of the quantised network.

    python benchmarks/lossless.py                               # all models, 10,000 images each
    python benchmarks/lossless.py --models mnist_cnn_lsq2_uint4 --images 500

Mode qffs, neuron by neuron and image by image, in two rows per model:

- the mapping: the imported network and the spiking one that the passes make of it, both in
  float64, the network computed by the interpreter; no count may differ;
- the program: what `snnc compile` writes, simulated like `snnc eval` does, against the model file
  under onnxruntime, whose float32 sums may fall on the other side of a rounding edge: each
  difference must arise at an edge, or follow from one that does.

Exits with 1 where a count differs from the interpreter's, an image is not at rest or answered
otherwise, or a difference has no reason. The 8-bit file is not among the models unless it is
asked for: it rounds averages of four levels, where exact halves are common, and ONNX rounds these
to even, spikes up. There a count may differ in float64, too, if it arises at an exact half.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from curves import compiled_for, first_images, pipeline
from models import QUANTISED, QUANTISED_8_BIT, Model

from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.levels import most_levels
from snnc.evaluation.reference import AnnReference, InterpretedAnn
from snnc.frontend.importer import import_model
from snnc.ir import model as m
from snnc.options import build_all
from snnc.passes import PASSES
from snnc.passes.base import Context
from snnc.passes.manager import run_pipeline

ALL = QUANTISED | QUANTISED_8_BIT
HEADINGS = (
    "model",
    "compared with",
    "in",
    "counts",
    "unequal",
    "at an edge",
    "furthest, steps",
    "inherited",
    "unexplained",
    "other answers",
    "logits differ by",
    "not at rest",
    "rest by step",
    "seconds",
)

FURTHEST = 1e-4
"""No difference may arise further from an edge than so many steps, ..."""

SHARE = 1e-5
"""... or than this share of the levels, where they are many."""


def main() -> int:
    """Print the table as Markdown; 1 if the claim does not hold somewhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--models", nargs="+", choices=sorted(ALL), default=sorted(QUANTISED))
    options = parser.parse_args()
    print(f"first {options.images:,} test images\n")
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    failed = False
    for name in options.models:
        for cells, held in compared(ALL[name], options.images):
            print(f"| {' | '.join(cells)} |", flush=True)
            failed |= not held
    return int(failed)


def compared(model: Model, images: int) -> Iterator[tuple[list[str], bool]]:
    """The cells of the two rows, and whether the claim holds for each."""
    imported = in_double(import_model(model.path, gate=False).network)
    levels = most_levels(imported)
    steps = 4 * (levels + len(imported.populations)) + 16  # far more than needed
    passes = build_all(pipeline("qffs"), PASSES)
    mapped = run_pipeline(imported, passes, Context(steps=steps))
    compiled = compiled_for(model, pipeline("qffs"), steps)
    runtime = compiled.ann_reference()
    if runtime is None:
        raise SystemExit("the compiled network has no ANN to compare with")
    rows: tuple[tuple[m.Network, AnnReference, str], ...] = (
        (mapped, InterpretedAnn(imported), "float64"),
        (compiled.network, runtime, "float32"),
    )
    for network, ann, precision in rows:
        begin = time.perf_counter()
        data = first_images(model, network, images)
        found = evaluate_network(network, data, ann=ann, layer_samples=images)
        result = found.as_dict()
        double = precision == "float64"
        exact = double and model.file not in QUANTISED_8_BIT
        furthest = 0.0 if double else max(FURTHEST, SHARE * levels)
        cells = _cells(model, ann, precision, result, time.perf_counter() - begin)
        yield cells, holds(result, exact=exact, furthest=furthest)


def in_double(network: m.Network) -> m.Network:
    """The same network with its arrays in float64, which passes then keep."""
    names = [name for name, ref in network.tensors.items() if ref.dtype == "f32"]
    wide = {name: network.array(m.Ref(name)).astype(np.float64) for name in names}
    return network.with_arrays(wide)


def holds(found: dict[str, Any], *, exact: bool, furthest: float) -> bool:
    """Whether an evaluation shows what is claimed; `exact`: not even an edge is an excuse."""
    counts = found["exactness"]
    wrong = (
        counts["unexplained"],
        counts["unequal"] if exact else 0,
        counts["edge_distance"] > furthest,
        counts["values"] == 0,
        counts["samples"] < found["samples"],
        found["settled"]["unsettled"],
        _other_answers(found),
    )
    return not any(wrong)


def _cells(
    model: Model, ann: AnnReference, precision: str, found: dict[str, Any], seconds: float
) -> list[str]:
    exact, settled = found["exactness"], found["settled"]
    return [
        model.file,
        ann.engine,
        precision,
        f"{exact['values']:,}",
        f"{exact['unequal']}",
        f"{exact['at_edge']}",
        f"{exact['edge_distance']:.1e}" if exact["at_edge"] else "",
        f"{exact['inherited']}",
        f"{exact['unexplained']}",
        f"{_other_answers(found)}",
        f"{exact['readout_difference']:.1e}",
        f"{settled['unsettled']}",
        f"{settled['max']}",
        f"{seconds:.0f}",
    ]


def _other_answers(found: dict[str, Any]) -> int:
    """Images with another class than the ANN's."""
    return int(found["samples"] - round(found["agreement"] * found["samples"]))


if __name__ == "__main__":
    sys.exit(main())
