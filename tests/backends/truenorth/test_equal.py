"""The core map equals the layer simulator, spike for spike, for every kind of network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truenorth_cases import KINDS, network, samples

from snnc.backends.truenorth.checks import findings
from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.compare import Difference, compare
from snnc.backends.truenorth.core_map import ROLES, CoreMap
from snnc.backends.truenorth.exact_lower import lower_exactly
from snnc.backends.truenorth.lower import lower
from snnc.backends.truenorth.run_map import run_map
from snnc.ir import model as m

SMALL = ChipSpec(neurons=24)
"""Few neurons: replicas run out, splitters stand on splitters."""


def difference(core_map: CoreMap, net: m.Network, seed: int = 0) -> Difference | None:
    """The first difference between a map and its network on two samples."""
    x = samples(net, 2, seed)
    run = run_map(core_map, net, x)
    assert all(r.any() for r in run.rasters.values()), "a silent layer shows nothing"
    return compare(net, x, run)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_at_every_width(kind: str, bits: int) -> None:
    net = network(kind, bits, seed=bits)
    assert findings(net) == []
    assert difference(lower(net), net) is None


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    bits=st.integers(1, 5),
    seed=st.integers(0, 10_000),
    reset=st.sampled_from(["subtract", "zero"]),
)
def test_small_cores_with_splitters_and_relays(
    kind: str, bits: int, seed: int, reset: m.Reset
) -> None:
    net = network(kind, bits, seed, reset)
    x = samples(net, 2, seed)
    core_map = lower(net, SMALL)
    assert compare(net, x, run_map(core_map, net, x)) is None


@settings(max_examples=6, deadline=None)
@given(kind=st.sampled_from(KINDS), bits=st.integers(1, 5), seed=st.integers(0, 10_000))
def test_exact_partial_sums(kind: str, bits: int, seed: int) -> None:
    net = network(kind, bits, seed)
    net = replace(net, schedule=m.Synchronous(6))
    x = samples(net, 1, seed)
    core_map = lower_exactly(net)
    assert compare(net, x, run_map(core_map, net, x)) is None


def test_small_cores_have_splitters() -> None:
    roles = [ROLES[role] for role in lower(network("grouped", 4, 1), SMALL).roles]
    assert roles.count("splitter") > 3


def test_a_changed_strength_is_seen() -> None:
    net = network("conv", 4, 1)
    core_map = lower(net)
    wrong = core_map.strengths.copy()
    wrong[0] += (wrong[0] != 0).astype(np.int16)
    found = difference(replace(core_map, strengths=wrong), net)
    assert found is not None
    assert found.name == "c1"


def test_a_changed_delay_is_seen() -> None:
    net = network("conv", 4, 1)
    core_map = lower(net)
    late = core_map.delays.copy()
    late[0] += (core_map.kinds[0] == 1).astype(np.uint8)
    found = difference(replace(core_map, delays=late), net)
    assert found is not None
    assert found.name == "p"
