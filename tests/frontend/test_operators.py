"""Every operator and every attribute, imported through the gate and compared with onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import build, numbers, save
from operator_cases import BN, CASES

from snnc.frontend.importer import Imported, import_model
from snnc.frontend.operators import OPERATORS
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir.interpret import evaluate


def imported(model: onnx.ModelProto, folder: Path, **options: object) -> Imported:
    return import_model(save(model, folder), **options)  # type: ignore[arg-type]


def check_outputs(result: Imported, samples: int = 5, seed: int = 3) -> None:
    """The heads' values equal the original model's outputs, for another batch size."""
    rng = np.random.default_rng(seed)
    inputs = {
        i.name: rng.normal(size=(samples, *i.shape)).astype(np.float32)
        for i in result.network.inputs
    }
    outputs = [output.name for output in result.model.graph.output]
    wanted = Runner(result.model, outputs).run({result.inputs[n]: a for n, a in inputs.items()})
    actual = evaluate(result.network, inputs)
    heads = {head.name: head.population for head in result.network.heads}
    for name in outputs:
        value = actual[heads[name]]
        assert value.shape == wanted[name].shape
        np.testing.assert_allclose(value, wanted[name], rtol=0, atol=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_operator_equals_onnxruntime(case: str, tmp_path: Path) -> None:
    """The imported network has the file's outputs, and every population passes the gate."""
    result = imported(CASES[case], tmp_path)
    assert result.gate_error is not None
    assert result.gate_error < 1e-5
    check_outputs(result)


def test_every_operator_of_the_table_has_a_case() -> None:
    """No handler is without a differential test."""
    used = {node.op_type for model in CASES.values() for node in model.graph.node}
    assert set(OPERATORS) <= used


def test_batch_norm_is_kept_as_a_factor_of_its_own(tmp_path: Path) -> None:
    """Folding into weights is the pass fold-batch-norm's work; the import keeps the file's form."""
    model = build(
        "a = Conv(x, w) b = BatchNormalization(a, n_g, n_b, n_m, n_v) y = Relu(b)",
        {"w": (3, 3, 3, 3), **BN},
    )
    (population,) = imported(model, tmp_path).network.populations
    kinds = [type(op) for op in population.incoming[0].ops]
    assert kinds == [m.Conv2d, m.Scale]
    assert population.bias is not None


def test_clip_behind_relu_makes_one_population(tmp_path: Path) -> None:
    """Relu then Clip or Min is a single saturating population, if nothing else reads the Relu."""
    network = imported(CASES["min behind relu"], tmp_path).network
    (population,) = network.populations
    assert population.neuron == m.Clip(pytest.approx(0.4))  # type: ignore[arg-type]
    assert len(population.origin) == 2
    shared = imported(CASES["min behind a shared relu"], tmp_path).network
    assert [type(p.neuron) for p in shared.populations] == [m.Relu, m.Clip, m.Identity]


@pytest.mark.parametrize(
    "nodes",
    [
        "r = Relu(x) f = Flatten(r) c = Clip(f, lo, hi) y = Gemm(c, w) z = Conv(r, k)",
        "r = Relu(x) c = Min(hi, r) y = Conv(c, k) z = Conv(r, k)",
        "r = Relu(x) s = Relu(r) c = Clip(s, lo, hi) y = Conv(c, k) z = Conv(r, k)",
    ],
    ids=["through a view", "constant first", "through another relu"],
)
def test_a_clip_does_not_reach_the_other_readers_of_its_relu(nodes: str, tmp_path: Path) -> None:
    """Who reads the Relu itself must not see it clipped."""
    weights = {"lo": numbers(0), "hi": numbers(0.3), "w": (192, 4), "k": (2, 3, 3, 3)}
    result = imported(build(nodes, weights, outputs=("y", "z")), tmp_path)
    kinds = {type(p.neuron) for p in result.network.populations}
    assert kinds == {m.Relu, m.Clip, m.Identity}
    check_outputs(result)


def test_sums_of_a_value_with_itself_do_not_double_the_network(tmp_path: Path) -> None:
    """Thirty such sums would be a thousand million connections."""
    sums = " ".join(f"a{i + 1} = Add(a{i}, a{i})" for i in range(30))
    network = imported(build(f"a0 = Neg(x) {sums} y = Relu(a30)"), tmp_path).network
    assert len(network.populations) < 40
    assert max(len(p.incoming) for p in network.populations) <= 4
