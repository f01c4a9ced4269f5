"""Networks with surrogates of spike times: from an ONNX file to spikes that say its values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import build, numbers, save

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.target import ReferenceTarget
from snnc.backends.reference.trace import Trace
from snnc.frontend.importer import Imported, import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.ir.tensors import Array
from snnc.ir.verify import verify
from snnc.options import build_all
from snnc.passes import PASSES
from snnc.passes.base import Context
from snnc.passes.defaults import default_pipeline
from snnc.passes.manager import run_pipeline

Kernel = tuple[float, float, float]
"""Time constant, delay and threshold."""

KERNELS: Mapping[str, Kernel] = {
    "pixel": (5.0, 0.0, 1.0),
    "first": (9.7, 0.3, 1.0),
    "second": (8.3, -1.2, 2.5),
}
WINDOW = 24


def _surrogate(name: str, source: str, rounding: m.Rounding) -> str:
    """Node lines from `source` to `name`."""
    n = name
    time = f"{n}_t = Ceil({n}_r)"
    if rounding == "round":
        time = f"{n}_r5 = Add({n}_r, half)\n{n}_t = Floor({n}_r5)"
    return f"""{n}_z = Relu({source})
        {n}_e = Add({n}_z, tiny)
        {n}_u = Div({n}_e, {n}_theta)
        {n}_l = Log({n}_u)
        {n}_late = Mul({n}_l, {n}_slope)
        {n}_since = Add({n}_late, {n}_delay)
        {n}_r = Relu({n}_since)
        {time}
        {n}_before = Sub({n}_delay, {n}_t)
        {n}_q = Div({n}_before, {n}_tau)
        {n}_f = Exp({n}_q)
        {n}_v = Mul({n}_f, {n}_theta)
        {n}_ok = LessOrEqual({n}_t, last)
        {n} = Where({n}_ok, {n}_v, zero)
        """


def _constants() -> dict[str, Array]:
    found: dict[str, Array] = {"tiny": numbers(1e-30), "zero": numbers(0), "half": numbers(0.5)}
    found["last"] = numbers(WINDOW - 1)
    for name, (tau, delay, theta) in KERNELS.items():
        found |= {f"{name}_tau": numbers(tau), f"{name}_slope": numbers(-tau)}
        found |= {f"{name}_delay": numbers(delay), f"{name}_theta": numbers(theta)}
    return found


def _model(rounding: m.Rounding, *, residual: bool = False) -> onnx.ModelProto:
    """Encoded input, convolution, max pooling, convolution, dense layer; or a residual sum."""
    middle = "p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(first)\n"
    shapes: dict[str, tuple[int, ...]] = {"w2": (6, 4, 3, 3), "w3": (5, 96)}
    if residual:
        middle = "p = Identity(first)\n"
        shapes = {"w2": (4, 4, 3, 3), "w3": (5, 256)}
    last = "c = Conv<pads=[1,1,1,1]>(p, w2, b2)\n"
    if residual:
        last = "c1 = Conv<pads=[1,1,1,1]>(p, w2, b2)\nc = Add(c1, p)\n"
    nodes = (
        _surrogate("pixel", "x", rounding)
        + "a = Conv<pads=[1,1,1,1]>(pixel, w1, b1)\n"
        + _surrogate("first", "a", rounding)
        + middle
        + last
        + _surrogate("second", "c", rounding)
        + "g = Flatten(second)\ny = Gemm<transB=1>(g, w3, b3)"
    )
    weights = {"w1": (4, 3, 3, 3), "b1": (4,), "b2": (shapes["w2"][0],), "b3": (5,), **shapes}
    used = {k: v for k, v in _constants().items() if k in nodes}
    return build(nodes, {**weights, **used})


def _compiled(imported: Imported, context: Context) -> m.Network:
    choice = default_pipeline(imported.network, ReferenceTarget().limits)
    assert choice.spec == "fold-batch-norm,fuse-linear,max-pool,schedule-ttfs"
    assert "keep their kernels" in choice.reason
    network = run_pipeline(
        imported.network, build_all(choice.spec, PASSES), context, check_text=True
    )
    assert not verify(network)
    return network


def _decoded(network: m.Network, trace: Trace, name: str) -> Array:
    neuron = network.population(name).neuron
    assert isinstance(neuron, m.TTFS)
    return spike_times.decode(trace.spike_times[name], spike_times.values(neuron))


@pytest.mark.parametrize("residual", [False, True], ids=["pooled", "residual"])
@pytest.mark.parametrize("rounding", ["ceil", "round"])
def test_decoded_spikes_are_the_values_of_the_file(
    rounding: m.Rounding, residual: bool, tmp_path: Path
) -> None:
    """Every neuron's spike stands for what onnxruntime computes: the proof of the whole way."""
    imported = import_model(save(_model(rounding, residual=residual), tmp_path))
    x = np.random.default_rng(3).uniform(0, 1.2, (12, 3, 8, 8)).astype(np.float32)
    network = _compiled(imported, Context(calibration={"x": x}))
    (entry,) = network.inputs
    tau, delay, theta = (float(np.float32(v)) for v in KERNELS["pixel"])
    assert entry.coding == m.SpikeTime(tau, WINDOW, delay, theta, rounding)
    trace = Simulator(network, dtype="float64").run(x)
    wanted = Runner(imported, ["first", "second", "y"]).run(x)
    timed = [p.name for p in network.populations if isinstance(p.neuron, m.TTFS)]
    assert len(timed) == 2
    for name, tensor in zip(timed, ("first", "second"), strict=True):
        value = _decoded(network, trace, name)
        np.testing.assert_allclose(value, wanted[tensor], rtol=3e-6, atol=0)
        assert 0.1 < (value > 0).mean() < 0.95
        assert len(np.unique(trace.spike_times[name])) > 10
    np.testing.assert_allclose(trace.logits(), wanted["y"], rtol=1e-5, atol=1e-5)


def test_another_kernel_gives_other_spikes(tmp_path: Path) -> None:
    """The negative control: with one step of delay more, the comparison above fails."""
    imported = import_model(save(_model("ceil"), tmp_path))
    x = np.random.default_rng(3).uniform(0, 1.2, (4, 3, 8, 8)).astype(np.float32)
    wanted = Runner(imported, ["first"]).run(x)["first"]
    network = _compiled(imported, Context(calibration={"x": x}))
    found = next(p for p in network.populations if isinstance(p.neuron, m.TTFS))
    assert isinstance(found.neuron, m.TTFS)
    moved = replace(found, neuron=replace(found.neuron, delay=found.neuron.delay + 0.5))
    changed = network.with_populations(moved if p is found else p for p in network.populations)
    trace = Simulator(changed, dtype="float64").run(x)
    assert not np.allclose(_decoded(changed, trace, found.name), wanted, rtol=1e-3, atol=0)


def test_negative_inputs_stay_silent_as_they_were_trained(tmp_path: Path) -> None:
    """An input with negative values keeps the population that drops them, and its kernel."""
    imported = import_model(save(_model("round"), tmp_path))
    x = np.random.default_rng(3).normal(0, 1, (8, 3, 8, 8)).astype(np.float32)
    context = Context(calibration={"x": x})
    network = _compiled(imported, context)
    assert any("it drops the negative values of the input" in note for note in context.notes)
    trace = Simulator(network, dtype="float64").run(x)
    wanted = Runner(imported, ["pixel", "y"]).run(x)
    first = network.populations[0].name
    np.testing.assert_allclose(_decoded(network, trace, first), wanted["pixel"], rtol=3e-6, atol=0)
    np.testing.assert_allclose(trace.logits(), wanted["y"], rtol=1e-5, atol=1e-5)


def test_kernels_of_the_metadata_are_the_same_network(tmp_path: Path) -> None:
    """A file of plain Relu nodes with `snnc.ttfs` spikes as the one with the surrogates in it."""
    model = build(
        """a = Conv<pads=[1,1,1,1]>(x, w1, b1)
        first = Relu(a)
        p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(first)
        c = Conv<pads=[1,1,1,1]>(p, w2, b2)
        second = Relu(c)
        g = Flatten(second)
        y = Gemm<transB=1>(g, w3, b3)""",
        {
            t.name: onnx.numpy_helper.to_array(t)
            for t in _model("round").graph.initializer
            if t.name[0] in "wb" and t.name[1:].isdigit()
        },
    )
    entry = model.metadata_props.add()
    entry.key = "snnc.ttfs"
    names = {"Relu_1": "first", "Relu_4": "second"}
    kernels = {
        node: dict(zip(("tau", "delay", "threshold"), KERNELS[name], strict=True))
        for node, name in names.items()
    }
    inputs = {"x": {"tau": KERNELS["pixel"][0]}}
    entry.value = json.dumps({"window": WINDOW, "kernels": kernels, "inputs": inputs})
    imported = import_model(save(model, tmp_path))
    x = np.random.default_rng(3).uniform(0, 1.2, (6, 3, 8, 8)).astype(np.float32)
    network = _compiled(imported, Context(calibration={"x": x}))
    found = [p.neuron for p in network.populations if isinstance(p.neuron, m.TTFS)]
    assert found == [m.TTFS(KERNELS[n][0], WINDOW, *KERNELS[n][1:]) for n in names.values()]
    trace = Simulator(network, dtype="float64").run(x)
    spelled = import_model(save(_model("round"), tmp_path, "spelled.onnx"))
    wanted = Runner(spelled, ["y"]).run(x)["y"]
    np.testing.assert_allclose(trace.logits(), wanted, rtol=1e-4, atol=1e-4)
