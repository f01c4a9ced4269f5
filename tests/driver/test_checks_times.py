"""The check after every pass on networks of spike times: exact, and precise on a changed one."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest

from snnc.diagnostics import InputError
from snnc.driver.checks import CheckPasses
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir import model as m
from snnc.options import build_all
from snnc.passes import PASSES, TTFS_PIPELINE, TTFS_TRAINED_PIPELINE
from snnc.passes.base import Context
from snnc.passes.manager import run_pipeline

FIRST, SECOND = m.TTFS(6.0, 24, 0.5, 1.5), m.TTFS(4.0, 24, -0.3, 0.8, "ceil")


def perturbed(network: m.Network, tensor: str, by: float) -> m.Network:
    changed = network.array(m.Ref(tensor)).copy()
    changed.flat[0] += by
    return network.with_arrays({tensor: changed})


def _network(first: m.Neuron, second: m.Neuron, *, encoded: bool) -> m.Network:
    """Encoded input or not, convolution, max pooling, convolution, dense."""
    b = nets.Builder(seed=6, shape=(2, 6, 6))
    source = "image"
    if encoded:
        b.add("pixel", (2, 6, 6), FIRST, ("image", ()))
        source = "pixel"
    b.add("first", (3, 6, 6), first, (source, (b.conv("first", 3, 2),)), bias=(3,))
    b.add("pool", (3, 3, 3), m.MaxPool2d((2, 2), (2, 2)), ("first", ()))
    b.add("second", (3, 3, 3), second, ("pool", (b.conv("second", 3, 3),)))
    b.add("fc", (4,), m.Identity(), ("second", (m.Flatten(), b.dense("fc", 4, 27))))
    return b.network("fc")


def _run(ann: m.Network, spec: str) -> tuple[m.Network, CheckPasses]:
    x = np.random.default_rng(0).random((20, 2, 6, 6), dtype=np.float32)
    check = CheckPasses(InterpretedAnn(ann), x)
    context = Context(calibration={"image": x})
    return run_pipeline(ann, build_all(spec, PASSES), context, [check]), check


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("trained", [False, True])
def test_every_pass_is_compared_and_nothing_found(trained: bool, encoded: bool) -> None:
    """A layer that is compared with the ANN is off by rounding errors of floats only."""
    neurons = (FIRST, SECOND) if trained else (m.Relu(), m.Relu())
    ann = _network(*neurons, encoded=encoded)
    spec = TTFS_TRAINED_PIPELINE if trained else TTFS_PIPELINE
    network, check = _run(ann, spec)
    found = {(r.measure, r.spec.split("{")[0]): r for r in check.results}
    row = found["times", "schedule-ttfs"]
    assert row.layers == len(network.populations) == 4
    assert row.worst_difference < 1e-6
    assert ("values", "max-pool") in found
    assert ("rates", "schedule-ttfs") in found


@pytest.mark.parametrize("trained", [False, True])
def test_a_changed_weight_is_found_in_its_layer(trained: bool) -> None:
    neurons = (FIRST, SECOND) if trained else (m.Relu(), m.Relu())
    ann = _network(*neurons, encoded=False)
    network, check = _run(ann, TTFS_TRAINED_PIPELINE if trained else TTFS_PIPELINE)
    name = next(t for t in network.tensors if t.startswith("second") and "weight" in t)
    with pytest.raises(InputError, match=r"SN930.*layer second"):
        check(9, "schedule-ttfs", network, perturbed(network, name, 0.05))


@pytest.mark.parametrize("change", ["delay", "threshold", "rounding"])
def test_a_changed_kernel_is_found_where_it_was_read(change: str) -> None:
    """At stage ann a kernel that a pass changed is no longer the trained function."""
    ann = _network(FIRST, SECOND, encoded=True)
    _, check = _run(ann, "fold-batch-norm")
    changes = {"delay": 0.7, "threshold": 1.4, "rounding": "ceil"}
    kernel = replace(FIRST, **{change: changes[change]})  # type: ignore[arg-type]
    populations = [replace(p, neuron=kernel) if p.name == "first" else p for p in ann.populations]
    with pytest.raises(InputError, match=r"SN930.*layer first") as caught:
        check(2, "fuse-linear", ann, ann.with_populations(populations))
    assert "summed input of" in caught.value.diagnostics[0].message
