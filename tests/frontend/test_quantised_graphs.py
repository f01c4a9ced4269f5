"""Quantisers in whole graphs: shared, repeated, at inputs and outputs, beside residual adds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import build, numbers, save

from snnc.frontend.importer import Imported, import_model
from snnc.ir import model as m

Q = {
    "s": numbers(0.25),
    "t": numbers(0.5),
    "z": np.array(0, np.uint8),
    "k": np.array(128, np.uint8),
    "w": (4, 3, 3, 3),
    "v": (4, 4, 1, 1),
    "u": (5, 144),
}


def _qdq(source: str, result: str, scale: str = "s", zero: str = "z") -> str:
    return (
        f"{result}_i = QuantizeLinear({source}, {scale}, {zero}) "
        f"{result} = DequantizeLinear({result}_i, {scale}, {zero})"
    )


def _import(model: onnx.ModelProto, folder: Path) -> Imported:
    return import_model(save(model, folder))


def _build(text: str, **options: object) -> onnx.ModelProto:
    return build(text, Q, opset=19, **options)  # type: ignore[arg-type]


def _kinds(result: Imported) -> list[type]:
    return [type(p.neuron) for p in result.network.populations]


def test_several_dequantizers_of_one_quantizer(tmp_path: Path) -> None:
    """Onnxruntime writes one DequantizeLinear per reader; all are one population."""
    model = _build(
        """c = Conv(x, w) i = QuantizeLinear(c, s, z)
        a = DequantizeLinear(i, s, z) b = DequantizeLinear(i, s, z)
        d = Conv(a, v) y = Add(d, b)"""
    )
    result = _import(model, tmp_path)
    assert _kinds(result) == [m.Quantized, m.Identity]
    assert [i.source for i in result.network.populations[1].incoming] == ["conv_0", "conv_0"]


def test_equal_quantisers_of_one_relu_are_one_population(tmp_path: Path) -> None:
    model = _build(
        f"c = Conv(x, w) r = Relu(c) {_qdq('r', 'a')} {_qdq('r', 'b')} d = Conv(a, v) y = Add(d, b)"
    )
    assert _kinds(_import(model, tmp_path)) == [m.Quantized, m.Identity]


def test_different_quantisers_of_one_relu_are_two_populations(tmp_path: Path) -> None:
    """Both take the Relu in, so the sum in front of them is a population that they share."""
    model = _build(
        f"c = Conv(x, w) r = Relu(c) {_qdq('r', 'a')} {_qdq('r', 'b', 't')} "
        "d = Conv(a, v) y = Add(d, b)"
    )
    assert _kinds(_import(model, tmp_path)) == [m.Identity, m.Quantized, m.Quantized, m.Identity]


def test_relu_with_another_reader_stays(tmp_path: Path) -> None:
    model = _build(f"c = Conv(x, w) r = Relu(c) {_qdq('r', 'a')} d = Conv(a, v) y = Add(d, r)")
    result = _import(model, tmp_path)
    assert _kinds(result) == [m.Relu, m.Quantized, m.Identity]
    assert result.network.populations[1].incoming[0].source == "conv_0"


def test_quantiser_that_reads_from_inside_another_one(tmp_path: Path) -> None:
    """Of two behind one clamp per channel, only the first can take it in; the second reads it."""
    limits = np.array([0.4, 0.8, 1.2, 1.6], np.float32).reshape(4, 1, 1)
    constants = {**Q, "n": limits, "d": limits / 4, "zero": numbers(0), "three": numbers(3)}
    model = build(
        """c = Conv(x, w) r = Relu(c) e = Min(r, n)
        a = Div(e, d) b = Round(a) f = Mul(b, d)
        g = Div(e, s) h = Clip(g, zero, three) i = Round(h) j = Mul(i, s) y = Add(f, j)""",
        constants,
    )
    result = _import(model, tmp_path)
    assert _kinds(result) == [m.Identity, m.Clip, m.Quantized, m.Quantized, m.Identity]
    first, second = (p.neuron for p in result.network.populations[2:4])
    assert isinstance(first, m.Quantized)
    assert isinstance(second, m.Quantized)
    assert (first.levels, second.levels) == (4, 3)


def test_quantisers_in_a_row_keep_their_own_scales(tmp_path: Path) -> None:
    """Round, scale by s, divide by t, round, scale by t, divide by s: the middle one is of t."""
    constants = {**Q, "t": numbers(0.31), "zero": numbers(0), "seven": numbers(7)}
    rounded = [
        f"{o}d = Div({i}, {s}) {o}r = Round({o}d) {o}k = Clip({o}r, zero, seven) "
        f"{o} = Mul({o}k, {s})"
        for i, o, s in (("c", "e", "s"), ("e", "f", "t"), ("f", "g", "s"))
    ]
    text = " ".join(["c = Conv(x, w)", *rounded, "y = Conv(g, v)"])
    result = _import(build(text, constants), tmp_path)
    assert _kinds(result) == [m.Quantized, m.Quantized, m.Quantized, m.Identity]
    steps = [p.neuron.step for p in result.network.populations[:3]]  # type: ignore[union-attr]
    np.testing.assert_allclose(steps, [0.25, 0.31, 0.25], rtol=1e-6)


def test_clamp_that_no_quantiser_takes_in_keeps_its_place(tmp_path: Path) -> None:
    """With a step per channel its bound is no level; transposes around a Relu hide it."""
    constants = {**Q, "zero": numbers(0), "one": numbers(1), "p": numbers(0.1, 0.2, 0.3, 0.4)}
    model = build(
        """c = Conv(x, w) a = Clip(c, zero, one) b = Transpose<perm=[0,2,3,1]>(a) r = Relu(b)
        d = Transpose<perm=[0,3,1,2]>(r) i = QuantizeLinear<axis=1>(d, p, n)
        q = DequantizeLinear<axis=1>(i, p, n) y = Conv(q, v)""",
        {**constants, "n": np.zeros(4, np.uint8)},
        opset=19,
    )
    result = _import(model, tmp_path)
    assert _kinds(result) == [m.Clip, m.Quantized, m.Identity]
    assert list(result.values.values()) == ["a", "q", "y"]


def test_quantised_value_with_another_reader_inside(tmp_path: Path) -> None:
    """A tensor inside a quantiser that something else reads is still computed."""
    model = _build(f"c = Conv(x, w) e = Div(c, t) g = Relu(e) {_qdq('g', 'a')} y = Add(a, e)")
    assert _kinds(_import(model, tmp_path)) == [m.Identity, m.Quantized, m.Identity]


@pytest.mark.parametrize(
    "between",
    [
        "f = MaxPool<kernel_shape=[2,2], strides=[2,2]>(a)",
        "f = Transpose<perm=[0,2,3,1]>(a)",
        "f = Identity(a)",
    ],
    ids=["max pool", "transpose", "identity"],
)
def test_repeated_quantiser_behind_what_only_moves_values(between: str, tmp_path: Path) -> None:
    text = f"c = Conv(x, w) {_qdq('c', 'a')} {between} {_qdq('f', 'b')} n = Neg(b) y = Flatten(n)"
    kinds = _kinds(_import(_build(text), tmp_path))
    assert kinds.count(m.Quantized) == 1


@pytest.mark.parametrize(
    ("between", "second"),
    [
        ("f = AveragePool<kernel_shape=[3,3], strides=[3,3]>(a)", _qdq("f", "b")),
        ("f = Identity(a)", _qdq("f", "b", "t")),
        ("f = Neg(a)", _qdq("f", "b", "s", "k")),
    ],
    ids=["average pool", "another step", "negative"],
)
def test_quantiser_that_changes_values_stays(between: str, second: str, tmp_path: Path) -> None:
    text = f"c = Conv(x, w) {_qdq('c', 'a')} {between} {second} n = Neg(b) y = Flatten(n)"
    assert _kinds(_import(_build(text), tmp_path)).count(m.Quantized) == 2


def test_narrower_quantiser_behind_a_wider_one_stays(tmp_path: Path) -> None:
    """The same step, but not all levels."""
    text = f"c = Conv(x, w) {_qdq('c', 'a', 's', 'k')} f = Flatten(a) {_qdq('f', 'b')} y = Neg(b)"
    assert _kinds(_import(_build(text), tmp_path)).count(m.Quantized) == 2


def test_relu_behind_a_shared_unsigned_quantiser_changes_nothing(tmp_path: Path) -> None:
    model = _build(f"c = Conv(x, w) {_qdq('c', 'a')} r = Relu(a) d = Conv(a, v) y = Add(d, r)")
    assert _kinds(_import(model, tmp_path)) == [m.Quantized, m.Identity]


def test_input_quantiser_is_a_population(tmp_path: Path) -> None:
    result = _import(_build(f"{_qdq('x', 'a')} y = Conv(a, w)"), tmp_path)
    assert _kinds(result) == [m.Quantized, m.Identity]
    assert result.network.populations[0].name == "quantized_0"
    assert result.network.populations[0].incoming == (m.Incoming("x"),)


def test_input_quantiser_is_named_after_the_input(tmp_path: Path) -> None:
    """As onnxruntime names its nodes."""
    model = _build(f"{_qdq('x', 'a')} y = Conv(a, w)")
    model.graph.node[0].name, model.graph.node[1].name = "x_QuantizeLinear", "x_DequantizeLinear"
    assert _import(model, tmp_path).network.populations[0].name == "x.quantized"


def test_quantised_residual_add(tmp_path: Path) -> None:
    model = _build(
        f"c = Conv(x, w) {_qdq('c', 'a')} d = Conv(a, v) {_qdq('d', 'b', 't', 'k')} "
        f"e = Add(a, b) g = Relu(e) {_qdq('g', 'h')} f = Flatten(h) y = Gemm<transB=1>(f, u)"
    )
    result = _import(model, tmp_path)
    assert _kinds(result) == [m.Quantized, m.Quantized, m.Quantized, m.Identity]
    join = result.network.populations[2]
    assert [i.source for i in join.incoming] == ["conv_0", "conv_3"]
    assert isinstance(join.neuron, m.Quantized)
    assert join.neuron.lowest == 0


def test_quantised_network_channels_last(tmp_path: Path) -> None:
    """The steps per channel of an NHWC tensor are those of the population's channels."""
    model = build(
        """t1 = Transpose<perm=[0,3,1,2]>(x) c = Conv(t1, w) n = Transpose<perm=[0,2,3,1]>(c)
        r = Relu(n) i = QuantizeLinear<axis=3>(r, s, z) q = DequantizeLinear<axis=3>(i, s, z)
        t2 = Transpose<perm=[0,3,1,2]>(q) y = Conv(t2, v)""",
        {
            "w": (4, 3, 3, 3),
            "v": (2, 4, 1, 1),
            "s": np.array([0.1, 0.2, 0.3, 0.4], np.float32),
            "z": np.zeros(4, np.uint8),
        },
        inputs="float[N,8,8,3] x",
        opset=19,
    )
    result = _import(model, tmp_path)
    assert _kinds(result) == [m.Quantized, m.Identity]
    neuron = result.network.populations[0].neuron
    assert isinstance(neuron, m.Quantized)
    assert isinstance(neuron.step, m.Ref)
    np.testing.assert_array_equal(
        result.network.array(neuron.step), np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    )


RESHAPED = {
    "relu, flatten": "f = Flatten(r) i = QuantizeLinear(f, s, z) q = DequantizeLinear(i, s, z)",
    "integers": "i = QuantizeLinear(r, s, z) f = Flatten(i) q = DequantizeLinear(f, s, z)",
    "integers twice": """o = Transpose<perm=[0,2,3,1]>(r) i = QuantizeLinear(o, s, z)
        b = Transpose<perm=[0,3,1,2]>(i) f = Flatten(b) q = DequantizeLinear(f, s, z)""",
    "float": "f = Flatten(r) a = Div(f, s) b = Clip(a, , top) d = Round(b) q = Mul(d, s)",
}


@pytest.mark.parametrize("case", RESHAPED)
def test_shape_operators_inside_a_quantiser(case: str, tmp_path: Path) -> None:
    """They change places with its parts: one population, as if they stood behind it."""
    text = f"c = Conv(x, w) r = Relu(c) {RESHAPED[case]} y = Gemm<transB=1>(q, u)"
    result = _import(build(text, {**Q, "top": numbers(255)}, opset=19), tmp_path)
    assert _kinds(result) == [m.Quantized, m.Identity]
    assert result.network.populations[0].shape == (4, 6, 6)
    assert result.report.convertible == result.report.nodes


def test_clamp_in_front_of_a_reshape_that_others_read_stays(tmp_path: Path) -> None:
    model = _build(
        f"c = Conv(x, w) r = Relu(c) f = Flatten(r) {_qdq('f', 'q')} "
        "a = Gemm<transB=1>(q, u) b = Gemm<transB=1>(f, u) y = Add(a, b)"
    )
    assert _kinds(_import(model, tmp_path)) == [m.Relu, m.Quantized, m.Identity]


# ---- outputs ---------------------------------------------------------------------------------

DENSE = "c = Conv(x, w) r = Relu(c) f = Flatten(r) l = Gemm<transB=1>(f, u)"


def test_quantiser_of_the_output_is_left_to_the_host(tmp_path: Path) -> None:
    result = _import(_build(f"{DENSE} {_qdq('l', 'y', 's', 'k')}"), tmp_path)
    assert _kinds(result) == [m.Relu, m.Identity]
    assert result.network.heads[0].readout == m.Logits(("QuantizeLinear", "DequantizeLinear"))
    assert "output y: QuantizeLinear, DequantizeLinear is left to the host" in result.notes
    assert result.report.convertible == result.report.nodes


def test_quantisers_around_softmax_are_left_to_the_host(tmp_path: Path) -> None:
    text = f"{DENSE} {_qdq('l', 'a', 's', 'k')} p = Softmax(a) {_qdq('p', 'y', 't')}"
    result = _import(_build(text), tmp_path)
    assert _kinds(result) == [m.Relu, m.Identity]
    quantise = ("QuantizeLinear", "DequantizeLinear")
    assert result.network.heads[0].readout == m.Logits((*quantise, "Softmax", *quantise))


def test_fake_quantised_output_is_left_to_the_host(tmp_path: Path) -> None:
    weights = {**Q, "lo": numbers(-8), "hi": numbers(7)}
    text = f"{DENSE} a = Div(l, s) b = Round(a) d = Clip(b, lo, hi) y = Mul(d, s)"
    result = _import(build(text, weights), tmp_path)
    assert result.network.heads[0].readout == m.Logits(("Div", "Round", "Clip", "Mul"))


@pytest.mark.parametrize(
    "text",
    [
        f"{DENSE} {_qdq('l', 'y')}",
        f"{DENSE} {_qdq('l', 'a', 's', 'k')} y = Relu(a)",
    ],
    ids=["unsigned", "relu behind"],
)
def test_quantised_activation_at_the_output_stays(text: str, tmp_path: Path) -> None:
    """Without negative levels it makes classes equal that were not: it is part of the network."""
    result = _import(_build(text), tmp_path)
    assert _kinds(result) == [m.Relu, m.Quantized]
    assert result.network.heads[0].readout == m.Logits()


def test_output_quantised_per_class_stays(tmp_path: Path) -> None:
    """Different steps may change the order of the classes."""
    weights = {
        **Q,
        "s": np.linspace(0.1, 0.5, 5).astype(np.float32),
        "k": np.full(5, 128, np.uint8),
    }
    result = _import(build(f"{DENSE} {_qdq('l', 'y', 's', 'k')}", weights, opset=19), tmp_path)
    assert _kinds(result) == [m.Relu, m.Quantized]


def test_quantised_output_that_a_layer_reads_stays(tmp_path: Path) -> None:
    text = f"c = Conv(x, w) {_qdq('c', 'y', 's', 'k')} z0 = Conv(y, v)"
    result = _import(_build(text, outputs=("y", "z0")), tmp_path)
    assert _kinds(result) == [m.Quantized, m.Identity]
    assert [head.population for head in result.network.heads] == ["conv_0", "conv_3"]


def test_import_of_a_quantised_network_is_the_same_twice(tmp_path: Path) -> None:
    model = _build(f"{DENSE} {_qdq('l', 'y')}")
    assert _import(model, tmp_path).network == _import(model, tmp_path).network
