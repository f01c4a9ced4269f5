"""Core maps of trained networks equal their layers, with each way to have partial sums."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.backends.truenorth.compare import compare
from snnc.backends.truenorth.mapping import mapped
from snnc.backends.truenorth.run_map import run_map
from snnc.backends.truenorth.target import TrueNorthTarget
from snnc.diagnostics import InputError
from snnc.driver.targets import find_target

ROOT = os.environ.get("SNNC_DATA")
needs_data = pytest.mark.skipif(ROOT is None, reason="SNNC_DATA is not set")


def compiled(options: str, steps: int) -> snnc.Compiled:
    """The multilayer perceptron of 784, 256, 127 and 10 for target truenorth."""
    assert ROOT is not None
    return snnc.compile(
        str(Path(ROOT) / "models" / "mnist_mlp.onnx"),
        target=f"truenorth{{{options}}}",
        calibration=f"{Path(ROOT) / 'data' / 'mnist.npz'}:train[:64]",
        steps=steps,
        preprocessing=snnc.Preprocessing(divide=255.0),
    )


@needs_data
@pytest.mark.parametrize(("policy", "steps", "images"), [("rate", 8, 8), ("exact", 3, 1)])
def test_partial_sums_of_a_trained_network(policy: str, steps: int, images: int) -> None:
    found = compiled(f"partial_sums={policy}", steps)
    target = find_target(found.target)
    assert isinstance(target, TrueNorthTarget)
    core_map = mapped(found.network, target)
    assert (core_map.ticks_per_step > 1) == (policy == "exact")
    assert ROOT is not None
    with np.load(Path(ROOT) / "data" / "mnist.npz", allow_pickle=False) as data:
        x = data["x_test"][:images].reshape(images, -1).astype(np.float32) / 255
    x = x.reshape(images, *found.network.inputs[0].shape)
    run = run_map(core_map, found.network, x)
    assert run.rasters[found.network.heads[0].population].any()
    assert compare(found.network, x, run) is None


@needs_data
def test_without_partial_sums_it_does_not_fit() -> None:
    with pytest.raises(InputError) as caught:
        compiled("", 8)
    assert [d.code for d in caught.value.diagnostics] == ["SN594"]
