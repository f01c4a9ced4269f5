"""Quantisers of other domains written out in standard operators, for onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import qonnx_definition as definition
from onnx_models import build, numbers, save

from snnc.frontend.expand import expand, population_tensor
from snnc.frontend.loader import load
from snnc.frontend.normalise import named, normalise
from snnc.frontend.runtime import Runner

DOMAIN = "qonnx.custom_op.general"
X = np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32)


def _expanded(model: onnx.ModelProto, folder: Path) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    loaded = load(save(model, folder))
    proto = named(loaded)
    return proto, expand(proto, normalise(loaded, proto))


def _quant(opset: int = 18, bits: str = "b", extra: str = "") -> onnx.ModelProto:
    return build(
        f"""{extra}
        q = {DOMAIN}.Quant<signed=1, narrow=0, rounding_mode="ROUND">(x, s, z, {bits})
        y = Relu(q)""",
        {"s": numbers(0.25), "z": numbers(1), "b": numbers(3)},
        opset=opset,
        domains={DOMAIN: 2},
    )


def test_model_without_quantisers_is_left_alone(tmp_path: Path) -> None:
    proto, expanded = _expanded(build("y = Relu(x)"), tmp_path)
    assert expanded is proto


@pytest.mark.parametrize("opset", [9, 10, 11, 13, 18, 21])
def test_names_stay_and_domains_go(opset: int, tmp_path: Path) -> None:
    """Opsets before 11 have no Round: the model is raised to it."""
    model = _quant(opset)
    proto, expanded = _expanded(model, tmp_path)
    assert all(not node.domain for node in expanded.graph.node)
    assert [o.domain for o in expanded.opset_import] == [""]
    assert expanded.opset_import[0].version == max(opset, 11)
    names = [node.name for node in expanded.graph.node]
    assert len(set(names)) == len(names)
    assert any(node.domain == DOMAIN for node in proto.graph.node)  # the original is untouched
    found = Runner(expanded, ["q", "y"]).run(X)
    wanted = definition.run(model, X, ["q", "y"])
    np.testing.assert_array_equal(found["q"], wanted[0])
    np.testing.assert_array_equal(found["y"], wanted[1])


def test_bit_width_of_a_constant_node(tmp_path: Path) -> None:
    model = _quant(bits="c", extra="c = Constant<value_float=2.0>()")
    _, expanded = _expanded(model, tmp_path)
    found = Runner(expanded, ["q"]).run(X)["q"]
    assert np.unique(found).tolist() == [-0.75, -0.5, -0.25, 0.0]


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("ROUND", [-6, -2, -2, -1, -1, 1, 1, 2, 2, 6]),
        ("CEIL", [-5, -2, -1, -1, -1, 1, 2, 2, 3, 6]),
        ("FLOOR", [-6, -3, -2, -2, -1, 1, 1, 1, 2, 5]),
        ("UP", [-6, -3, -2, -2, -1, 1, 2, 2, 3, 6]),
        ("DOWN", [-5, -2, -1, -1, -1, 1, 1, 1, 2, 5]),
        ("HALF_UP", [-6, -3, -2, -1, -1, 1, 1, 2, 3, 6]),
        ("HALF_DOWN", [-5, -2, -2, -1, -1, 1, 1, 2, 2, 5]),
    ],
)
def test_table_of_rounding_modes(mode: str, wanted: list[int], tmp_path: Path) -> None:
    """QONNX's own table, in the written-out weight, in folding, and in the test's definition."""
    numbers_in = np.array([-5.5, -2.5, -1.6, -1.1, -1, 1, 1.1, 1.6, 2.5, 5.5], np.float32)
    model = build(
        f"""w = {DOMAIN}.Quant<signed=1, narrow=0, rounding_mode="{mode.lower()}">(v, s, z, b)
        y = Mul(x, w)""",
        {"v": numbers_in, "s": numbers(1), "z": numbers(0), "b": numbers(8)},
        inputs="float[N,10] x",
        domains={DOMAIN: 1},
    )
    loaded = load(save(model, tmp_path))
    proto = named(loaded)
    graph = normalise(loaded, proto)
    ones = np.ones((1, 10), np.float32)
    assert Runner(expand(proto, graph), ["y"]).run(ones)["y"][0].tolist() == wanted
    assert graph.constants["w"].tolist() == wanted
    assert definition.round_to(numbers_in, mode).tolist() == wanted


def test_levels_beside_a_constant_have_a_tensor_of_their_own(tmp_path: Path) -> None:
    """Sign of x, times 0.5: levels 0 and 1 of step 1, less 0.5."""
    model = build(
        f"q = {DOMAIN}.BipolarQuant(x, s) y = Relu(q)", {"s": numbers(0.5)}, domains={DOMAIN: 1}
    )
    _, expanded = _expanded(model, tmp_path)
    levels = Runner(expanded, [population_tensor("q")]).run(X)[population_tensor("q")]
    np.testing.assert_array_equal(levels, (X >= 0).astype(np.float32))


def test_unused_quantiser_without_constants_is_left(tmp_path: Path) -> None:
    """Nothing depends on it, so the import does not fail for it."""
    model = build(
        f"""s = ReduceMax<keepdims=0>(x)
        u = {DOMAIN}.Quant<signed=0, narrow=0>(x, s, z, b)
        y = Relu(x)""",
        {"z": numbers(0), "b": numbers(3)},
        domains={DOMAIN: 1},
    )
    _, expanded = _expanded(model, tmp_path)
    assert [node.op_type for node in expanded.graph.node] == ["ReduceMax", "Quant", "Relu"]
