"""Maps that the mapper makes keep every rule, and go through every format unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ranc_tools import needs_ranc, ranc_run
from truenorth_cases import KINDS, network, samples

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.exact_lower import lower_exactly
from snnc.backends.truenorth.files import from_files, to_files
from snnc.backends.truenorth.host import host_spikes
from snnc.backends.truenorth.legality import check_map
from snnc.backends.truenorth.lower import lower
from snnc.backends.truenorth.nscs import to_nscs
from snnc.backends.truenorth.nscs_late import late_map
from snnc.backends.truenorth.nscs_read import from_nscs
from snnc.backends.truenorth.pin_spikes import sample_pins
from snnc.backends.truenorth.ranc import ranc_refusal
from snnc.backends.truenorth.simulate import simulate
from snnc.ir import model as m

SMALL = ChipSpec(neurons=24)
"""Replicas run out, so that splitters stand on splitters."""
WAYS = ("plain", "small", "exact")


def mapped(kind: str, way: str) -> tuple[CoreMap, m.Network, int]:
    """A map, its network and the ticks of a run; cores lie side by side."""
    net = network(kind, 3, seed=1)
    if way == "exact":
        net = replace(net, schedule=m.Synchronous(4))
    assert net.schedule is not None
    core_map = lower_exactly(net) if way == "exact" else lower(net, *[SMALL] * (way == "small"))
    cores = np.arange(core_map.cores)
    side = np.stack([cores % 64, cores // 64], axis=1).astype(np.int16)
    return replace(core_map, positions=side), net, core_map.ticks(net.schedule.steps)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_mapped_networks_keep_the_rules_and_come_back(kind: str, way: str) -> None:
    core_map, _, ticks = mapped(kind, way)
    assert check_map(core_map, ticks) == []
    files = to_files(core_map)
    assert to_files(from_files(files)) == files
    assert ranc_refusal(core_map, ticks) is None
    if way != "small":
        again, late = from_nscs(to_nscs(core_map)), late_map(core_map)
        for name in ("crossbar", "kinds", "targets", "target_axons", "delays"):
            np.testing.assert_array_equal(getattr(again, name), getattr(late, name))
        for name in ("strengths", "leaks", "thresholds", "potentials", "resets"):
            used = core_map.used
            np.testing.assert_array_equal(getattr(again, name)[used], getattr(late, name)[used])


@needs_ranc
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_ranc_gives_every_output_spike_of_mapped_networks(
    kind: str, way: str, tmp_path: Path
) -> None:
    core_map, net, ticks = mapped(kind, way)
    assert net.schedule is not None
    spikes = host_spikes(net, samples(net, 1, 0), steps=net.schedule.steps, first=0)
    outputs, printed = ranc_run(core_map, sample_pins(core_map, spikes), ticks, tmp_path)
    assert "WARNING" not in printed
    np.testing.assert_array_equal(outputs, simulate(core_map, spikes, ticks).outputs[0])
