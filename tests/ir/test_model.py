"""The network's own look-ups, and how tensors follow the populations that mention them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from strategies import random_network

from snnc.ir import model as m


def network() -> m.Network:
    a = m.Population("a", (2,), m.Clip(m.Ref("high")), bias=m.Ref("b"), scale=m.Ref("s"))
    a = replace(a, incoming=(m.Incoming("x", (m.Dense(m.Ref("w")), m.Scale(m.Ref("f")))),))
    c = m.Population("c", (2,), m.Relu(), incoming=(m.Incoming("a"), m.Incoming("x")))
    inputs = (m.Input("x", "f32", (2,)),)
    made = m.Network("n", "ann", inputs, (a, c), (m.Head("h", "c", m.Logits()),))
    arrays = {name: np.ones(2, np.float32) for name in ("high", "b", "s", "f")}
    return made.with_arrays({**arrays, "w": np.eye(2, dtype=np.float32)})


def test_entities_are_found_by_name() -> None:
    made = network()
    assert made.population("c") is made.populations[1]
    assert made.source_shape("x") == made.source_shape("a") == (2,)
    assert [p.name for p in made.consumers("x")] == ["a", "c"]
    with pytest.raises(KeyError):
        made.population("x")
    with pytest.raises(KeyError):
        made.source_shape("y")


def test_every_mention_of_a_tensor_is_found() -> None:
    assert m.referenced_tensors(network()) == ("high", "b", "s", "w", "f")


def test_adding_arrays_leaves_the_network_it_started_from_whole() -> None:
    old = network()
    new = old.with_arrays({"w": np.zeros((2, 2), np.float32)})
    assert old.array(m.Ref("w"))[0, 0] == 1.0
    assert new.array(m.Ref("w"))[0, 0] == 0.0
    assert old != new


def test_tensors_go_with_the_populations_that_mention_them() -> None:
    made = network()
    kept = made.with_populations([replace(made.populations[0], bias=None, scale=1.0)])
    assert sorted(kept.tensors) == ["f", "high", "w"]


def test_equality_looks_at_digests_and_not_at_the_store() -> None:
    assert network() == network()
    assert network().store is not network().store
    assert random_network(5, "ann") == random_network(5, "ann")
    assert network() != network().with_arrays({"b": np.zeros(2, np.float32)})


def test_networks_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        network().name = "other"  # type: ignore[misc]
