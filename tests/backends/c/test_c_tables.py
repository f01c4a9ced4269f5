"""Tables of sums: the rule that chooses them, and that they change nothing but time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import c_tools
import numpy as np
import pytest
from loihi_networks import Builder, build, inputs_for, via

from snnc.backends.c.emit import emit, sources
from snnc.backends.c.golden import golden_arrays, spike_rates
from snnc.backends.c.plan import make_plan
from snnc.backends.c.tables import break_even, span_of
from snnc.backends.reference import Simulator
from snnc.ir import model as m


def busy() -> m.Network:
    """Signed spikes, a stride, odd kernels and channels, and sums beyond 16 bits."""
    b = Builder(5)
    x = b.input("x", (3, 9, 8))
    slow = m.IF(700.0, v_init=350.0, negative_spikes="retract")
    b.add("a", slow, via(x, b.conv(11, 3, (3, 3), (1, 1), (1, 1, 1, 1))), bias=500)
    second = b.conv(18, 11, (3, 2), (2, 1), (1, 0, 1, 1))
    b.add("b", m.IF(90.0, v_init=40.0), via("a", second), bias=200)
    third = m.Conv2d(b.weight(35, 18, 3, 3, low=125, high=127), pads=(1, 1, 1, 1))
    b.add("c", m.IF(9000.0), via("b", third, m.Scale(2.0)))
    b.out("c")
    return b.network("busy", 20)


ALL = {"a": 1.0, "b": 1.0, "c": 1.0}


def tabled(files: dict[str, bytes]) -> int:
    return files["program.c"].count(b"snn_add_row_tabled(")


def test_a_program_with_tables_does_what_the_simulator_does() -> None:
    network = busy()
    files = sources(network, ALL)
    assert tabled(files) == 3  # both signs of a, and b
    assert c_tools.compared(network, files) == []


def test_tables_are_read() -> None:
    """The comparison above would find a wrong one."""
    network = busy()
    files = sources(network, ALL)
    text = files["snn_tables.h"].decode()
    assert text.count("alone[lane] + table") == 1
    wrong = text.replace("alone[lane] + table", "alone[lane] - table").encode()
    assert c_tools.compared(network, {**files, "snn_tables.h": wrong}) != []


@pytest.mark.parametrize("options", [c_tools.SANITIZED, c_tools.ELSEWHERE, ("-O0", "-DSNN_LISTS")])
def test_the_golden_check_passes(options: tuple[str, ...], tmp_path: Path) -> None:
    network = busy()
    files = emit(network, inputs_for(network, 2)) | sources(network, ALL)
    folder = c_tools.write(tmp_path, files)
    done = c_tools.build(folder, *options)
    assert done.returncode == 0, done.stderr
    done = c_tools.check(folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_for_spike_times_can_have_tables() -> None:
    from loihi_timed import build_timed

    network = build_timed("timed_residual")
    names = [p.name for p in network.populations]
    files = sources(network, dict.fromkeys(names, 1.0))
    x = inputs_for(network, 7)
    ours = c_tools.wrong_simulator(network, files).run(x, record=names)
    theirs = Simulator(network, threads=1).run(x, record=names)
    assert tabled(files) > 0
    assert c_tools.differences(ours, theirs) == []


def test_the_rule_asks_for_spike_rates_and_says_why() -> None:
    network = busy()
    least = break_even(32)
    assert least is not None
    assert break_even(128) is None
    for rates, expected in (({}, 0), (ALL, 3), ({"a": least / 2}, 0), ({"a": 1.0}, 2)):
        assert tabled(sources(network, rates)) == expected
    text = sources(network, {"a": 1.0, "b": 0.1})["program.c"].decode()
    assert "100 % of a fire: sums of four inputs are looked up" in text
    assert "10 % of b fire: spikes are listed" in text


def test_an_emitted_program_goes_by_its_golden_samples() -> None:
    """Of `busy` nearly half of a and more than half of b fire; of a quieter one few of a."""
    network = busy()
    given = inputs_for(network, 2)
    assert tabled(emit(network, given)) == 3
    slow = [
        replace(p, neuron=m.IF(9000.0, negative_spikes="retract")) if p.name == "a" else p
        for p in network.populations
    ]
    quiet = replace(network, populations=tuple(slow))
    text = emit(quiet, given)["program.c"].decode()
    assert tabled(emit(quiet, given)) < 3
    assert "of a fire: spikes are listed, tables pay from 25 % on" in text
    assert tabled(emit(network, {})) == 0
    assert emit(network, given) == emit(busy(), given)


def test_rates_are_those_of_the_golden_samples() -> None:
    network = busy()
    given = inputs_for(network, 3)
    rates = spike_rates(network, golden_arrays(network, given))
    raster = Simulator(network, threads=1).run(given, record=["b"]).rasters["b"]
    assert rates["b"] == pytest.approx(float((raster > 0).mean()))
    events = build("events")
    given = inputs_for(events, 3)
    found = spike_rates(events, golden_arrays(events, given))
    assert found[events.inputs[0].name] == pytest.approx(
        float((given[events.inputs[0].name] > 0).mean())
    )
    assert spike_rates(network, {}) == {}


def test_a_span_is_what_16_bits_hold() -> None:
    weight = np.full((1, 16, 4, 5), 127, np.int8)  # 320 inputs, 40 bytes; 258 of them fit
    assert span_of(weight, 2) == 20
    assert span_of(weight // 2, 2) == 40
    assert span_of(-weight, 2) == 20
    mixed = weight.copy()
    mixed[:, ::2] = -127
    assert span_of(mixed, 2) == 40


@pytest.mark.parametrize("name", ["depthwise", "matrices", "convolutions"])
def test_other_connections_are_listed_at_any_rate(name: str) -> None:
    network = build(name)
    rates = {p.name: 1.0 for p in network.populations}
    plan = make_plan(network, rates)
    for layer in plan.layers:
        for c in layer.spiking:
            if c.groups[0] or len(c.kernel.weight) > 1 or c.kernel.dilations[1] != 1:
                assert not plan.choice(c).tabled
