"""Layers with a steady current run many steps at once, ahead of samples that may stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import c_tools
import numpy as np
import pytest
from loihi_networks import Builder, build, inputs_for, via

from snnc.backends.c.emit import emit, sources
from snnc.backends.reference import Simulator
from snnc.backends.reference.trace import Trace
from snnc.ir import model as m

NEURONS: list[dict[str, object]] = [
    {},
    {"negative_spikes": "retract"},
    {"negative_spikes": "retract", "min_spikes": -2, "max_spikes": 3},
    {"saturation": 800.0},
    {"reset": "zero"},
    {"reset": "none"},
]
AHEAD = NEURONS[:3]
"""Those whose steps can be taken back."""


def steady(stops: bool = False, delay: int = 0, **changes: object) -> m.Network:
    """A first layer whose current stays the same for 11 steps and is nothing for 9 more."""
    b = Builder(4)
    x = b.input("x", (2, 6, 5))
    conv = b.conv(11, 2, (3, 3), (1, 1), (1, 1, 1, 1))
    neuron = replace(m.IF(700.0, v_init=350.0), **changes)  # type: ignore[arg-type]
    b.add("a", neuron, via(x, conv), bias=300)
    late = via("a", b.conv(5, 11, (3, 3)), delay=delay)
    b.add("b", m.IF(500.0), late, via("b", delay=8))
    b.out("b")
    network = b.network("steady", 20, window=11)
    if stops:
        network = replace(network, exit=m.IntegerMargin(heads=("head.out",), limits=(700,)))
    return network


def both(network: m.Network, files: dict[str, bytes], **options: object) -> tuple[Trace, Trace]:
    """The program's trace and the simulator's, of samples that do not all stop together."""
    x = inputs_for(network, 30)
    ours = c_tools.wrong_simulator(network, files).run(x, record=["a", "b"], **options)  # type: ignore[arg-type]
    theirs = Simulator(network, threads=1).run(x, record=["a", "b"], **options)  # type: ignore[arg-type]
    assert int(theirs.spikes["a"].sum()) > 0
    return ours, theirs


@pytest.mark.parametrize("changes", NEURONS, ids=lambda changes: "-".join(changes) or "plain")
def test_a_layer_with_a_steady_current_runs_all_steps_of_a_block_at_once(
    changes: dict[str, object],
) -> None:
    network = steady(**changes)
    files = sources(network)
    assert b"snn_fire_steps(" in files["program.c"]
    assert b"take_back_a" not in files["program.c"]
    assert c_tools.differences(*both(network, files)) == []
    text = files["program.c"].decode()
    assert text.count("driven < steps)") == 1
    wrong = {**files, "program.c": text.replace("driven < steps)", "0)").encode()}
    assert c_tools.differences(*both(network, wrong)) != []


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("changes", NEURONS, ids=lambda changes: "-".join(changes) or "plain")
def test_steps_that_a_sample_does_not_live_to_see_are_taken_back(
    changes: dict[str, object], delay: int
) -> None:
    network = steady(stops=True, delay=delay, **changes)
    files = sources(network)
    assert (b"take_back_a(s);" in files["program.c"]) == (changes in AHEAD)
    ours, theirs = both(network, files)
    assert c_tools.differences(ours, theirs) == []
    # Blocks of eight steps begin after 0, 8 and 16; samples end within them and at their ends.
    assert len(np.unique(theirs.steps_run)) > 3
    assert c_tools.differences(*both(network, files, exits=False)) == []
    assert c_tools.differences(*both(network, files, steps=5)) == []


@pytest.mark.parametrize("changes", AHEAD, ids=lambda changes: "-".join(changes) or "plain")
def test_the_comparison_would_see_steps_too_many(changes: dict[str, object]) -> None:
    network = steady(stops=True, **changes)
    files = sources(network)
    wrong = files["program.c"].replace(b"        take_back_a(s);\n", b"")
    assert wrong != files["program.c"]
    found = c_tools.differences(*both(network, {**files, "program.c": wrong}))
    assert {"membranes a", "spike_counts a"} <= set(found)
    assert "rasters a" not in found


@pytest.mark.parametrize("options", [c_tools.SANITIZED, c_tools.ELSEWHERE, ("-O3",)])
@pytest.mark.parametrize("changes", AHEAD, ids=lambda changes: "-".join(changes) or "plain")
def test_the_golden_check_passes(
    changes: dict[str, object], options: tuple[str, ...], tmp_path: Path
) -> None:
    network = steady(stops=True, **changes)
    folder = c_tools.write(tmp_path, emit(network, inputs_for(network, 4)))
    done = c_tools.build(folder, *options)
    assert done.returncode == 0, done.stderr
    done = c_tools.check(folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_read_outs_of_a_layer_with_a_steady_current_are_kept_after_each_step() -> None:
    """Such a layer runs step by step."""
    network = build("heads")
    head = m.Head("early", network.populations[0].name, m.SpikeCount())
    network = replace(network, heads=(*network.heads, head), exit=None)
    files = sources(network)
    x = inputs_for(network, 3)
    ours = c_tools.simulator(network, files=files).run(x)
    assert len(np.unique(ours.outputs["early"])) > 3
    assert c_tools.differences(ours, Simulator(network, threads=1).run(x)) == []
