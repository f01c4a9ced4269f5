"""Every spelling of a quantised activation becomes one population, equal to onnxruntime's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx_models import save
from quantised_spellings import SPELLINGS, spelled

from snnc.diagnostics import InputError
from snnc.frontend.gate import check_values, random_inputs
from snnc.frontend.importer import Imported, import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.tensors import Array
from snnc.ir.verify import verify


def _imported(name: str, folder: Path, *, gate: bool = True) -> Imported:
    """The network; skips what this version of onnxruntime has no kernel for."""
    result = import_model(save(spelled(SPELLINGS[name]), folder), gate=False)
    try:
        Runner(result, result.values.values())
    except InputError as error:
        if "Could not find an implementation" in str(error):
            pytest.skip(f"onnxruntime {onnxruntime.__version__}: {error.diagnostics[0].message}")
        raise
    return import_model(save(spelled(SPELLINGS[name]), folder)) if gate else result


def _parameter(network: m.Network, parameter: m.Parameter) -> Array:
    if isinstance(parameter, m.Ref):
        return network.array(parameter)
    return np.array(parameter)


@pytest.mark.parametrize("name", SPELLINGS)
def test_spelling_is_one_population_with_its_staircase(name: str, tmp_path: Path) -> None:
    """Two convolutions and a quantiser are two populations, whatever the quantiser looks like."""
    wanted = SPELLINGS[name]
    result = _imported(name, tmp_path)
    network = result.network
    assert not verify(network)
    assert [type(p.neuron) for p in network.populations] == [m.Quantized, m.Identity]
    neuron = network.populations[0].neuron
    assert isinstance(neuron, m.Quantized)
    assert (neuron.levels, neuron.lowest, neuron.ties) == (
        wanted.levels,
        wanted.lowest,
        wanted.ties,
    )
    np.testing.assert_allclose(_parameter(network, neuron.step), wanted.step, rtol=1e-6)
    assert neuron.shift == wanted.shift
    assert result.gate_error is not None
    assert result.report.convertible == result.report.nodes


@pytest.mark.parametrize("name", SPELLINGS)
def test_spelling_equals_onnxruntime_away_from_edges(name: str, tmp_path: Path) -> None:
    """On many random inputs, every level but those of sums at a rounding edge."""
    result = _imported(name, tmp_path, gate=False)
    network = result.network
    x = np.random.default_rng(5).normal(0.0, 2.0, (40, 3, 8, 8)).astype(np.float32)
    population = network.populations[0]
    tensor = result.values[population.name]
    wanted = Runner(result, [tensor]).run(x)[tensor]
    actual = evaluate(network, {"x": x})[population.name]
    step = np.resize(SPELLINGS[name].step, 4).reshape(4, 1, 1)
    different = np.abs(actual - wanted) > 1e-3 * step
    assert different.mean() < 1e-3
    assert len(np.unique(np.round(wanted / step))) > 1


def test_origin_lists_the_quantisers_nodes(tmp_path: Path) -> None:
    population = _imported("QCFS, torch.export", tmp_path).network.populations[0]
    assert population.origin == ("Conv_0", "Mul_1", "Add_2", "Floor_3", "Div_4", "Clip_5", "Mul_6")
    assert population.name == "conv_0"


def test_values_name_the_last_tensor_of_the_quantiser(tmp_path: Path) -> None:
    result = _imported("QDQ float Clip behind", tmp_path)
    assert result.values["conv_0"] == "q"


@pytest.mark.parametrize(
    "change",
    [{"step": 0.37 * 1.02}, {"levels": 4}, {"lowest": -1}, {"shift": 0.45}],
    ids=lambda change: next(iter(change)),
)
def test_gate_notices_another_staircase(change: dict[str, float], tmp_path: Path) -> None:
    """Negative control: a staircase that is off by little is not the file's."""
    result = _imported("QCFS, torch.export", tmp_path)
    first, *rest = result.network.populations
    neuron = replace(first.neuron, **change)  # type: ignore[type-var]
    wrong = result.network.with_populations([replace(first, neuron=neuron), *rest])
    runner = Runner(result, result.values.values(), "model.onnx")
    data = random_inputs(wrong, 16, 0)
    check_values(result.network, result.values, runner, result.inputs, data)
    with pytest.raises(InputError, match="SN614"):
        check_values(wrong, result.values, runner, result.inputs, data)
