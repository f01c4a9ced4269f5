"""Every spelling of a quantised activation becomes one population, equal to onnxruntime's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import onnxruntime
import pytest
from onnx_models import build, integers, numbers, save
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


TIES = {
    "floor with a half": (
        "d = Div(c, s) a = Add(d, h) f = Floor(a) e = Clip(f, zero, L) q = Mul(e, s)",
        "up",
    ),
    "floor": ("d = Div(c, s) f = Floor(d) e = Clip(f, zero, L) q = Mul(e, s)", "up"),
    "shifted before the division": (
        "a = Add(c, eighth) d = Div(a, s) f = Floor(d) e = Clip(f, zero, L) q = Mul(e, s)",
        "up",
    ),
    "round": ("d = Div(c, s) r = Round(d) e = Clip(r, m, L) q = Mul(e, s)", "even"),
    "clamped on a tie": ("e = Clip(c, zero, t) d = Div(e, s) r = Round(d) q = Mul(r, s)", "even"),
    "even zero point before rounding": (
        """d = Div(c, s) a = Add(d, two) r = Round(a) e = Clip(r, zero, L) b = Sub(e, two)
        q = Mul(b, s)""",
        "even",
    ),
    "uint8": ("i = QuantizeLinear(c, s, k) q = DequantizeLinear(i, s, k)", "even"),
    "int4": ("i = QuantizeLinear(c, s, n) q = DequantizeLinear(i, s, n)", "even"),
    "estimator": (
        "d = Div(c, s) e = Clip(d, m, L) r = Round(e) g = Mul(r, s) b = Sub(g, c) q = Add(c, b)",
        "even",
    ),
}


@pytest.mark.parametrize("name", TIES)
def test_ties_go_where_onnxruntime_sends_them(name: str, tmp_path: Path) -> None:
    """With a step of 0.25 and inputs on eighths all sums are exact: no value may differ."""
    text, ties = TIES[name]
    constants = {
        "s": numbers(0.25),
        "h": numbers(0.5),
        "eighth": numbers(0.125),
        "zero": numbers(0),
        "two": numbers(2),
        "m": numbers(-4),
        "L": numbers(7),
        "t": numbers(0.625),
        "k": np.array(3, np.uint8),  # odd: it is added after rounding
        "n": np.array(1, ml_dtypes.int4),
        "flat": integers(0, 64),
        "v": (64, 2),
    }
    inputs = "float[N,1,8,8] c"
    model = build(
        f"{text} g9 = Reshape(q, flat) y = MatMul(g9, v)", constants, inputs=inputs, opset=21
    )
    result = import_model(save(model, tmp_path))
    first = result.network.populations[0]
    assert isinstance(first.neuron, m.Quantized)
    assert first.neuron.ties == ties
    x = (np.arange(-128, 128, dtype=np.float32) / 8).reshape(4, 1, 8, 8)
    tensor = result.values[first.name]
    wanted = Runner(result, [tensor]).run(x)[tensor]
    np.testing.assert_array_equal(evaluate(result.network, {"c": x})[first.name], wanted)
    other = replace(first.neuron, ties="up" if ties == "even" else "even", shift=0.5)
    moved = result.network.with_populations(
        [replace(first, neuron=other), *result.network.populations[1:]]
    )
    assert np.any(evaluate(moved, {"c": x})[first.name] != wanted)


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
