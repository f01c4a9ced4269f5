"""Heads: their order, their populations, and what of the graph is left to the host."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx_models import build, integers, save

from snnc.frontend.importer import Imported, import_model
from snnc.ir import model as m


def _import(model: onnx.ModelProto, folder: Path) -> Imported:
    return import_model(save(model, folder, "net.onnx"))


def test_heads_stand_in_order_of_depth(tmp_path: Path) -> None:
    """The deepest output answers last, wherever the file lists it."""
    model = build(
        """a = Relu(x)
        p = GlobalAveragePool(a)
        early = Flatten(p)
        c = Conv(a, w)
        r = Relu(c)
        q = GlobalAveragePool(r)
        late = Flatten(q)""",
        {"w": (4, 3, 3, 3)},
        outputs=("late", "early"),
    )
    network = _import(model, tmp_path).network
    assert [head.name for head in network.heads] == ["early", "late"]
    assert network.heads[-1].population == network.populations[-1].name


def test_output_that_is_also_used_is_one_population(tmp_path: Path) -> None:
    model = build(
        "c = Conv(x, w) early = Relu(c) late = Conv(early, v)",
        {"w": (4, 3, 3, 3), "v": (2, 4, 3, 3)},
        outputs=("early", "late"),
    )
    network = _import(model, tmp_path).network
    assert len(network.populations) == 2
    assert [head.population for head in network.heads] == [p.name for p in network.populations]


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax", "Sigmoid", "ArgMax"])
@pytest.mark.parametrize("opset", [9, 18])
def test_host_operators_at_the_end_are_left_to_the_host(
    operator: str, opset: int, tmp_path: Path
) -> None:
    attributes = "<axis=1, keepdims=0>" if operator == "ArgMax" else ""
    attributes = "<axis=1>" if "max" in operator and not attributes else attributes
    model = build(
        f"a = MatMul(x, w) y = {operator}{attributes}(a)",
        {"w": (6, 4)},
        inputs="float[N,6] x",
        opset=opset,
    )
    result = _import(model, tmp_path)
    (head,) = result.network.heads
    assert head.name == "y"
    assert head.readout == m.Logits((operator,))
    assert any(operator in note for note in result.notes)
    assert result.network.population(head.population).shape == (4,)


def test_classifier_with_label_and_probabilities_has_one_head(tmp_path: Path) -> None:
    """As skl2onnx writes it: both outputs come from the same values."""
    model = build(
        """f = Cast<to=1>(x)
        a = MatMul(f, w)
        b = Add(a, c)
        probabilities = Softmax<axis=1>(b)
        i = ArgMax<axis=1>(probabilities)
        g = ai.onnx.ml.ArrayFeatureExtractor(classes, i)
        r = Reshape(g, s)
        label = Cast<to=7>(r)""",
        {
            "w": (6, 4),
            "c": (4,),
            "classes": integers(3, 1, 4, 1).reshape(1, 4),
            "s": integers(-1),
        },
        inputs="float[N,6] x",
        outputs=("label", "probabilities"),
        domains={"ai.onnx.ml": 1},
    )
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    result = _import(model, tmp_path)
    (head,) = result.network.heads
    assert (head.name, head.readout) == ("probabilities", m.Logits(("Softmax",)))
    assert any("label" in note and "ArgMax" in note for note in result.notes)


def test_relu_at_the_end_stays_a_population(tmp_path: Path) -> None:
    network = _import(build("y = Relu(x)"), tmp_path).network
    assert isinstance(network.populations[-1].neuron, m.Relu)


def test_output_in_another_layout_is_materialised(tmp_path: Path) -> None:
    model = build("r = Relu(x) y = Transpose<perm=[0,2,3,1]>(r)")
    network = _import(model, tmp_path).network
    assert network.population(network.heads[0].population).shape == (8, 8, 3)


def test_input_that_is_the_output(tmp_path: Path) -> None:
    network = _import(build("y = Identity(x)"), tmp_path).network
    (population,) = network.populations
    assert isinstance(population.neuron, m.Identity)


def test_ultralight_detector_heads_keep_their_softmax_outside(tmp_path: Path) -> None:
    """An old Softmax over the last of three axes is raised to Flatten, Softmax, Reshape."""
    model = build(
        "t = Transpose<perm=[0,2,1]>(x) y = Softmax<axis=2>(t)",
        inputs="float[N,4,6] x",
        opset=9,
    )
    (head,) = _import(model, tmp_path).network.heads
    assert "Softmax" in head.readout.host  # type: ignore[union-attr]
