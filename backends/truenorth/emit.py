"""The files of a program directory for target truenorth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from snnc.backends.golden import first_samples
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.files import to_files
from snnc.backends.truenorth.host import host_spikes
from snnc.backends.truenorth.mapping import mapped
from snnc.backends.truenorth.nscs import nscs_refusal, to_nscs
from snnc.backends.truenorth.picture import mesh_svg, mesh_text
from snnc.backends.truenorth.pin_spikes import sample_pins
from snnc.backends.truenorth.ranc import ranc_refusal, to_ranc
from snnc.backends.truenorth.sfti import to_sfti
from snnc.ir import model as m
from snnc.ir.latency import layer_local
from snnc.ir.tensors import Array

if TYPE_CHECKING:
    from snnc.backends.truenorth.target import TrueNorthTarget

MOST_CORES = 100
"""Of maps whose files for other simulators are written unasked: RANC takes 130 kB a core."""


def emit(
    network: m.Network, inputs: Mapping[str, Array], target: TrueNorthTarget
) -> dict[str, bytes]:
    """`coremap.*`, pictures `mesh.*`, and of small maps `ranc*.json`, `nscs.json`, `input.sfti`.

    Args:
        network: that the target takes.
        inputs: a few samples, the first of which becomes the input of the other simulators.
        target: with its options.
    """
    core_map = mapped(network, target)
    files = dict(to_files(core_map))
    files["mesh.svg"] = mesh_svg(core_map).encode()
    files["mesh.txt"] = mesh_text(core_map).encode()
    if exported(core_map, target.exports):
        files.update(_exports(core_map, network, inputs))
    return dict(sorted(files.items()))


def exported(core_map: CoreMap, wish: str) -> bool:
    """Whether files of other simulators are written."""
    return wish == "all" or (wish == "auto" and core_map.cores <= MOST_CORES)


def left_out(core_map: CoreMap, wish: str, ticks: int) -> list[str]:
    """Which files of other simulators are not written, and why, one sentence each."""
    if wish == "none":
        return ["no files of other simulators were asked for"]
    if not exported(core_map, wish):
        text = f"files of other simulators are left out of maps of more than {MOST_CORES} cores"
        return [f"{text}: truenorth{{exports=all}} writes them"]
    reasons = {"ranc.json": ranc_refusal(core_map, ticks), "nscs.json": nscs_refusal(core_map)}
    return [f"no {name}: {found.message}" for name, found in reasons.items() if found is not None]


def _exports(
    core_map: CoreMap, network: m.Network, inputs: Mapping[str, Array]
) -> dict[str, bytes]:
    """Files of other simulators, with the first sample as their input; none without a sample."""
    if not inputs or network.schedule is None:
        return {}
    local, steps = layer_local(network), network.schedule.steps
    first = first_samples(network, inputs, 1)
    pins = sample_pins(core_map, host_spikes(local, first, steps=steps))
    ticks = core_map.ticks(steps)
    files: dict[str, bytes] = {}
    if ranc_refusal(core_map, ticks) is None:
        files["ranc.json"], files["ranc_config.json"] = to_ranc(core_map, pins, ticks)
    if nscs_refusal(core_map) is None:
        files["nscs.json"] = to_nscs(core_map)
        files["input.sfti"], _ = to_sfti(core_map, pins, ticks)
    return files
