"""NSCS's format: maps come back, lists of runs too, and what is foreign is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from core_maps import changed, layered_map, random_map, random_spikes, with_pins
from hypothesis import given
from hypothesis import strategies as st

from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.legality import check_map
from snnc.backends.truenorth.nscs import nscs_refusal, to_nscs
from snnc.backends.truenorth.nscs_late import late_map
from snnc.backends.truenorth.nscs_read import from_nscs
from snnc.backends.truenorth.nscs_runs import from_runs, to_runs
from snnc.backends.truenorth.packets import host_packets
from snnc.backends.truenorth.sfti import read_sfti, to_sfti
from snnc.backends.truenorth.simulate import simulate
from snnc.diagnostics import InputError


def quiet_map(seed: int, cores: int) -> CoreMap:
    """A random map that may begin a tick later: no potential is at a threshold or below a floor."""
    m = random_map(seed, cores)
    highest, lowest = m.thresholds - 1, np.where(m.floors > 0, -m.floors, 0)
    return replace(m, potentials=np.clip(m.potentials, lowest, highest).astype(np.int32))


EVERYWHERE = ("axon_types", "crossbar", "kinds", "targets", "target_axons", "delays")
WHERE_USED = (
    "strengths", "leaks", "thresholds", "floors", "resets", "saturates", "reset_exponents",
    "potentials",
)  # fmt: skip


def differences(a: CoreMap, b: CoreMap) -> list[str]:
    used = a.used
    found = [n for n in EVERYWHERE if not np.array_equal(getattr(a, n), getattr(b, n))]
    found += [n for n in WHERE_USED if not np.array_equal(getattr(a, n)[used], getattr(b, n)[used])]
    both = EVERYWHERE + WHERE_USED
    return found + [n for n in both if getattr(a, n).dtype != getattr(b, n).dtype]


@pytest.mark.parametrize("core_map", [layered_map(), *(quiet_map(s, 1 + s) for s in range(4))])
def test_a_map_comes_back_from_a_model(core_map: CoreMap) -> None:
    content = to_nscs(core_map)
    again = from_nscs(content)
    assert differences(late_map(core_map), again) == []
    assert again.outputs == core_map.outputs
    assert to_nscs(again) == content
    assert {fault.code for fault in check_map(again)} <= {"SN570", "SN575"}


def test_the_comparison_sees_a_difference() -> None:
    again = from_nscs(to_nscs(changed(layered_map(), leaks={(0, 0): -3}, delays={(0, 1): 9})))
    assert differences(layered_map(), again) == ["delays", "leaks"]


@pytest.mark.parametrize("seed", range(3))
def test_a_model_and_its_spikes_give_the_same_run_a_tick_later(seed: int) -> None:
    """The host's spikes are those of the file: each pin of the model read is one arrival."""
    core_map = quiet_map(seed, 4)
    pins = random_spikes(5, 1, 40, 9)
    content, late = to_sfti(core_map, pins[0], 50)
    assert late == 1
    arrivals = read_sfti(content)
    assert arrivals[:, 0].min() == 1
    again = from_nscs(to_nscs(core_map))
    places, pin = np.unique(arrivals[:, 1:], axis=0, return_inverse=True)
    again = with_pins(again, [[(int(c), int(a), 0)] for c, a in places])
    sent = np.zeros((1, 51, len(places)), bool)
    sent[0, arrivals[:, 0], pin.reshape(-1)] = True
    ours, theirs = simulate(core_map, {"input": pins}, 50), simulate(again, {"input": sent}, 51)
    np.testing.assert_array_equal(ours.outputs, theirs.outputs[:, 1:])
    assert not theirs.outputs[:, 0].any()
    assert ours.outputs.any()


def test_a_model_is_spelled_as_ibm_does() -> None:
    text = to_nscs(layered_map()).decode()
    assert text.count('"core":{') == 3
    assert '"synapses":"A0 00 00' in text
    assert '"destCores":[2,1,2,"-1x253"]' in text
    assert '"destCores":[-32,-32,"-1x254"]' in text
    assert '"types":[' in text
    first = json.loads(text)["neuronTypes"][0]
    assert list(first)[:6] == ["name", "class", "sigma0", "sigma1", "sigma2", "sigma3"]
    assert first["name"] == "N00000001"


def test_output_lines_beyond_one_target_come_back() -> None:
    m = replace(layered_map(), outputs=700)
    m = changed(m, targets={(2, 0): 699, (2, 1): 256})
    again = from_nscs(to_nscs(m))
    assert again.targets[2, :2].tolist() == [699, 256]
    assert again.outputs == 700


def test_comments_dendrites_and_orders_of_other_files_are_read() -> None:
    core_map = layered_map()
    text = to_nscs(core_map).decode()
    text = text.replace('"model"', '/* all "model" { */ // "core": 1\n"model"', 1)
    text = text.replace("a/tile0", "a//tile /* 0 */")
    again = from_nscs(text.encode())
    assert differences(core_map, again) == []
    assert again.corelet_names[0] == "a//tile /* 0 */"
    # Neuron 0 reads the crossbar's column 2, which is equal to its own; neuron 1 and 2 are swapped.
    swapped = from_nscs(
        text.replace('"dendrites":["0:255"]', '"dendrites":[0,2,1,"3:255"]', 1).encode()
    )
    assert differences(core_map, swapped) == ["crossbar"]
    np.testing.assert_array_equal(swapped.bits(0)[:, 1], core_map.bits(0)[:, 2])
    root = text.split('"neuronTypes":[\n')[1].split("\n]")[0]
    turned = ",\n".join(reversed(root.split(",\n")))
    assert turned != root
    assert differences(core_map, from_nscs(text.replace(root, turned).encode())) == []


def test_types_without_numbers_in_their_names_count_by_place() -> None:
    text = to_nscs(layered_map()).decode()
    for number in range(9, 0, -1):
        text = text.replace(f'"N{number:08X}"', f'"type {10 - number}"')
    assert '"N0' not in text
    assert differences(layered_map(), from_nscs(text.encode())) == []


FOREIGN: list[tuple[str, str, str]] = [
    ('"TM":0', '"TM":3', "stochastic.*TM"),
    ('"b2":false', '"b2":true', "stochastic.*b2"),
    ('"c_lambda":false', '"c_lambda":true', "stochastic"),
    ('0,"c_lambda":false,"epsilon":false', '1,"c_lambda":false,"epsilon":true', "reverses"),
    ('"sigma0":1', '"sigma0":0', "sigma0"),
    ('"s0":3', '"s0":256', "s0.*0 to 255"),
    ('"s0":3', '"s0":3.0', "s0"),
    ('"alpha":3', '"alpha":262144', "alpha"),
    ('"gamma":1', '"gamma":3', "gamma"),
    ('"crossbarSize":256', '"crossbarSize":128', "128 axons"),
    ('"coreCount":3', '"coreCount":4', "3 cores"),
    ('"id":2', '"id":1', "3 cores"),
    ('"timeScaleExponent":0', '"timeScaleExponent":1', "tick"),
    ('"type":"S3"', '"type":"S4"', "S4"),
    ('"synapses":"A0 00', '"synapses":"A0', "32 bytes"),
    ('"synapses":"A0 00', '"synapses":"G0 00', "hexadecimal"),
    ('"name":"coreProt0000003"}', '"name":"coreProt0000009"}', "coreProt0000009"),
    ('"-1x253"', '"-1x254"', "not 256"),
    ('"-1x253"', '"-1x252"', "255, not 256"),
    ('"-1x253"', '"-1*253"', "no number, run or range"),
    ('"destDelays":[2,1,2,"1x253"]', '"destDelays":[16,1,2,"1x253"]', "impossible target"),
    ('"destAxons":[0,0,1,"0x253"]', '"destAxons":[256,0,1,"0x253"]', "impossible target"),
    ('"neuronTypes"', '"neuron"', "neuronTypes"),
    ('"model"', '"crossbarTypes"', "twice"),
    ("{\n", "[", "cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "reason"), FOREIGN)
def test_models_that_core_maps_do_not_cover_are_refused(old: str, new: str, reason: str) -> None:
    text = to_nscs(layered_map()).decode()
    assert old in text
    with pytest.raises(InputError, match=rf"SN579(.|\n)*{reason}"):
        from_nscs(text.replace(old, new, 1).encode())


@pytest.mark.parametrize("content", [b"", b"7", b"[]", b"{}", b"\xff", b"[" * 99999])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="SN579"):
        from_nscs(content)


def test_cores_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="SN577"):
        to_nscs(replace(layered_map(), spec=replace(TRUENORTH, axons=128)))


@given(st.lists(st.integers(-40, 40) | st.sampled_from([7, 8, 9]), max_size=60))
def test_runs_come_back(values: list[int]) -> None:
    assert from_runs(to_runs(values), len(values)) == values


def test_runs_are_spelled_short() -> None:
    assert to_runs([1] * 256) == ["1x256"]
    assert to_runs(list(range(256))) == ["0:255"]
    assert to_runs([0, 2, 4, 6, 5, 5, -1, -1, -1]) == ["0:2:6", 5, 5, "-1x3"]
    assert to_runs([3, 2, 1]) == [3, 2, 1]
    assert from_runs(["5:-2:1", 4], 4) == [5, 3, 1, 4]


@pytest.mark.parametrize("entry", ["", "x", "1x", "1:", "1:0:3", "1x-2", True, None, 1.0, [1]])
def test_other_entries_of_lists_are_refused(entry: Any) -> None:
    with pytest.raises(ValueError, match=r"run or range|not 1"):
        from_runs([entry], 1)


@pytest.mark.parametrize("many", ["1x999999999", "0:9999999999", "0:1:9999999999"])
def test_endless_runs_take_no_memory(many: str) -> None:
    with pytest.raises(ValueError, match="more"):
        from_runs([many] * 1000, 256)


def test_input_spikes_come_back() -> None:
    core_map = layered_map()
    pins = random_spikes(0, 1, 12, 3, rate=0.5)[0]
    content, late = to_sfti(core_map, pins, 10)
    assert late == 0
    assert (
        content.decode().splitlines()[1] == '{"version":"sfti1.0", "defaultDestinationDelay" : 1}'
    )
    np.testing.assert_array_equal(read_sfti(content), host_packets(core_map, pins, 10))
    assert read_sfti(to_sfti(core_map, pins[:0], 10)[0]).shape == (0, 3)
    early = changed(core_map, pin_delays={0: 0})
    content, late = to_sfti(early, pins, 10)
    assert late == 1
    np.testing.assert_array_equal(read_sfti(content) - [1, 0, 0], host_packets(early, pins, 10))


@pytest.mark.parametrize(
    "change",
    [
        {"potentials": {(2, 0): 9}},
        {"potentials": {(2, 0): -9}, "floors": {(2, 0): 3}},
        {"potentials": {(2, 0): -393_215}, "leaks": {(2, 0): 1}},
    ],
)
def test_what_cannot_begin_a_tick_later_is_refused(change: dict[str, Any]) -> None:
    core_map = changed(layered_map(), **change)
    assert nscs_refusal(core_map) is None
    with pytest.raises(InputError, match=r"SN577(.|\n)*core 2, neuron 0"):
        to_nscs(changed(core_map, pin_delays={0: 0}))


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"{}\n{}\n", b'{}\n{"defaultDestinationDelay":1}\n{}']
)
def test_other_spike_files_are_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="SN579"):
        read_sfti(content)
