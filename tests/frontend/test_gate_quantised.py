"""The import gate on quantised networks: each layer by itself, exact but at rounding edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx_models import build, numbers, save

from snnc.diagnostics import InputError
from snnc.frontend.edges import compare_levels
from snnc.frontend.gate import Comparison, check_values, loud_inputs, random_inputs
from snnc.frontend.importer import import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m

RNG = np.random.default_rng(5)
W1 = (RNG.normal(size=(4, 3, 3, 3)) / 3).astype(np.float32)
W2 = (RNG.normal(size=(5, 144)) / 12).astype(np.float32)
STEP = numbers(0.21, 0.34, 0.27, 0.5)
VALUES = {"conv": "q", "fc": "y"}


def _model(floor: str = "Floor", zero_point: float = 0.0) -> Runner:
    """A convolution, a staircase of 0 to 3 steps written out, and a dense layer."""
    model = build(
        f"""a = Conv(x, w1)
        d = Div(a, s)
        e = Add(d, shift)
        f = {floor}(e)
        c = Clip(f, lo, hi)
        z = Sub(c, zero)
        q = Mul(z, s)
        g = Flatten(q)
        y = Gemm<transB=1>(g, w2)""",
        {
            "w1": W1,
            "w2": W2,
            "s": STEP.reshape(4, 1, 1),
            "shift": numbers(0.5 if floor == "Floor" else 0.0),
            "zero": numbers(zero_point),
            "lo": numbers(0),
            "hi": numbers(3),
        },
    )
    return Runner(model, ["q", "y"], "model.onnx")


def _network(ties: Any = "up", **changes: Any) -> m.Network:
    neuron = replace(m.Quantized(m.Ref("step"), 3, ties=ties), **changes)
    conv = m.Population(
        "conv", (4, 6, 6), neuron, incoming=(m.Incoming("x", (m.Conv2d(m.Ref("w1")),)),)
    )
    dense = (m.Flatten(), m.Dense(m.Ref("w2")))
    fc = m.Population("fc", (5,), m.Identity(), incoming=(m.Incoming("conv", dense),))
    network = m.Network(
        "net",
        "ann",
        (m.Input("x", "f32", (3, 8, 8)),),
        (conv, fc),
        (m.Head("y", "fc", m.Logits()),),
    )
    return network.with_arrays({"w1": W1, "w2": W2, "step": STEP})


def _check(network: m.Network, runner: Runner | None = None, scale: float = 1.0) -> Comparison:
    inputs = {k: a * np.float32(scale) for k, a in random_inputs(network, 4, seed=2).items()}
    return check_values(network, VALUES, runner or _model(), {"x": "x"}, inputs)


@pytest.mark.parametrize(("floor", "ties"), [("Floor", "up"), ("Round", "even")])
def test_same_staircase_passes(floor: str, ties: str) -> None:
    found = _check(_network(ties), _model(floor))
    assert found.error < 1e-6
    assert found.quantized == 4 * 4 * 6 * 6
    assert found.at_edge <= 1


def _changed(name: str, index: int, factor: float) -> Callable[[], m.Network]:
    def make() -> m.Network:
        network = _network()
        array = network.array(m.Ref(name)).copy()
        array.flat[index] *= factor
        return network.with_arrays({name: array})

    return make


@pytest.mark.parametrize(
    ("make", "population"),
    [
        (_changed("w1", 7, 1.5), "conv"),
        (_changed("w2", 40, 1.5), "fc"),
        (_changed("step", 2, 1.001), "conv"),
        (lambda: _network(levels=4), "conv"),
        (lambda: _network(levels=2), "conv"),
        (lambda: _network(lowest=-1), "conv"),
        (lambda: _network(shift=0.45), "conv"),
        (lambda: _network(shift=0.0), "conv"),
    ],
    ids=["weight", "dense weight", "step", "more levels", "less", "lowest", "shift", "no shift"],
)
def test_one_wrong_number_fails_at_its_layer(
    make: Callable[[], m.Network], population: str
) -> None:
    """Negative control: each constant of a staircase, and the weights around it, must be right."""
    with pytest.raises(InputError, match="SN614") as caught:
        _check(make())
    assert f"population {population} " in caught.value.diagnostics[0].message


def test_forgotten_zero_point_fails() -> None:
    """A zero point moves all values by whole steps, which no rounding edge explains."""
    with pytest.raises(InputError, match="SN614"):
        _check(_network(), _model(zero_point=1.0))
    shifted = _network(lowest=-1, levels=2, shift=-0.5)
    assert _check(shifted, _model(zero_point=1.0)).error < 1e-6


def test_level_that_usual_inputs_do_not_reach_is_checked(tmp_path: Path) -> None:
    """The import runs on loud inputs too, which reach the last level: 3, where 7 is wrong."""
    model = build(
        """d = Div(x, s)
        c = Clip(d, lo, hi)
        r = Round(c)
        q = Mul(r, s)
        g = Flatten(q)
        y = Gemm<transB=1>(g, w)""",
        {"w": (5, 192), "s": numbers(2), "lo": numbers(0), "hi": numbers(3)},
    )
    result = import_model(save(model, tmp_path))
    runner = Runner(result, result.values.values())
    usual, loud = random_inputs(result.network, 4, 0), loud_inputs(result.network, 2, 0)
    first, *rest = result.network.populations
    assert isinstance(first.neuron, m.Quantized)
    wrong = replace(first, neuron=replace(first.neuron, levels=7))
    broken = result.network.with_populations([wrong, *rest])
    check_values(broken, result.values, runner, result.inputs, usual)
    with pytest.raises(InputError, match="SN614"):
        check_values(broken, result.values, runner, result.inputs, loud)
    found = [
        check_values(result.network, result.values, runner, result.inputs, x) for x in (usual, loud)
    ]
    merged = found[0].merged(found[1])
    assert merged.quantized == 6 * 192
    assert merged.error == max(f.error for f in found)
    assert result.gate_error is not None


def test_one_flipped_level_does_not_spread() -> None:
    """The dense layer is judged on onnxruntime's levels, so a flip in front of it is no error."""
    x = np.zeros((1, 3, 8, 8), np.float32)
    network = _network()
    weight = np.zeros_like(W1)
    weight[:, 0, 1, 1] = 1.0
    moved = network.with_arrays({"w1": weight})
    model = build(
        """a = Conv(x, w1)
        d = Div(a, s)
        e = Add(d, shift)
        f = Floor(e)
        c = Clip(f, lo, hi)
        q = Mul(c, s)
        g = Flatten(q)
        y = Gemm<transB=1>(g, w2)""",
        {
            "w1": weight,
            "w2": W2,
            "s": STEP.reshape(4, 1, 1),
            "shift": numbers(0.5004),
            "lo": numbers(0),
            "hi": numbers(3),
        },
    )
    x[0, 0, 3, 3] = 1.4998 * STEP[1]
    found = check_values(moved, VALUES, Runner(model, ["q", "y"]), {"x": "x"}, {"x": x})
    assert found.at_edge == 1
    assert "1 of 144 quantised values" in found.notes()[0]
    x[0, 0, 3, 3] = 1.49 * STEP[1]
    found = check_values(moved, VALUES, Runner(model, ["q", "y"]), {"x": "x"}, {"x": x})
    assert (found.at_edge, found.notes()) == (0, ())


# ---- one layer's verdict ----------------------------------------------------------------------


def _verdict(place: list[float], wanted: list[float], **changes: Any) -> tuple[int, str]:
    """Step 1, levels 0 to 3, shift 0.5: `place` is the summed input, `wanted` the levels."""
    neuron = replace(m.Quantized(1.0, 3), **changes)
    x = np.array([place], dtype=np.float64)
    target: NDArray[Any] = np.array([wanted], dtype=np.float32)
    found = compare_levels(_network(), neuron, x, target, 1e-4 * 3)
    return found.at_edge, found.fault


def test_either_level_is_right_at_an_edge() -> None:
    assert _verdict([1.4995, 1.5005, 0.2], [2, 1, 0]) == (2, "")


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (1.49, 2.0),  # one level, too far from the edge
        (1.51, 1.0),
        (1.4995, 0.0),  # the edge above does not explain the level below
        (1.4995, 3.0),  # two levels
        (3.5, 4.0),  # a level that the staircase does not have
        (-0.5, -1.0),
        (1.0, 1.5),  # no level at all
        (1.0, 1.001),
    ],
)
def test_any_other_difference_is_a_fault(place: float, wanted: float) -> None:
    edges, fault = _verdict([place, 0.0], [wanted, 0.0])
    assert edges == 0
    assert "1 of 2 values: at [0, 0]" in fault


def test_many_values_at_edges_mean_other_ties() -> None:
    """Integers halved lie on edges all the time: ties up for ties to even is found there."""
    place = list(np.arange(-8, 8) / 2.0)
    even = list(np.clip(np.rint(place), 0, 3))
    assert _verdict(place, even, ties="even") == (0, "")
    edges, fault = _verdict(place * 3, even * 3)
    assert edges == 6
    assert "ties are rounded differently" in fault


def test_many_values_near_edges_are_chance() -> None:
    """Means of whole levels of a step that float32 rounds: either side is right, for any number."""
    place = list(np.arange(0.5, 3.0, 1.0) + 1e-8) * 30
    edges, fault = _verdict(place, list(np.floor(place)))
    assert (edges, fault) == (90, "")


@pytest.mark.parametrize(("step", "other_ties"), [(0.25, True), (0.3, False)])
def test_ties_are_chance_where_float32_rounds_the_steps(step: float, other_ties: bool) -> None:
    """Whole numbers times 0.25 are exact in float32, so a tie there is one for onnxruntime too."""
    place = np.array([0.5, 2.5] * 40, np.float32).astype(np.float64)
    neuron = m.Quantized(step, 3)
    wanted = (np.rint(place) * step)[None]
    found = compare_levels(_network(), neuron, place[None] * step, wanted, 1e-4)
    assert ("ties" in found.fault) == other_ties
    assert found.at_edge == 80


def test_averages_on_ties_are_no_fault(tmp_path: Path) -> None:
    """Means of four whole levels of 0.3: every fourth is a tie, and float32 picks a side."""
    model = build(
        """a = Conv(x, w1) b = QuantizeLinear(a, s, z) q = DequantizeLinear(b, s, z)
        p = AveragePool<kernel_shape=[2,2]>(q)
        c = QuantizeLinear(p, s, z) d = DequantizeLinear(c, s, z) y = Conv(d, w2)""",
        {"w1": (8, 3, 3, 3), "s": numbers(0.3), "z": np.array(0, np.uint8), "w2": (2, 8, 1, 1)},
        opset=21,
    )
    result = import_model(save(model, tmp_path))
    assert "at a rounding edge" in result.notes[0]


def test_many_levels_widen_the_edges_by_the_rounding_of_float32() -> None:
    """Of 16 bits a float32 sum does not know a thousandth of a step."""
    exact = [40000.48, 1.0]
    assert _verdict(exact, [40001.0, 1.0], levels=65535)[0] == 1
    assert _verdict([1.48, 1.0], [2.0, 1.0], levels=65535)[1]


def test_fine_levels_are_told_apart() -> None:
    """A ten-thousandth of the layer's scale is more than a step of 16 bits; it must not pass."""
    neuron = m.Quantized(1.0, 65535)
    x = np.array([[65000.2, 100.0]])
    wanted = np.array([[65000.0, 102.0]])
    assert compare_levels(_network(), neuron, x, wanted, 6.5).fault
