"""What target c takes, and the reasons for which it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from loihi_exits import policies
from loihi_networks import NETWORKS, Builder, build, via

from snnc.backends import TARGETS
from snnc.ir import model as m

TARGET = TARGETS["c"]


def changed(network: m.Network, name: str, **fields: Any) -> m.Network:
    populations = [replace(p, **fields) if p.name == name else p for p in network.populations]
    return replace(network, populations=tuple(populations))


def neuron(network: m.Network, name: str, **fields: Any) -> m.Network:
    return changed(network, name, neuron=replace(network.population(name).neuron, **fields))  # type: ignore[type-var]


def coded(network: m.Network, coding: m.Coding) -> m.Network:
    return replace(network, inputs=(replace(network.inputs[0], coding=coding),))


def heavy(network: m.Network) -> m.Network:
    """Weights that need 17 bits."""
    ref = network.population("fc1").incoming[0].ops[1].weight  # type: ignore[union-attr]
    return network.with_arrays({ref.name: np.full(network.array(ref).shape, 40000, np.int32)})


def pooled_twice(network: m.Network) -> m.Network:
    return changed(network, "pool1", incoming=(via("conv1"), via("conv1")))


def by_depth(network: m.Network) -> m.Network:
    names = tuple(head.name for head in network.heads)
    policy = m.Patience(heads=names, repeats=(2, 2, 2), order="depth", budgets=(4, 4))
    return replace(network, exit=policy)


def fractional_exit(network: m.Network) -> m.Network:
    policy = m.Confidence(heads=("head.out",), alpha=1.0, temperatures=(1.0,), thresholds=(0.5,))
    return replace(network, exit=policy)


def mixed_units(network: m.Network) -> m.Network:
    scale = network.with_arrays({"scale": np.array([1.0, 2.0, 1.0, 1.0], np.float32)})
    return changed(scale, "out", scale=m.Ref("scale"))


def phased(network: m.Network) -> m.Network:
    count = len(network.populations)
    return replace(network, schedule=m.Phased(9, 3, (0,) * count, (3,) * count))


def timed(network: m.Network) -> m.IntegerTTFS:
    ref = next(iter(network.tensors))
    return m.IntegerTTFS(m.Ref(ref), m.Ref(ref))


REFUSED: dict[str, tuple[str, str, Callable[[m.Network], m.Network]]] = {
    "stage": ("SN550", "lenet", lambda n: replace(n, stage="snn")),
    "direct input": ("SN551", "lenet", lambda n: coded(n, m.Direct())),
    "events of any size": ("SN551", "lenet", lambda n: coded(n, m.Events())),
    "huge events": ("SN551", "lenet", lambda n: coded(n, m.Events(1 << 20))),
    "a leak": ("SN552", "lenet", lambda n: neuron(n, "conv1", leak=0.5)),
    "a leaky ReLU": ("SN552", "lenet", lambda n: neuron(n, "conv1", negative_spikes="leaky")),
    "a gate": ("SN552", "lenet", lambda n: changed(n, "pool1", neuron=m.MaxGate2d((2, 2), (2, 2)))),
    "an unknown neuron": ("SN552", "lenet", lambda n: changed(n, "conv2", neuron=m.Relu())),
    "spike times without phases": (
        "SN552",
        "lenet",
        lambda n: changed(n, "conv2", neuron=timed(n)),
    ),
    "other neurons in phases": ("SN552", "lenet", phased),
    "no schedule": ("SN564", "lenet", lambda n: replace(n, schedule=None)),
    "a fraction": ("SN553", "lenet", lambda n: changed(n, "fc1", incoming=(half(n),))),
    "wide weights": ("SN554", "lenet", heavy),
    "a fractional threshold": ("SN555", "lenet", lambda n: neuron(n, "conv1", threshold=1.5)),
    "a huge threshold": ("SN555", "lenet", lambda n: neuron(n, "conv1", threshold=2.0**40)),
    "a sum beyond 32 bits": ("SN556", "lenet", lambda n: neuron(n, "conv1", v_init=2.0**31 - 1)),
    "a policy in fractions": ("SN557", "lenet", fractional_exit),
    "order depth": ("SN557", "heads", by_depth),
    "a pool of two": ("SN558", "lenet", pooled_twice),
    "other units": ("SN559", "lenet", mixed_units),
}


def half(network: m.Network) -> m.Incoming:
    incoming = network.population("fc1").incoming[0]
    return replace(incoming, ops=(*incoming.ops, m.Scale(0.5)))


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_form_in_c_is_refused_by_name(what: str) -> None:
    code, base, change = REFUSED[what]
    found = TARGET.check(change(build(base)))
    assert code in {d.code for d in found}
    assert all(d.message and d.where for d in found)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_target_loihi_is_taken(name: str) -> None:
    assert TARGET.check(build(name)) == []


def test_exits_in_whole_numbers_are_taken() -> None:
    for network in policies(build("heads")).values():
        assert TARGET.check(network) == []


def test_operators_without_a_kernel_are_written_out_as_a_matrix() -> None:
    b = Builder(1)
    x = b.input("x", (2, 4, 4))
    b.add("a", m.IF(50.0), via(x, b.conv(3, 2, (3, 3), (1, 1), (1, 1, 1, 1))))
    ops = (m.Pad2d((1, 0, 0, 1)), m.Transpose((0, 2, 1)), m.Slice(1, 0, 4, 2), m.Scale(8.0))
    b.add("b", m.IF(20.0), via("a", *ops))
    b.out("b")
    network = b.network("odd", 6)
    assert TARGET.check(network) == []
    large = replace(network, inputs=(replace(network.inputs[0]),))
    assert TARGET.check(large) == []


def test_the_pipeline_of_the_target_ends_in_whole_numbers_without_hops() -> None:
    assert TARGET.pipeline == ("fold-chains", "quantize-weights{target=c}")
    assert TARGET.engines == ("c", "reference")
