"""What target loihi takes, and the reasons for which it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from loihi_exits import policies
from loihi_networks import GRADED, NETWORKS, build, inputs_for

from snnc.backends import TARGETS
from snnc.backends.reference import Simulator
from snnc.diagnostics import Diagnostic
from snnc.ir import model as m

TARGET = TARGETS["loihi"]


@dataclass(frozen=True)
class Program:
    network: m.Network
    files: dict[str, bytes] = field(default_factory=dict)


def findings(network: m.Network) -> list[Diagnostic]:
    return TARGET.check(network)


def changed(network: m.Network, name: str, **fields: Any) -> m.Network:
    """The network with other fields of one population."""
    populations = [replace(p, **fields) if p.name == name else p for p in network.populations]
    return replace(network, populations=tuple(populations))


def neuron(network: m.Network, name: str, **fields: Any) -> m.Network:
    made = replace(network.population(name).neuron, **fields)
    return changed(network, name, neuron=made)


def ops(network: m.Network, name: str, *chain: m.Operator, delay: int = 0) -> m.Network:
    incoming = replace(network.population(name).incoming[0], ops=chain, delay=delay)
    return changed(network, name, incoming=(incoming,))


def tensor(network: m.Network, name: str, change: Callable[[Any], Any]) -> m.Network:
    """The network with another weight of a population."""
    op = next(o for o in network.population(name).incoming[0].ops if m.references(o))
    (ref,) = m.references(op)
    return network.with_arrays({ref: change(network.array(m.Ref(ref)))})


@pytest.mark.parametrize("name", NETWORKS)
def test_it_takes_every_kind_of_network(name: str) -> None:
    assert findings(build(name)) == []


@pytest.mark.parametrize("name", ["heads", "gated_heads"])
def test_it_takes_every_integer_exit(name: str) -> None:
    for policy, network in policies(build(name, 3)).items():
        assert findings(network) == [], policy


def test_it_runs_a_network_as_the_simulator_does() -> None:
    network = build("qffs")
    given = inputs_for(network, 2)

    trace = TARGET.run(Program(network), given, record=["a"])
    np.testing.assert_array_equal(
        trace.rasters["a"], Simulator(network).run(given, record=["a"]).rasters["a"]
    )
    assert TARGET.engines == ("reference", "lava")
    assert TARGET.limits.stages == ("fixed",)
    assert TARGET.limits.weight_bits == 8


def _exit(network: m.Network, policy: m.ExitPolicy) -> m.Network:
    return replace(network, exit=policy)


def _coding(network: m.Network, coding: m.Coding) -> m.Network:
    return replace(network, inputs=(replace(network.inputs[0], coding=coding),))


def _scaled(network: m.Network, factor: float) -> m.Network:
    chain = network.population("conv1").incoming[0].ops
    return ops(network, "conv1", *chain, m.Scale(factor))


CONFIDENCE: dict[str, Any] = {"alpha": 1.0, "temperatures": (1.0,), "thresholds": (0.5,)}
REFUSED: dict[str, tuple[str, Callable[[m.Network], m.Network], str]] = {
    "stage": ("SN530", lambda n: replace(n, stage="snn"), "stage snn"),
    "latency": ("SN530", lambda n: replace(n, schedule=m.Synchronous(9)), "from layer to layer"),
    "direct": ("SN531", lambda n: _coding(n, m.Direct()), "coded as direct"),
    "events": ("SN531", lambda n: _coding(n, m.Events()), "any size"),
    "unread": (
        "SN531",
        lambda n: replace(n, inputs=(*n.inputs, m.Input("more", "f32", (3,), GRADED))),
        "no layer reads input more",
    ),
    "leak": ("SN532", lambda n: neuron(n, "conv1", leak=0.5), "leaks"),
    "leaky": ("SN532", lambda n: neuron(n, "conv1", negative_spikes="leaky"), "leaky ReLU"),
    "reset": ("SN532", lambda n: neuron(n, "conv1", reset="none"), "never resets"),
    "gate": (
        "SN532",
        lambda n: changed(n, "pool1", neuron=m.MaxGate2d((2, 2), (2, 2))),
        "no Lava process",
    ),
    "operator": ("SN533", lambda n: ops(n, "conv1", m.AvgPool2d((1, 1))), "AvgPool2d"),
    "chain": (
        "SN533",
        lambda n: ops(n, "conv1", *n.population("conv1").incoming[0].ops * 2),
        "chains 2 operators",
    ),
    "scale inside": (
        "SN533",
        lambda n: ops(n, "conv1", m.Scale(2.0), *n.population("conv1").incoming[0].ops),
        "scales before its end",
    ),
    "large weight": (
        "SN534",
        lambda n: tensor(n, "conv2", lambda w: w.astype("i2") * 0 - 128),
        "largest 128",
    ),
    "fraction": ("SN534", lambda n: tensor(n, "fc1", lambda w: w + 0.5), "8 bits"),
    "factor": ("SN535", lambda n: _scaled(n, 3.0), "scaled by 3.0"),
    "small factor": ("SN535", lambda n: _scaled(n, 0.5), "scaled by 0.5"),
    "threshold": ("SN536", lambda n: neuron(n, "fc1", threshold=2.5), "threshold is no whole"),
    "large start": ("SN536", lambda n: neuron(n, "out", v_init=2.0**24), "v_init reaches"),
    "current": ("SN537", lambda n: _scaled(n, 2.0**12), "a step can reach"),
    "potential": ("SN537", lambda n: neuron(n, "out", v_init=2.0**23 - 9), "its potential can"),
    "delay": (
        "SN538",
        lambda n: ops(n, "conv2", *n.population("conv2").incoming[0].ops, delay=63),
        "wait 63 steps",
    ),
    "confidence": (
        "SN539",
        lambda n: _exit(n, m.Confidence(heads=("head.out",), **CONFIDENCE)),
        "in fractions",
    ),
    "depth": (
        "SN539",
        lambda n: _exit(
            n, m.Patience(heads=("head.out",), repeats=(3,), order="depth", budgets=(4,))
        ),
        "order of depth",
    ),
    "kernel": (
        "SN540",
        lambda n: ops(
            n, "conv1", replace(n.population("conv1").incoming[0].ops[0], pads=(0, 130, 0, 0))
        ),  # type: ignore[type-var]
        "dilation of 133",
    ),
    "pool bias": ("SN541", lambda n: changed(n, "pool1", bias=m.Ref("t1")), "running maximum"),
    "read-out scale": (
        "SN542",
        lambda n: changed(n.with_arrays({"s": np.arange(1.0, 5.0)}), "out", scale=m.Ref("s")),
        "weighs its neurons",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_cannot_do_is_refused_with_place_and_cure(case: str) -> None:
    code, change, text = REFUSED[case]
    found = [d for d in findings(change(build("lenet"))) if d.code == code]
    assert len(found) == 1, found
    assert text in found[0].message
    assert found[0].help
    names = ("network", "input", "population", "ONNX node")
    assert found[0].where.startswith(names)
    if "population" in found[0].where:
        assert "ONNX nodes" in found[0].where


def test_a_saturation_makes_a_potential_fit() -> None:
    network = neuron(build("lenet"), "fc1", v_init=2.0**23 - 9)
    assert [d.code for d in findings(network)] == ["SN537"]
    assert findings(neuron(network, "fc1", saturation=2.0**23 - 1)) == []


def test_a_scale_that_a_read_out_does_not_count_with_may_differ() -> None:
    network = build("hard").with_arrays({"s": np.arange(1.0, 11.0), "t": np.arange(1.0, 9.0)})
    # Of layer a the step of the first spike is read, of layer b among others the spikes.
    assert findings(changed(network, "a", scale=m.Ref("s"))) == []
    (found,) = findings(changed(network, "b", scale=m.Ref("t")))
    assert (found.code, "head count" in found.message) == ("SN542", True)


def test_a_gated_exit_needs_equal_paths() -> None:
    network = policies(build("gated_heads", 3))["patience"]
    incoming = replace(network.population("pool").incoming[0], delay=1)
    (found,) = findings(changed(network, "pool", incoming=(incoming,)))
    assert found.code == "SN539"
    assert "late" in found.message
    assert findings(replace(changed(network, "pool", incoming=(incoming,)), exit=None)) == []


def test_all_reasons_are_told_at_once() -> None:
    network = neuron(neuron(build("lenet"), "conv1", leak=0.5), "fc1", reset="none")
    assert [d.code for d in findings(network)] == ["SN532", "SN532"]
