"""What a tiled layer takes of its cores, and the limits that it breaks."""

from __future__ import annotations

import numpy as np
from layout_networks import HARD, SOFT, Maker, chip, vector

from snnc.backends.loihi.partition.budgets import (
    Excess,
    excesses,
    impossible,
    inside,
    thresholds,
    too_much,
)
from snnc.backends.loihi.partition.layers import layers_of
from snnc.backends.loihi.partition.reach import reach
from snnc.backends.loihi.partition.tiles import Tiling
from snnc.ir import model as m

ONE = chip()


def test_a_core_takes_axons_for_its_inputs_and_for_its_own_neurons() -> None:
    """Cores of 3 and 2 neurons, 4 inputs: a word for each input and for each neuron."""
    for neuron, own in ((HARD, 0), (SOFT, 1)):
        (layer,) = layers_of(vector(4, 5, neuron), ONE)
        used = inside(layer, Tiling((5, 1, 1), (3, 1, 1)), ONE, reach)
        assert used.compartments.reshape(-1).tolist() == [3 * (1 + own), 2 * (1 + own)]
        assert used.axons.reshape(-1).tolist() == [4 + 3 * own, 4 + 2 * own]
        assert used.memory.reshape(-1).tolist() == [8 * (4 + 3 * own), 8 * (4 + 2 * own)]
        assert used.words_per_axon == 1


def test_every_broken_limit_is_told_with_its_numbers() -> None:
    (layer,) = layers_of(vector(4, 5, SOFT), ONE)
    used = inside(layer, Tiling((5, 1, 1), (5, 1, 1)), ONE, reach)
    small = chip(
        compartments_per_core=9,
        input_axons_per_core=8,
        memory_bytes_per_core=71,
        words_per_axon=0,
        thresholds_per_core=0,
    )
    assert list(excesses(used, small)) == [
        Excess("compartments per core", 10, 9),
        Excess("input axons per core", 9, 8),
        Excess("synapse memory bytes per core", 72, 71),
        Excess("synapse memory words per axon", 1, 0),
        Excess("distinct thresholds per core", 1, 0),
    ]
    assert list(excesses(used, ONE)) == []


def test_one_neuron_can_be_impossible_by_what_it_reads() -> None:
    """A window of 3 x 3 over 4 channels; the corner's sources would not do, the middle's count."""
    maker = Maker((m.Input("image", "f32", (4, 4, 4), m.Events()),))
    maker.add("a", ("image", (maker.conv((1, 4, 3, 3), pads=(1, 1, 1, 1)),)), neuron=SOFT)
    (layer,) = layers_of(maker.network(), ONE)
    assert impossible(layer, chip(input_axons_per_core=37)) is None
    lacking = impossible(layer, chip(input_axons_per_core=36))
    assert lacking == Excess("input axons per core", 4 * 9 + 1, 36)
    assert impossible(layer, chip(compartments_per_core=1)) == Excess("compartments per core", 2, 1)
    assert impossible(layer, chip("loihi2")) is None


def test_columns_that_share_an_axon_make_less_impossible() -> None:
    maker = Maker((m.Input("image", "f32", (4, 4, 4), m.Events()),))
    maker.add("a", ("image", (maker.conv((1, 4, 3, 3), pads=(1, 1, 1, 1)),)))
    (layer,) = layers_of(maker.network(), ONE)
    assert impossible(layer, chip(input_axons_per_core=12)) is None
    assert impossible(layer, chip(input_axons_per_core=11)) is not None


def test_the_neuron_of_a_matrix_with_most_weights_counts() -> None:
    maker = Maker((m.Input("x", "f32", (5,), m.Events()),))
    maker.add("a", ("x", (maker.dense(np.tri(3, 5, 1)),)))
    (layer,) = layers_of(maker.network(), ONE)
    assert impossible(layer, chip(input_axons_per_core=4)) is None
    assert impossible(layer, chip(input_axons_per_core=3)) == Excess("input axons per core", 4, 3)


def test_the_mean_core_must_hold_its_weights() -> None:
    """20 weights: 10 bytes on either of two cores; on Loihi 2 five neurons' states of 8 bytes."""
    (layer,) = layers_of(vector(4, 5), ONE)
    tiling = Tiling((5, 1, 1), (3, 1, 1))
    assert too_much(layer, tiling, chip(memory_bytes_per_core=10)) is None
    lacking = too_much(layer, tiling, chip(memory_bytes_per_core=9))
    assert lacking == Excess("synapse memory bytes per core", 10, 9)
    assert too_much(layer, tiling, chip("loihi2", memory_bytes_per_core=30)) is None
    assert too_much(layer, tiling, chip("loihi2", memory_bytes_per_core=29)) is not None


def test_a_ratio_above_one_is_an_excess() -> None:
    assert Excess("x", 6, 4).ratio == 1.5
    assert Excess("x", 6, 0).ratio == 6


def test_thresholds_are_counted_within_tiles() -> None:
    maker = Maker()
    channels = maker.tensor(np.array([1, 2, 2, 3], np.int32))
    places = maker.tensor((np.arange(64) % 8).reshape(4, 4, 4).astype(np.int32))
    for name, threshold in (("a", channels), ("b", places)):
        neuron = m.IF(threshold, reset="zero")
        maker.add(name, ("image", (maker.conv((4, 1, 1, 1)),)), neuron=neuron)
    first, second = layers_of(maker.network(), ONE)
    assert [thresholds(first, Tiling((4, 4, 4), (t, 4, 4))) for t in (1, 2, 4)] == [1, 2, 3]
    assert [thresholds(second, Tiling((4, 4, 4), (4, t, 4))) for t in (1, 2, 4)] == [4, 8, 8]
