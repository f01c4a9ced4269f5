"""What the partitioner makes of populations: compartments, axes, thresholds, kinds of axons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from layout_networks import HARD, SOFT, Maker, chip

from snnc.backends.loihi.partition.connections import MatrixConnection, WindowConnection
from snnc.backends.loihi.partition.layers import Layer, layers_of, readers_of
from snnc.diagnostics import InputError
from snnc.ir import model as m

ONE, TWO = chip("loihi1"), chip("loihi2")


def layers(maker: Maker, name: str = "loihi1") -> dict[str, Layer]:
    return {layer.name: layer for layer in layers_of(maker.network(), chip(name))}


@pytest.mark.parametrize(
    ("neuron", "compartments", "axons"),
    [(HARD, 1, 0), (SOFT, 2, 1), (replace(HARD, reset="none"), 1, 0), (m.Integrator(), 1, 0)],
)
def test_only_a_soft_reset_takes_two_compartments(
    neuron: m.Neuron, compartments: int, axons: int
) -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((3, 1, 1, 1)),)), neuron=neuron)
    layer = layers(maker)["a"]
    assert (layer.compartments, layer.self_axons) == (compartments, axons)
    assert (layer.shape, layer.neurons) == ((3, 4, 4), 48)
    assert layers(maker, "loihi2")["a"].compartments == 1


def test_layers_are_cut_in_the_order_of_their_kind() -> None:
    maker = Maker((m.Input("image", "f32", (4, 4, 4), m.Events()),))
    maker.add("full", ("image", (maker.conv((4, 4, 1, 1)),)))
    maker.add("grouped", ("full", (maker.conv((4, 2, 1, 1), groups=2),)))
    maker.add("depthwise", ("grouped", (maker.conv((4, 1, 1, 1), groups=4),)))
    maker.add("pool", ("depthwise", ()), neuron=m.RunningMax2d((2, 2), (2, 2)))
    maker.add("same", ("pool", ()))
    maker.add("dense", ("same", (m.Flatten(), maker.dense(np.ones((2, 16))))))
    found = {name: layer.order for name, layer in layers(maker).items()}
    assert [n for n, order in found.items() if order == "channels_last"] == ["full", "dense"]


def test_a_convolution_keeps_its_window_and_a_pool_is_one_of_each_channel() -> None:
    maker = Maker((m.Input("image", "f32", (2, 7, 9), m.Events()),))
    op = maker.conv((4, 1, 2, 3), strides=(2, 1), pads=(0, 1, 1, 0), dilations=(1, 2), groups=2)
    maker.add("a", ("image", (op, m.Scale(4.0))))
    pool = m.RunningMax2d((3, 2), (1, 2), (1, 0, 0, 1), (2, 1))
    maker.add("pool", ("a", ()), neuron=pool)
    ((conv, _),), ((window, _),) = (layer.connections for layer in layers(maker).values())
    assert isinstance(conv, WindowConnection)
    assert isinstance(window, WindowConnection)
    assert (conv.channels.source, conv.channels.target, conv.channels.groups) == (2, 4, 2)
    assert conv.kernel == 6
    for axis, expected in ((conv.rows, (7, 4, 2, 2, 0, 1)), (conv.columns, (9, 6, 3, 1, 1, 2))):
        fields = (axis.source, axis.target, axis.kernel, axis.stride, axis.pad, axis.dilation)
        assert fields == expected
    assert (window.channels.groups, window.kernel) == (4, 6)
    assert (window.rows.stride, window.rows.pad, window.rows.dilation) == (1, 1, 2)


def test_a_matrix_without_zeros_needs_no_pattern() -> None:
    maker = Maker((m.Input("x", "f32", (3,), m.Events()),))
    maker.add("full", ("x", (maker.dense(np.ones((2, 3))),)))
    maker.add("sparse", ("full", (maker.dense(np.eye(2)),)))
    ((full, _),), ((sparse, _),) = (layer.connections for layer in layers(maker).values())
    assert isinstance(full, MatrixConnection)
    assert isinstance(sparse, MatrixConnection)
    assert full.nonzero is None
    assert (full.sources, full.targets) == (3, 2)
    assert sparse.nonzero is not None
    assert sparse.nonzero.tolist() == [[True, False], [False, True]]


def shared(neurons: tuple[m.Neuron, m.Neuron], twice: bool = False) -> list[bool]:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((2, 1, 1, 1)),)), neuron=neurons[0])
    maker.add("b", ("a", ()), neuron=neurons[1])
    if twice:
        maker.add("c", ("a", ()), neuron=neurons[1])
    return [layer.connections[0][1] for layer in layers(maker).values()]


def test_population_axons_join_neurons_of_one_compartment_with_one_reader() -> None:
    assert shared((HARD, HARD)) == [True, True]
    assert shared((SOFT, HARD)) == [False, False]
    assert shared((HARD, SOFT)) == [True, False]
    assert shared((HARD, HARD), twice=True) == [True, False, False]


def test_loihi_2_has_no_population_axons_in_the_estimate() -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((2, 1, 1, 1)),)))
    assert layers(maker, "loihi2")["a"].connections[0][1] is False


def test_thresholds_that_are_all_alike_count_as_one() -> None:
    for values, shape in (((5, 5), None), ((5, 6), (2, 1, 1))):
        maker = Maker()
        neuron = m.IF(maker.tensor(np.array(values, np.int32)), reset="zero")
        maker.add("a", ("image", (maker.conv((2, 1, 1, 1)),)), neuron=neuron)
        found = layers(maker)["a"].thresholds
        assert (None if found is None else found.shape) == shape


def test_readers_are_all_connections_that_read() -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((1, 1, 1, 1)),)))
    maker.add("b", ("a", ()), ("image", ()))
    found = layers_of(maker.network(), ONE)
    assert [reader.layer for reader in readers_of(found, "image")] == ["a", "b"]
    assert [reader.layer for reader in readers_of(found, "b")] == []


def test_what_is_no_network_of_a_chip_is_refused() -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((1, 1, 1, 1)),)))
    with pytest.raises(InputError, match="SN522"):
        layers_of(replace(maker.network(), stage="ann"), ONE)
    maker.add("b", ("a", (m.Upsample2d((2, 2)),)))
    with pytest.raises(InputError, match="SN523") as error:
        layers_of(maker.network(), TWO)
    assert "Upsample2d from a" in str(error.value)
