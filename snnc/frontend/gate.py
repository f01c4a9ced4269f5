"""The import gate: every population equals its ONNX tensor under onnxruntime, or the import fails.

The comparison runs with onnxruntime's graph optimisation off: its fusions would compare our
arithmetic with theirs instead of with the file.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.tensors import Array

TOLERANCE = 1e-4
"""Largest error, as a share of the layer's largest absolute value."""

_SMALLEST_SCALE = 1e-6
"""A layer that is zero throughout is compared on this scale."""


def random_inputs(network: m.Network, count: int, seed: int) -> dict[str, Array]:
    """Seeded inputs: half of the samples uniform in 0..1 as images are, half standard normal."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for declared in network.inputs:
        uniform = rng.uniform(0.0, 1.0, (count - count // 2, *declared.shape))
        normal = rng.normal(0.0, 1.0, (count // 2, *declared.shape))
        inputs[declared.name] = np.concatenate([uniform, normal]).astype(np.float32)
    return inputs


def check_values(
    network: m.Network,
    values: Mapping[str, str],
    runner: Runner,
    names: Mapping[str, str],
    inputs: Mapping[str, Array],
) -> float:
    """Compare all populations on `inputs`; the largest relative error where all agree.

    Args:
        network: Stage ann.
        values: Population to ONNX tensor.
        runner: Returns those tensors.
        names: Network input to ONNX input.
        inputs: Arrays (N, *shape) per network input.

    Raises:
        InputError: SN614, the first population that differs, by its ONNX node; SN615, onnxruntime
            gives values that are not finite.
    """
    expected = runner.run({names[name]: array for name, array in inputs.items()})
    with np.errstate(all="ignore"):  # what is not finite is found below
        actual = evaluate(network, inputs)
    worst = 0.0
    for population in network.populations:
        wanted = expected[values[population.name]]
        worst = max(worst, _compare(population, actual[population.name], wanted, runner.name))
    return worst


def _compare(population: m.Population, actual: Array, wanted: Array, model: str) -> float:
    where = f'{model} node "{population.origin[-1] if population.origin else population.name}"'
    if not np.all(np.isfinite(wanted)):
        message = f"population {population.name} has values that are not finite under onnxruntime"
        cure = "check the weights, or give calibration data of the model's real range"
        raise InputError(Diagnostic("SN615", message, where, cure))
    if actual.size != wanted.size:
        message = f"population {population.name} has {actual.shape}, onnxruntime {wanted.shape}"
        raise InputError(Diagnostic("SN614", message, where, _REPORT))
    scale = max(float(np.abs(wanted).max(initial=0.0)), _SMALLEST_SCALE)
    error = np.abs(actual - wanted.reshape(actual.shape))
    largest = float(error.max(initial=0.0))
    if not largest <= TOLERANCE * scale:
        index = np.unravel_index(int(np.argmax(error)), error.shape)
        message = (
            f"population {population.name} differs from onnxruntime by {largest:.3g} at "
            f"{[int(i) for i in index]} (layer's scale {scale:.3g}, allowed {TOLERANCE:g} of it)"
        )
        raise InputError(Diagnostic("SN614", message, where, _REPORT))
    return largest / scale


_REPORT = "this is a fault of the importer: report it with the model; nothing was compiled"
