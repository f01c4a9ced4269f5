"""The real models in $SNNC_DATA/models: each imports through the gate or is refused in full."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snnc.diagnostics import InputError
from snnc.frontend.importer import import_model, survey
from snnc.ir import model as m

DATA = os.environ.get("SNNC_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="SNNC_DATA is not set")
FLOAT = ["mnist_mlp", "mnist_lenet", "mnist_multi_exit", "cifar10_vgg", "cifar10_resnet8"]
CONVERTED = {
    "cifar10_winml_classifier",
    "cntk_mnist_op7",
    "finn_tfc_multithreshold",
    "marabou_keras_cnn_max_mnist2",
    "marabou_mnist5x20_leakyrelu",
    "marabou_mnist_dropout",
    "marabou_two_in_two_out",
    "mlperf_ad01_autoencoder",
    "mlperf_kws_dscnn",
    "mlperf_resnet8",
    "onnx2c_velardo_mlp_keras",
    "qonnx_espcn_quant",
    "stm32_mobilenet_v2_035_128",
    "mnist",
    "light_resnet50",
    "light_shufflenet",
    "ultraface_slim_320",
}
LARGE = {"light_resnet50", "light_shufflenet", "light_inception_v1", "ultraface_slim_320"}


def _foreign() -> list[Path]:
    return sorted(Path(DATA, "models", "foreign").rglob("*.onnx")) if DATA else []


def _structure(network: m.Network) -> list[object]:
    """All but names of tensors and nodes: what the network computes, in what order."""
    return [
        (p.name, p.shape, type(p.neuron), p.bias is None, [(i.source, i.ops) for i in p.incoming])
        for p in network.populations
    ] + [(h.name, h.population, h.readout) for h in network.heads]


@pytest.mark.parametrize("name", FLOAT)
def test_both_pytorch_exports_are_one_network(name: str) -> None:
    """Same populations, names, operators and tensor names; weights equal to rounding."""
    first = import_model(Path(DATA, "models", f"{name}.onnx"))
    second = import_model(Path(DATA, "models", f"{name}_dynamo.onnx"))
    for result in (first, second):
        assert result.gate_error is not None
        assert result.gate_error < 1e-5
    assert _structure(first.network) == _structure(second.network)
    assert set(first.network.tensors) == set(second.network.tensors)
    for tensor in first.network.tensors:
        a, b = (n.array(m.Ref(tensor)) for n in (first.network, second.network))
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * max(1.0, float(np.abs(a).max())))


def test_scikit_learn_classifier() -> None:
    result = import_model(Path(DATA, "models", "skl_digits_mlp.onnx"))
    assert [p.shape for p in result.network.populations] == [(64,), (32,), (10,)]
    assert result.network.heads[0].readout == m.Logits(("Softmax",))


@pytest.mark.parametrize(
    "path", [p for p in _foreign() if p.stem not in LARGE], ids=lambda p: p.stem
)
def test_foreign_model_imports_or_is_refused(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Never a traceback, never a word on stderr, never a refusal without reason and cure."""
    try:
        result = import_model(path)
    except InputError as error:
        outcome = error.diagnostics
    else:
        outcome = ()
        assert result.gate_error is not None
        assert result.gate_error < 1e-4
    assert bool(outcome) == (path.stem not in CONVERTED)
    for diagnostic in outcome:
        assert diagnostic.help or diagnostic.code == "SN621"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", sorted(LARGE & CONVERTED))
def test_large_model_is_convertible(name: str) -> None:
    """Judged without the gate, which takes seconds; benchmarks/foreign_table.py runs it."""
    report = survey(Path(DATA, "models", "foreign", f"{name}.onnx"))
    assert not report.refused
    assert report.mac_share == 1.0


def test_perturbed_vgg_fails_the_gate_at_the_changed_layer() -> None:
    """Negative control on a real network: one weight of the fourth convolution changed by half."""
    from snnc.frontend.gate import check_values, random_inputs
    from snnc.frontend.runtime import Runner

    result = import_model(Path(DATA, "models", "cifar10_vgg.onnx"), gate=False)
    network = result.network
    (op,) = (o for o in network.populations[3].incoming[0].ops if isinstance(o, m.Conv2d))
    weight = network.array(op.weight).copy()
    weight[0, 0, 1, 1] += 0.5
    broken = replace(network.with_arrays({op.weight.name: weight}))
    runner = Runner(result, result.values.values(), "cifar10_vgg.onnx")
    with pytest.raises(InputError, match=network.populations[3].name):
        check_values(broken, result.values, runner, result.inputs, random_inputs(network, 2, 0))
