"""Every spelling of the surrogate of a spike time becomes one population with its kernel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx_models import numbers, save
from surrogate_spellings import CONSTANTS, SPELLINGS, Spelling, kernel, single, spelled

from snnc.frontend.importer import Imported, import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.verify import verify


def _found(imported: Imported) -> m.TTFS:
    (neuron,) = (p.neuron for p in imported.network.populations if isinstance(p.neuron, m.TTFS))
    return neuron


@pytest.mark.parametrize("name", SPELLINGS)
def test_spelling_is_one_population_with_its_kernel(name: str, tmp_path: Path) -> None:
    """The numbers that the author trained come out, and the import gate finds no difference."""
    wanted = SPELLINGS[name]
    result = import_model(save(spelled(wanted), tmp_path))
    network = result.network
    assert not verify(network)
    assert [type(p.neuron) for p in network.populations] == [m.TTFS, m.Identity]
    assert network.populations[0].name.startswith("conv")
    found = _found(result)
    if wanted.exact:
        assert found == wanted.kernel
    assert (found.steps, found.rounding) == (wanted.kernel.steps, wanted.kernel.rounding)
    for field in ("tau", "delay", "threshold"):
        assert getattr(found, field) == pytest.approx(getattr(wanted.kernel, field), rel=1e-6)
    assert result.gate_error is not None
    assert result.report.convertible == result.report.nodes


@pytest.mark.parametrize("name", SPELLINGS)
def test_spelling_equals_onnxruntime(name: str, tmp_path: Path) -> None:
    """On many random inputs, every value but those of sums at an edge between two times."""
    result = import_model(save(spelled(SPELLINGS[name]), tmp_path), gate=False)
    x = np.random.default_rng(5).normal(0.0, 1.0, (40, 3, 8, 8)).astype(np.float32)
    population = result.network.populations[0]
    tensor = result.values[population.name]
    wanted = Runner(result, [tensor]).run(x)[tensor]
    actual = evaluate(result.network, {"x": x.astype(np.float64)})[population.name]
    different = np.abs(actual - wanted) > 1e-5 * wanted
    assert different.mean() < 1e-3
    assert len(np.unique(wanted.round(5))) == SPELLINGS[name].kernel.steps + 1


def test_delay_and_threshold_that_no_constant_tells_apart_are_one_number(tmp_path: Path) -> None:
    """Only x_max = threshold * exp(delay / tau) stands in this graph."""
    result = import_model(save(spelled(SPELLINGS["clamped value, one factor"]), tmp_path))
    assert _found(result).delay == 0.0
    folded = replace(
        SPELLINGS["as published"],
        nodes=SPELLINGS["as published"]
        .nodes.replace("Sub(delay, t)", "Sub(zero, t)")
        .replace("Mul(f, theta)", "Mul(f, largest)")
        .replace("Add(late, delay)", "Add(late, moved)")
        .replace("Div(e, theta)", "Div(e, one)"),
    )
    largest = single(0.8 * np.exp(0.3 / 9.7))
    moved = numbers(9.7 * np.log(largest))
    result = import_model(
        save(spelled(folded, {"largest": numbers(largest), "moved": moved}), tmp_path)
    )
    found = _found(result)
    assert found.threshold * np.exp(found.delay / found.tau) == pytest.approx(largest, rel=1e-6)


@pytest.mark.parametrize("steps", [2, 7, 80])
@pytest.mark.parametrize("rounding", ["ceil", "round"])
def test_windows_and_time_constants_of_any_size(
    steps: int, rounding: m.Rounding, tmp_path: Path
) -> None:
    for tau in (1.5, 25.5):
        name = "as published" if rounding == "ceil" else "half added, product mask"
        changed = {
            "tau": numbers(tau),
            "minus_tau": numbers(-tau),
            "last": numbers(steps - 1),
            "window": numbers(steps),
            "delay": numbers(-1.5),
            "theta": numbers(2),
        }
        result = import_model(save(spelled(SPELLINGS[name], changed), tmp_path), gate=False)
        assert _found(result) == m.TTFS(single(tau), steps, -1.5, 2.0, rounding)


def test_the_window_is_what_the_mask_of_the_file_keeps(tmp_path: Path) -> None:
    """The published mask x_hat >= exp((delay - W) / tau) keeps a spike of step W where float32
    does not round it away: the import follows the file, whichever it is."""
    taken = set()
    for tau in (4.0, 7.5, 9.7, 10.0, 12.3, 20.0):
        edge = np.exp(np.float32(-8) / np.float32(tau))
        constants = {"tau": numbers(tau), "minus_tau": numbers(-tau), "least": numbers(edge)}
        plain = {"delay": numbers(0), "theta": numbers(1)}
        model = spelled(SPELLINGS["Round, mask by value"], {**constants, **plain})
        result = import_model(save(model, tmp_path))
        found = _found(result)
        assert found.steps in (8, 9)
        taken.add(found.steps)
    assert 9 in taken


def test_a_surrogate_that_others_read_beside_its_relu(tmp_path: Path) -> None:
    """A Relu in front that something else reads as well stays a population of its own."""
    nodes = SPELLINGS["as published"].nodes + "\nextra = GlobalAveragePool(z)"
    spelling = Spelling(
        nodes.replace("s = Where(ok, v, zero)", "s = Where(ok, v, zero)"), kernel(), CONSTANTS
    )
    model = spelled(spelling)
    model.graph.output.append(type(model.graph.output[0])(name="extra"))
    model.graph.output[1].type.tensor_type.elem_type = 1
    result = import_model(save(model, tmp_path))
    kinds = [type(p.neuron) for p in result.network.populations]
    assert kinds.count(m.TTFS) == 1
    assert m.Relu in kinds
    assert _found(result) == kernel()
