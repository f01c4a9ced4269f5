"""Each limit of a chip binds once, on networks small enough to count by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from layout_networks import HARD, SOFT, Maker, chip, vector
from loihi_networks import NETWORKS, build

from snnc.backends.loihi.chips import load_chip
from snnc.backends.loihi.fit import fit, fits
from snnc.backends.loihi.partition.results import Fit
from snnc.diagnostics import InputError, UsageError
from snnc.ir import model as m

ONE, TWO = load_chip("loihi1"), load_chip("loihi2")


def only(found: Fit) -> tuple[int, str | None]:
    """Cores of the only layer, and what binds it."""
    (layer,) = found.layers
    assert found.fits
    return layer.cores, layer.binds


def broken(found: Fit) -> list[tuple[str, str, int, int]]:
    assert found.fits == (not found.findings)
    return [(f.layer, f.limit, f.count, f.allowed) for f in found.findings]


@pytest.mark.parametrize(
    ("neurons", "neuron", "cores"),
    [(1024, HARD, 1), (1025, HARD, 2), (512, SOFT, 1), (513, SOFT, 2), (1024, m.Integrator(), 1)],
)
def test_compartments_bind_and_a_soft_reset_takes_two(
    neurons: int, neuron: m.Neuron, cores: int
) -> None:
    found = fit(vector(1, neurons, neuron), ONE)
    assert found.cores == found.layers[0].cores == cores
    assert cores > 1 or only(found) == (1, "compartments")


def test_on_loihi_2_a_soft_reset_takes_one_neuron() -> None:
    assert only(fit(vector(1, 8192, SOFT), TWO)) == (1, "compartments")
    assert fit(vector(1, 8193, SOFT), TWO).cores == 2


def test_input_axons_bind() -> None:
    assert only(fit(vector(4096, 1), ONE)) == (1, "input axons")
    assert broken(fit(vector(4097, 1), ONE)) == [("fc", "input axons per core", 4097, 4096)]


def test_a_neuron_that_subtracts_its_threshold_needs_an_axon_of_its_own() -> None:
    assert fit(vector(4095, 1, SOFT), ONE).fits
    assert broken(fit(vector(4096, 1, SOFT), ONE)) == [("fc", "input axons per core", 4097, 4096)]


def two_layers() -> m.Network:
    """4 neurons, each of which reaches all of the 12 behind them."""
    maker = Maker((m.Input("x", "f32", (1,), m.Events()),))
    maker.add("a", ("x", (maker.dense(np.ones((4, 1))),)))
    maker.add("b", ("a", (maker.dense(np.ones((12, 4))),)))
    return maker.network()


@pytest.mark.parametrize(("entries", "cores"), [(12, 1), (11, 2), (6, 2), (5, 4), (3, 4)])
def test_output_entries_bind(entries: int, cores: int) -> None:
    """Four neurons a core: 12 lie on 3 cores, so a core of n neurons in front needs 3 n entries."""
    small = chip(compartments_per_core=4, output_entries_per_core=entries)
    first, second = fit(two_layers(), small).layers
    assert (first.cores, second.cores) == (cores, 3)
    assert first.output_axon_entries == 3 * 4 // cores
    assert second.output_axon_entries == 0


def test_a_neuron_with_more_entries_than_a_core_has_cannot_be_placed() -> None:
    found = fit(two_layers(), chip(compartments_per_core=4, output_entries_per_core=2))
    assert broken(found) == [("a", "output axon entries per core", 3, 2)]
    first, second = found.layers
    assert (first.tile, first.cores, first.binds) == (None, 0, None)
    assert second.tile == (4, 1, 1)
    assert found.cores == 3
    assert json.dumps(found.as_dict())


@pytest.mark.parametrize(("per_chip", "entries"), [(128, 4), (2, 4), (1, 8)])
def test_an_axon_to_another_chip_needs_one_entry_more(per_chip: int, entries: int) -> None:
    found = fit(two_layers(), chip(cores_per_chip=per_chip))
    assert [layer.cores for layer in found.layers] == [1, 1]
    assert found.layers[0].output_axon_entries == entries
    assert found.chips == -(-2 // per_chip)


def test_synapse_memory_binds() -> None:
    """112 synapses: 112 * 8 bits and two prefixes of 10 + 7 are 15 words, 15,360 for 1024 sources.

    125 would be 17 words, and 17,408 are more than 16,384.
    """
    found = fit(vector(1024, 1000), ONE)
    assert only(found) == (9, "synapse memory bytes")
    (layer,) = found.layers
    assert (layer.tile, layer.memory_words, layer.memory_bytes) == ((112, 1, 1), 15360, 122880)


@pytest.mark.parametrize(("sources", "cores"), [(16, 1), (17, 2)])
def test_the_memory_of_loihi_2_holds_weights_and_states(sources: int, cores: int) -> None:
    """8192 neurons with 8 bytes of state leave 131,072 bytes: 16 weights for each."""
    found = fit(vector(sources, 8192), TWO)
    assert found.cores == cores
    assert cores > 1 or found.layers[0].memory_bytes == TWO.memory_bytes_per_core


@pytest.mark.parametrize(("words", "cores"), [(2, 1), (1, 2)])
def test_words_per_axon_bind(words: int, cores: int) -> None:
    """Eight synapses: 8 * 8 + 10 + 6 = 80 bits, two words; four of them fit into one."""
    assert fit(vector(1, 8), chip(words_per_axon=words)).cores == cores


def test_no_list_of_synapses_is_short_enough() -> None:
    found = fit(vector(1, 8), chip(words_per_axon=0))
    assert broken(found) == [("fc", "synapse memory words per axon", 1, 0)]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("different", "cores"), [(8, 1), (9, 2), (1, 1)])
def test_distinct_thresholds_bind(different: int, cores: int, full: bool) -> None:
    maker = Maker()
    values = np.arange(16, dtype=np.int32) * different // 16 + 1
    shape = (16, 4, 4) if full else (16,)
    threshold = np.broadcast_to(values.reshape(-1, 1, 1), shape) if full else values
    neuron = replace(HARD, threshold=maker.tensor(threshold.copy()))
    maker.add("c", ("image", (maker.conv((16, 1, 1, 1)),)), neuron=neuron)
    found = fit(maker.network(), ONE)
    assert found.cores == cores
    assert found.layers[0].thresholds <= 8


@pytest.mark.parametrize(("delay", "fitting"), [(62, True), (63, False)])
def test_a_delay_is_at_most_62_steps(delay: int, fitting: bool) -> None:
    network = vector(2, 2)
    (population,) = network.populations
    incoming = replace(population.incoming[0], delay=delay)
    late = replace(network, populations=(replace(population, incoming=(incoming,)),))
    expected = [] if fitting else [("fc", "delay in time steps", 63, 62)]
    assert broken(fit(late, ONE)) == broken(fit(late, TWO)) == expected


def test_a_delay_takes_memory() -> None:
    """A synapse of a list of six: 8 bits, and 3 more for a delay of up to 7, 6 for one of 62."""
    network = vector(1, 6)
    (population,) = network.populations
    words = []
    for delay in (0, 7, 62):
        incoming = replace(population.incoming[0], delay=delay)
        late = replace(network, populations=(replace(population, incoming=(incoming,)),))
        words.append(fit(late, ONE).layers[0].memory_words)
    assert words == [-(-bits // 64) for bits in (16 + 6 * 8, 16 + 6 * 11, 16 + 6 * 14)]


@pytest.mark.parametrize(("weight", "fitting"), [(127, True), (-127, True), (128, False)])
def test_weights_have_eight_bits(weight: int, fitting: bool) -> None:
    network = vector(2, 2)
    name = next(iter(network.tensors))
    changed = network.with_arrays({name: np.array([[1, weight], [1, 1]], np.int16)})
    expected = [] if fitting else [("fc", "absolute value of a weight", 128, 127)]
    assert broken(fit(changed, ONE)) == expected


def test_a_column_of_zeros_needs_no_axon() -> None:
    maker = Maker((m.Input("x", "f32", (5,), m.Events()),))
    weight = np.ones((3, 5))
    weight[:, 1:3] = 0
    maker.add("fc", ("x", (maker.dense(weight),)))
    found = fit(maker.network(), ONE)
    assert found.layers[0].input_axons == 3
    assert found.inputs[0].output_axon_entries == 3


def residual() -> m.Network:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((2, 1, 1, 1)),)))
    maker.add("b", ("a", (maker.conv((2, 2, 3, 3), pads=(1, 1, 1, 1)),)))
    maker.add("sum", ("b", ()), ("a", ()))
    return maker.network()


def test_incomings_add_their_axons_and_readers_add_their_entries() -> None:
    """All on one core each: `b` shares two channels of four columns, `a` has two readers."""
    a, b, total = fit(residual(), ONE).layers
    assert total.input_axons == 8 + 32  # columns of b, which has one reader; neurons of a
    assert a.output_axon_entries == 32 + 32  # each neuron of a to either core
    assert b.output_axon_entries == 2 * 8  # an axon for a column takes two entries


def test_a_head_that_nobody_reads_sends_nothing() -> None:
    assert fit(residual(), ONE).layers[-1].output_axon_entries == 0


def test_a_running_maximum_counts_as_neurons_that_read_their_window() -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((2, 1, 1, 1)),)))
    maker.add("pool", ("a", ()), neuron=m.RunningMax2d((2, 2), (2, 2)))
    pool = fit(maker.network(), chip(population_axons=0)).layers[1]
    assert (pool.neurons, pool.compartments, pool.input_axons) == (8, 8, 32)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_cores_grow_with_the_neurons(factor: int) -> None:
    maker = Maker((m.Input("image", "f32", (1, 32, 32 * factor), m.Events()),))
    for name, source in (("a", "image"), ("b", "a")):
        channels = maker.shape(source)[0]
        maker.add(name, (source, (maker.conv((4, channels, 3, 3), pads=(1, 1, 1, 1)),)))
    found = fit(maker.network(), ONE)
    assert [layer.cores for layer in found.layers] == [4 * factor, 4 * factor]
    assert found.chips == 1
    assert found.utilisation["compartments"] == 1.0
    assert found.binding_utilisation == 1.0


def test_utilisation_is_the_mean_over_cores() -> None:
    """Cores of 3 and 2 of at most 4 compartments: 5 of 8."""
    found = fit(vector(1, 5), chip(compartments_per_core=4))
    assert found.utilisation["compartments"] == 5 / 8
    assert found.binding_utilisation == 5 / 8
    assert found.layers[0].compartments == 3
    assert found.utilisation["input axons"] == 1 / 4096


def test_fits_tells_of_both_chips_in_json() -> None:
    found = fits(vector(4, 8))
    assert list(found) == ["loihi1", "loihi2"]
    assert [f["kind"] for f in found.values()] == ["published", "estimate"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["loihi2"]["utilisation"]["input axons"] is None


def test_nothing_fits_on_a_chip_without_room_for_a_neuron() -> None:
    found = fit(vector(1, 2, SOFT), chip(compartments_per_core=1))
    assert broken(found) == [("fc", "compartments per core", 2, 1)]
    assert (found.cores, found.chips, found.binding_utilisation) == (0, 0, 0.0)


def test_a_network_of_another_stage_is_refused() -> None:
    with pytest.raises(InputError, match="SN522"):
        fit(replace(vector(1, 1), stage="snn"), ONE)


def test_a_chain_that_no_core_holds_is_refused() -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((1, 1, 1, 1)), maker.conv((1, 1, 1, 1)))))
    with pytest.raises(InputError, match="SN523"):
        fit(maker.network(), ONE)


@pytest.mark.parametrize("factor", [1.0, 4.0, 0.5])
def test_a_power_of_two_behind_the_weights_takes_nothing(factor: float) -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((2, 1, 1, 1)), m.Scale(factor))))
    plain = Maker()
    plain.add("a", ("image", (plain.conv((2, 1, 1, 1)),)))
    assert fit(maker.network(), ONE) == fit(plain.network(), ONE)


@pytest.mark.parametrize("factor", [3.0, -2.0, 0.0])
def test_another_factor_is_refused(factor: float) -> None:
    maker = Maker()
    maker.add("a", ("image", (maker.conv((2, 1, 1, 1)), m.Scale(factor))))
    with pytest.raises(InputError, match="SN523"):
        fit(maker.network(), ONE)


def test_a_layer_that_reads_itself_needs_axons_for_that() -> None:
    network = vector(1, 4)
    (population,) = network.populations
    again = replace(population, incoming=(*population.incoming, m.Incoming("fc", (), 1)))
    (layer,) = fit(replace(network, populations=(again,)), ONE).layers
    assert (layer.input_axons, layer.output_axon_entries) == (1 + 4, 4 * 2)  # a column for each
    soft = replace(again, neuron=SOFT)
    (layer,) = fit(replace(network, populations=(soft,)), ONE).layers
    assert (layer.input_axons, layer.output_axon_entries) == (1 + 4 + 4, 4 + 4)


def test_a_width_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="SN524"):
        fit(vector(1, 1), ONE, width=0)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_that_the_target_takes_is_laid_out(name: str) -> None:
    found = fits(build(name))
    network = build(name)
    for entry in found.values():
        assert entry["findings"] == []
        assert [layer["name"] for layer in entry["layers"]] == [p.name for p in network.populations]
        assert all(layer["cores"] >= 1 for layer in entry["layers"])
        assert entry["cores"] == sum(layer["cores"] for layer in entry["layers"])
