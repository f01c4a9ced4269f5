"""Real quantised networks, image by image: the spiking network is the quantised one.

Hundreds of images here; benchmarks/lossless.py does the same for whole test sets.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snnc.backends import TARGETS
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.frontend.importer import Imported, import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir.interpret import evaluate, levels, summed_input
from snnc.ir.tensors import Array
from snnc.options import build_all
from snnc.passes import PASSES
from snnc.passes.base import Context
from snnc.passes.defaults import default_pipeline
from snnc.passes.manager import run_pipeline

EXAMPLE = Path(__file__).parents[1] / "examples" / "mnist"
DRESSES = ("float", "float_dynamo", "qcdq", "uint4", "uint2", "w4a2")
MODELS = {
    **{f"mnist_cnn_lsq2_{dress}": 8 for dress in DRESSES},
    "mnist_cnn_qcfs_L4": 8,
    "mnist_cnn_qcfs_L4_dynamo": 8,
    "brevitas_mnist_lenet_w4a3_qonnx": 16,
}
"""Model to the step by which all images must be at rest."""
IMAGES = 200


def spiking_form(network: m.Network) -> m.Network:
    spec = default_pipeline(network, TARGETS["reference"].limits).spec
    return run_pipeline(network, build_all(spec, PASSES), Context(steps_given=False))


def unequal(imported: Imported, x: Array, trace: Trace) -> int:
    """Spike counts that are not the level of the imported network, both in float64."""
    network = imported.network
    values = {network.inputs[0].name: x, **evaluate(network, {network.inputs[0].name: x})}
    wrong = compared = 0
    for population in network.populations:
        if isinstance(population.neuron, m.Quantized):
            total = summed_input(network, population, values)
            expected = levels(population.neuron, total, network)
            wrong += int((trace.spike_counts[population.name] != expected).sum())
            compared += expected.size
    assert compared
    return wrong


def answers(imported: Imported, x: Array) -> Array:
    """The class of each image under onnxruntime."""
    output = imported.values[imported.network.heads[-1].population]
    classes: Array = Runner(imported, [output]).run(x)[output].reshape(len(x), -1).argmax(axis=1)
    return classes


def assert_lossless(path: Path, x: Array, rest: int) -> None:
    imported = import_model(path)
    trace = Simulator(spiking_form(imported.network)).run(x)
    assert trace.settled is not None
    assert trace.settled.min() > 0
    assert trace.settled.max() <= rest
    assert unequal(imported, x, trace) == 0
    np.testing.assert_array_equal(trace.logits().argmax(axis=1), answers(imported, x))


def test_the_bundled_network_on_all_its_test_images() -> None:
    pixels = np.load(EXAMPLE / "images.npz")["x_test"]
    x = pixels.reshape(len(pixels), 1, 28, 28).astype(np.float64) / 255
    assert_lossless(EXAMPLE / "quantised.onnx", x, 8)


@pytest.mark.parametrize("name", MODELS)
def test_real_networks_on_hundreds_of_images(name: str, shared: Path) -> None:
    pixels = np.load(shared / "data" / "mnist.npz")["x_test"][:IMAGES]
    x = pixels.reshape(IMAGES, 1, 28, 28).astype(np.float64) / 255
    assert_lossless(shared / "models" / f"{name}.onnx", x, MODELS[name])


def test_a_changed_threshold_is_noticed() -> None:
    """Negative control: one layer's threshold raised by a hundredth."""
    pixels = np.load(EXAMPLE / "images.npz")["x_test"][:50]
    x = pixels.reshape(50, 1, 28, 28).astype(np.float64) / 255
    imported = import_model(EXAMPLE / "quantised.onnx")
    spiking = spiking_form(imported.network)
    first, *others = spiking.populations
    assert isinstance(first.neuron, m.IF)
    assert isinstance(first.neuron.threshold, float)
    neuron = replace(first.neuron, threshold=1.01 * first.neuron.threshold)
    changed = (replace(first, neuron=neuron), *others)
    trace = Simulator(spiking.with_populations(changed)).run(x)
    assert unequal(imported, x, trace) > 0
