"""New arrays of a pass: their names and their precision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.ir import model as m
from snnc.passes.tensors import NewTensors

THIRD = np.array([1 / 3, 2 / 3])


def network(dtype: type) -> m.Network:
    """A network of one layer whose weights have the given element type."""
    incoming = (m.Incoming("x", (m.Dense(m.Ref("w")),)),)
    layer = m.Population("fc", (2,), m.Identity(), incoming=incoming)
    head = m.Head("y", "fc", m.Logits())
    bare = m.Network("net", "ann", (m.Input("x", "f32", (2,)),), (layer,), (head,))
    return bare.with_arrays({"w": np.eye(2, dtype=dtype)})


@pytest.mark.parametrize(
    ("weights", "stored"), [(np.float32, np.float32), (np.float64, np.float64)]
)
def test_new_arrays_have_the_precision_of_the_network(weights: type, stored: type) -> None:
    tensors = NewTensors(network(weights))
    ref = tensors.put("third", THIRD)
    assert tensors.array(ref).dtype == stored
    assert np.array_equal(tensors.array(ref), THIRD.astype(stored))


def test_a_number_for_all_keeps_double_precision_in_a_network_of_doubles() -> None:
    same = np.array([1 / 3, 1 / 3])
    assert NewTensors(network(np.float64)).put_parameter("third", same) == 1 / 3
    assert NewTensors(network(np.float32)).put_parameter("third", same) == float(np.float32(1 / 3))


def test_whole_numbers_keep_their_type() -> None:
    tensors = NewTensors(network(np.float32))
    counts = np.arange(3, dtype=np.int64)
    assert tensors.array(tensors.put("counts", counts)).dtype == np.int64


def test_a_name_that_is_taken_by_other_content_gets_a_number() -> None:
    tensors = NewTensors(network(np.float32))
    assert tensors.put("w", np.eye(2)) == m.Ref("w")
    assert tensors.put("w", 2 * np.eye(2)) == m.Ref("w.2")
    assert tensors.put("w", 3 * np.eye(2)) == m.Ref("w.3")


def test_where_activations_are_rounded_new_arrays_are_doubles() -> None:
    """Else a folded weight would be rounded, and a sum near an edge could change its level."""
    plain = network(np.float32)
    rounded = replace(plain.populations[0], neuron=m.Quantized(0.5, 3))
    tensors = NewTensors(plain.with_populations([rounded]))
    assert tensors.array(tensors.put("third", THIRD)).dtype == np.float64
