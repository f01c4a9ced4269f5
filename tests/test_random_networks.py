"""Random small ONNX graphs through import, every pass, and the simulator, against each other."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_models
import pass_tools
import pytest
import random_graphs

from snnc.backends.reference.simulator import Simulator
from snnc.data.statistics import ActivationStatistics
from snnc.frontend.importer import import_model
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context

PREPARATION = ("fold-batch-norm", "fuse-linear", "max-pool")
SCALINGS = [
    f"normalize{{method={method},per={per}}}"
    for method in ("max", "percentile", "mmse", "balance")
    for per in ("channel", "layer")
]
CALIBRATED = (
    "normalize{method=mmse},to-spiking,calibrate-potential",
    "normalize{per=layer},to-spiking{signed=true,spiking_pools=true},calibrate-bias",
)
TOLERANCE = 2e-5
"""Weights are stored in float32, so folding rounds: some units in the last place per layer."""


@dataclass(frozen=True, slots=True)
class Case:
    """An imported random graph, inputs for it, and the values of its populations."""

    network: m.Network
    x: np.ndarray
    values: dict[str, np.ndarray]

    def context(self, steps: int) -> Context:
        statistics = {name: ActivationStatistics(name) for name in self.values}
        for name, values in self.values.items():
            statistics[name].update(values.astype(np.float32))
        return Context(statistics, {self.network.inputs[0].name: self.x}, steps)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """The case of a seed, made once; the import gate compares it with onnxruntime."""
    folder: Path = tmp_path_factory.mktemp("random")

    @functools.cache
    def make(seed: int) -> Case:
        path = onnx_models.save(random_graphs.random_model(seed), folder)
        network = import_model(path).network
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(16, *network.inputs[0].shape)) * rng.uniform(0.3, 1.5, (16, 1, 1, 1))
        x = x.astype(np.float32)
        return Case(network, x, ann_values(network, x))

    return make


def ann_values(network: m.Network, x: np.ndarray) -> dict[str, np.ndarray]:
    """Values of all populations in ANN units, computed in float64."""
    values = evaluate(network, {network.inputs[0].name: x.astype(np.float64)})
    return {p.name: values[p.name] * pass_tools.units(network, p) for p in network.populations}


def error(expected: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> float:
    """The largest error of a common population as a share of its largest value.

    A value that nearly cancels (x - x) is measured on a twentieth of the network's largest one.
    """
    floor = 0.05 * max(float(np.abs(v).max()) for v in expected.values())
    names = set(expected) & set(found)
    assert names
    return max(
        float(np.abs(expected[n] - found[n]).max()) / max(float(np.abs(expected[n]).max()), floor)
        for n in names
    )


def prepared(given: Case) -> m.Network:
    return pass_tools.run_specs(given.network, ",".join(PREPARATION), given.context(16))


@pytest.mark.parametrize("seed", range(60))
def test_preparing_passes_keep_the_value_of_every_population(case, seed):
    given = case(seed)
    network = given.network
    for spec in PREPARATION:
        network = pass_tools.run_specs(network, spec, given.context(16))
        assert error(given.values, ann_values(network, given.x)) < TOLERANCE


@pytest.mark.parametrize("seed", range(60, 75))
def test_normalising_keeps_values_times_their_scales(case, seed):
    given = case(seed)
    before = prepared(given)
    values = ann_values(before, given.x)
    for spec in SCALINGS:
        after = pass_tools.run_specs(before, spec, given.context(8))
        assert error(values, ann_values(after, given.x)) < TOLERANCE


@pytest.mark.parametrize("seed", range(80, 100))
def test_read_outs_approach_the_values_as_one_over_the_steps(case, seed):
    """Without clipping only rounding and timing are left, whose error falls as 1 / T."""
    given = case(seed)
    before = prepared(given)
    values = ann_values(before, given.x)
    per = "channel" if seed % 2 else "layer"
    spec = f"normalize{{method=max,per={per}}},to-spiking"
    network = pass_tools.run_specs(before, spec, given.context(256))
    few, many = read_out_errors(network, given.x, values)
    assert all(e < 0.005 or e < f / 4 for f, e in zip(few, many, strict=True)), (few, many)


def read_out_errors(
    network: m.Network, x: np.ndarray, values: dict[str, np.ndarray]
) -> tuple[list[float], list[float]]:
    """Mean absolute error of every head after 16 and after 256 steps, as a share of the scale."""
    trace = Simulator(network, dtype="float64").run(x, steps=256)
    floor = 0.2 * max(float(np.abs(v).max()) for v in values.values())
    errors: tuple[list[float], list[float]] = ([], [])
    for head in network.heads:
        wanted = values[head.population].reshape(len(x), -1)
        rectified = head.readout.host[:1] == ("Relu",)
        for place, steps in enumerate((16, 256)):
            found = trace.logits(head.name, steps)
            found = np.maximum(found, 0) if rectified else found
            scale = max(float(np.abs(wanted).max()), floor)
            errors[place].append(float(np.abs(found - wanted).mean()) / scale)
    return errors


@pytest.mark.parametrize("spec", CALIBRATED)
@pytest.mark.parametrize("seed", range(100, 112))
def test_calibrated_networks_compile_and_run(case, seed, spec):
    given = case(seed)
    network = pass_tools.run_specs(prepared(given), spec, given.context(4))
    trace = Simulator(network).run(given.x[:2])
    assert all(np.isfinite(trace.logits(head.name)).all() for head in network.heads)


def test_one_changed_weight_is_noticed(case):
    """Negative control: the comparisons above fail for a network that is not the same."""
    given = case(81)
    before = prepared(given)
    values = ann_values(before, given.x)
    name = next(n for n in before.tensors if n.endswith("weight"))
    weight = before.array(m.Ref(name)).copy()
    weight[(0,) * weight.ndim] += 0.5
    changed = before.with_arrays({name: weight})
    assert error(values, ann_values(changed, given.x)) > TOLERANCE
    spec = "normalize{method=max},to-spiking"
    spiking = pass_tools.run_specs(changed, spec, given.context(256))
    few, many = read_out_errors(spiking, given.x, values)
    assert not all(e < 0.005 or e < f / 4 for f, e in zip(few, many, strict=True))
