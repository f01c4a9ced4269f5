"""Helpers shared by the tests of the passes."""

from __future__ import annotations

import nets
import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.data.statistics import ActivationStatistics
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.options import build, parse_specs
from snnc.passes import PASSES
from snnc.passes.base import Context
from snnc.passes.manager import run_pipeline

Values = dict[str, np.ndarray]


def make_context(network: m.Network, count: int = 64, steps: int = 32) -> Context:
    """A context with calibration samples and their statistics."""
    samples = nets.images(count, shape=network.inputs[0].shape)
    statistics = {}
    for name, values in evaluate(network, {"image": samples}).items():
        statistics[name] = ActivationStatistics(name)
        statistics[name].update(values)
    return Context(statistics=statistics, calibration={"image": samples}, steps=steps)


def run_specs(network: m.Network, specs: str, context: Context | None = None) -> m.Network:
    """The network after a pipeline given as text, every pass checked through the text form."""
    passes = [build(PASSES[name], options) for name, options in parse_specs(specs)]
    context = context or make_context(network)
    return run_pipeline(network, passes, context, check_text=True)


def ann_values(network: m.Network, x: np.ndarray) -> Values:
    """Values of all populations in ANN units, computed in float64."""
    values = evaluate(network, {"image": x.astype(np.float64)})
    return {p.name: values[p.name] * units(network, p) for p in network.populations}


def units(network: m.Network, population: m.Population) -> np.ndarray:
    """The population's scale, broadcast."""
    scale = population.scale
    array = network.array(scale) if isinstance(scale, m.Ref) else np.asarray(scale)
    if array.ndim == 1:
        array = array.reshape(array.shape + (1,) * (len(population.shape) - 1))
    return array


def largest_error(expected: Values, found: Values) -> float:
    """The largest relative error over the populations that both have."""
    common = set(expected) & set(found)
    assert common
    return max(
        float(np.abs(expected[n] - found[n]).max() / (np.abs(expected[n]).max() + 1e-12))
        for n in common
    )


def logits(network: m.Network, x: np.ndarray, steps: int | None = None) -> np.ndarray:
    """The last head's read-out after a simulation in float64."""
    return Simulator(network, dtype="float64").run(x, steps=steps).logits()
