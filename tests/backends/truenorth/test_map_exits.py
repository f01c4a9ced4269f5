"""Exits on core maps: the host counts output spikes and stops, exactly as the simulator does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from truenorth_cases import network, samples

from snnc.backends.truenorth.checks import findings
from snnc.backends.truenorth.compare import compare
from snnc.backends.truenorth.lower import lower
from snnc.backends.truenorth.run_map import run_map
from snnc.ir import model as m

NET = network("exits", 4, 2)
POLICIES = {
    "patience": m.Patience(heads=("out0", "out1"), repeats=(3, 2)),
    "fixed": m.Fixed(head="out1", step=5),
    "margin": m.IntegerMargin(heads=("out1",), limits=(1,)),
}


@pytest.mark.parametrize("name", POLICIES)
def test_exits_equal_the_simulators(name: str) -> None:
    net = replace(NET, exit=POLICIES[name])
    assert findings(net) == []
    x = samples(net, 8, 0)
    run = run_map(lower(net), net, x)
    assert run.exits is not None
    assert run.exits.step.min() < run.steps
    assert compare(net, x, run) is None


def test_another_policy_stops_elsewhere() -> None:
    net = replace(NET, exit=POLICIES["patience"])
    other = replace(NET, exit=m.Patience(heads=("out0", "out1"), repeats=(6, 6)))
    x = samples(net, 8, 0)
    found = compare(net, x, run_map(lower(net), other, x))
    assert found is not None
    assert found.what == "exit"


def test_full_length() -> None:
    net = replace(NET, exit=POLICIES["patience"])
    x = samples(net, 2, 0)
    run = run_map(lower(net), net, x, exits=False)
    assert run.exits is None
    assert compare(net, x, run) is None
