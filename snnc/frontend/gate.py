"""The import gate: every population equals its ONNX tensor under onnxruntime, or the import fails.

The comparison runs with onnxruntime's graph optimisation off: its fusions would compare our
arithmetic with theirs instead of with the file.

A network without quantised activations is compared end to end, so that errors which grow from
layer to layer are seen. In a quantised one a float32 sum near a rounding edge may fall on the other
side, and one such level changes all later layers; there every population is judged by itself,
given onnxruntime's values of its sources, in float64. That proves the network as well: each
population is right wherever its sources are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend.edges import compare_levels
from snnc.frontend.runtime import Runner
from snnc.frontend.spike_edges import compare_spikes
from snnc.ir import model as m
from snnc.ir.interpret import activate, evaluate, summed_input
from snnc.ir.tensors import Array

TOLERANCE = 1e-4
"""Largest error, as a share of the layer's largest absolute value."""

_SMALLEST_SCALE = 1e-6
"""A layer that is zero throughout is compared on this scale."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the gate found where nothing failed.

    Attributes:
        error: Largest error as a share of its layer's scale; values beside an edge are left out.
        at_edge: Quantised values one level beside onnxruntime's, at a rounding edge.
        quantized: How many quantised values were compared.
    """

    error: float = 0.0
    at_edge: int = 0
    quantized: int = 0

    def merged(self, other: Comparison) -> Comparison:
        """Both comparisons as one."""
        return Comparison(
            max(self.error, other.error),
            self.at_edge + other.at_edge,
            self.quantized + other.quantized,
        )

    def notes(self) -> tuple[str, ...]:
        """What is worth telling: how many values lay at a rounding edge, if any did."""
        if not self.at_edge:
            return ()
        note = (
            f"import gate: {self.at_edge} of {self.quantized} quantised values lie at a rounding "
            "edge and are one level beside onnxruntime's"
        )
        return (note,)


def random_inputs(network: m.Network, count: int, seed: int) -> dict[str, Array]:
    """Seeded inputs: half of the samples uniform in 0..1 as images are, half standard normal."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for declared in network.inputs:
        uniform = rng.uniform(0.0, 1.0, (count - count // 2, *declared.shape))
        normal = rng.normal(0.0, 1.0, (count // 2, *declared.shape))
        inputs[declared.name] = np.concatenate([uniform, normal]).astype(np.float32)
    return inputs


def loud_inputs(network: m.Network, count: int, seed: int) -> dict[str, Array]:
    """Seeded normal inputs of a standard deviation of 16, for networks with quantised activations.

    They drive neurons to their last level: inputs as they are in practice may leave it unseen.
    """
    rng = np.random.default_rng(seed)
    return {
        declared.name: rng.normal(0.0, 16.0, (count, *declared.shape)).astype(np.float32)
        for declared in network.inputs
    }


def is_quantized(network: m.Network) -> bool:
    """Whether a population of the network has quantised activations, or spike times, as values."""
    return any(isinstance(p.neuron, m.Quantized | m.TTFS) for p in network.populations)


def check_values(
    network: m.Network,
    values: Mapping[str, str],
    runner: Runner,
    names: Mapping[str, str],
    inputs: Mapping[str, Array],
) -> Comparison:
    """Compare all populations on `inputs`.

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
    wanted = {
        p.name: _wanted(p, expected[values[p.name]], len(next(iter(inputs.values()))), runner.name)
        for p in network.populations
    }
    if is_quantized(network):
        return _one_by_one(network, wanted, inputs, runner.name)
    with np.errstate(all="ignore"):  # what is not finite is found below
        actual = evaluate(network, inputs)
    worst = 0.0
    for population in network.populations:
        name = population.name
        worst = max(worst, _compare(population, actual[name], wanted[name], runner.name))
    return Comparison(worst)


def _one_by_one(
    network: m.Network, wanted: Mapping[str, Array], inputs: Mapping[str, Array], model: str
) -> Comparison:
    """Every population from onnxruntime's values of its sources."""
    sources = {
        name: np.asarray(a, dtype=np.float64) for name, a in (*inputs.items(), *wanted.items())
    }
    worst, at_edge, quantized = 0.0, 0, 0
    for population in network.populations:
        target, neuron = wanted[population.name], population.neuron
        with np.errstate(all="ignore"):
            x = summed_input(network, population, sources)
        scale = _scale(target)
        if isinstance(neuron, m.Quantized):
            verdict = compare_levels(network, neuron, x, target, TOLERANCE * scale)
        elif isinstance(neuron, m.TTFS):
            verdict = compare_spikes(neuron, x, target)
        else:
            actual = activate(neuron, x, network)
            worst = max(worst, _compare(population, actual, target, model))
            continue
        if verdict.fault:
            raise _differs(population, verdict.fault, model)
        worst = max(worst, verdict.error / scale)
        at_edge += verdict.at_edge
        quantized += target.size
    return Comparison(worst, at_edge, quantized)


def _wanted(population: m.Population, array: Array, count: int, model: str) -> Array:
    """Onnxruntime's values in the population's shape, finite."""
    if not np.all(np.isfinite(array)):
        message = f"population {population.name} has values that are not finite under onnxruntime"
        cure = "check the weights, or give calibration data of the model's real range"
        raise InputError(Diagnostic("SN615", message, _where(population, model), cure))
    shape = (count, *population.shape)
    if array.size != np.prod(shape):
        raise _differs(population, f"has {shape}, onnxruntime {array.shape}", model)
    return array.reshape(shape)


def _compare(population: m.Population, actual: Array, wanted: Array, model: str) -> float:
    scale = _scale(wanted)
    error = np.abs(actual - wanted)
    largest = float(error.max(initial=0.0))
    if not largest <= TOLERANCE * scale:
        index = np.unravel_index(int(np.argmax(error)), error.shape)
        fault = (
            f"differs from onnxruntime by {largest:.3g} at {[int(i) for i in index]} "
            f"(layer's scale {scale:.3g}, allowed {TOLERANCE:g} of it)"
        )
        raise _differs(population, fault, model)
    return largest / scale


def _scale(wanted: Array) -> float:
    return max(float(np.abs(wanted).max(initial=0.0)), _SMALLEST_SCALE)


def _where(population: m.Population, model: str) -> str:
    return f'{model} node "{population.origin[-1] if population.origin else population.name}"'


def _differs(population: m.Population, fault: str, model: str) -> InputError:
    message = f"population {population.name} {fault}"
    return InputError(Diagnostic("SN614", message, _where(population, model), _REPORT))


_REPORT = "this is a fault of the importer: report it with the model; nothing was compiled"
