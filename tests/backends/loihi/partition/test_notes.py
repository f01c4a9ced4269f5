"""What a fit says beside its numbers, and that it says nothing where nothing is lacking."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from layout_networks import HARD, SOFT, Maker, chip, vector

from snnc.backends.loihi.partition.notes import notes_of
from snnc.ir import model as m

ONE, TWO = chip("loihi1"), chip("loihi2")


def with_input(coding: m.Coding) -> m.Network:
    network = vector(2, 2)
    return replace(network, inputs=(replace(network.inputs[0], coding=coding),))


def test_a_plain_network_on_loihi_1_needs_no_note() -> None:
    assert notes_of(vector(2, 2, SOFT), ONE) == ()


def test_loihi_2_is_called_an_estimate() -> None:
    (note,) = notes_of(vector(2, 2), TWO)
    assert "an estimate" in note
    assert "published no rules" in note


@pytest.mark.parametrize(
    ("coding", "says"),
    [(m.Direct(), "graded input"), (m.Rounded(0.5, 3), "graded input"), (m.Poisson(), "value -1")],
)
def test_what_inputs_send_that_loihi_1_does_not_have(coding: m.Coding, says: str) -> None:
    (note,) = notes_of(with_input(coding), ONE)
    assert says in note
    assert "(x)" in note
    assert not [n for n in notes_of(with_input(coding), TWO) if says in n]


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
def test_a_running_maximum_is_named_on_either_chip(name: str) -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((1, 1, 1, 1)),)))
    maker.add("pool", ("a", ()), neuron=m.RunningMax2d((2, 2), (2, 2)))
    notes = notes_of(maker.network(), chip(name))
    assert "running maximum (pool)" in notes[-1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"negative_spikes": "retract"}, "spikes of value -1 (fc)"), ({"max_spikes": 3}, "bound on")],
)
def test_what_neurons_do_that_loihi_1_does_not(changes: dict[str, object], says: str) -> None:
    network = vector(2, 2, replace(HARD, **changes))
    assert [says in note for note in notes_of(network, ONE)] == [True]
    assert not any(says in note for note in notes_of(network, TWO))


@pytest.mark.parametrize(
    ("threshold", "written"),
    [(255, True), (256, True), (257, False), (255 * 128, True), (256 * 128, False), (514, False)],
)
def test_a_soft_reset_subtracts_eight_bits_times_a_power_of_two(
    threshold: int, written: bool
) -> None:
    network = vector(2, 2, replace(SOFT, threshold=float(threshold)))
    notes = notes_of(network, ONE)
    assert (notes == ()) == written
    assert written or "thresholds of fc" in notes[0]
    assert notes_of(vector(2, 2, replace(HARD, threshold=float(threshold))), ONE) == ()


def test_entries_of_connections_back_are_said_to_be_left_out() -> None:
    maker = Maker((m.Input("x", "f32", (2,), m.Events()),))
    maker.add("a", ("x", ()))
    maker.add("b", ("a", ()))
    network = maker.network()
    first, second = network.populations
    back = replace(first, incoming=(*first.incoming, m.Incoming("b", (), 1)))
    (note,) = notes_of(replace(network, populations=(back, second)), ONE)
    assert "connections back (b to a)" in note


@pytest.mark.parametrize(
    ("bias", "written"),
    [
        (4095, True),
        (-4095, True),
        (4097, False),
        (4096, True),
        (4095 * 128, True),
        (1 << 20, False),
    ],
)
def test_a_bias_has_twelve_bits_times_a_power_of_two(bias: int, written: bool) -> None:
    maker = Maker()
    tensor = maker.tensor(np.array([1, bias], np.int32))
    maker.add("a", ("image", (maker.conv((2, 1, 1, 1)),)), bias=tensor)
    notes = notes_of(maker.network(), ONE)
    assert (notes == ()) == written
    assert written or "biases of a" in notes[0]
