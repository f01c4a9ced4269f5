"""The spikes of input pins, from arrays of the sources they belong to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.wiring import pin_links
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array


def checked_spikes(core_map: CoreMap, spikes: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays as (N, steps, units), all of one N and one number of steps.

    Args:
        core_map: whose pins.
        spikes: by source: (N, steps, units...), see `simulate`.

    Raises:
        InputError: SN578.
    """
    sources = {group.source for group in core_map.pins}
    if set(spikes) != sources:
        wanted = ", ".join(f'"{s}"' for s in sorted(sources)) or "none"
        raise _refused(f"spikes were given for {sorted(spikes)}", f"the map's sources: {wanted}")
    flat = {name: _flat(name, np.asarray(values)) for name, values in spikes.items()}
    shapes = {values.shape[:2] for values in flat.values()}
    if len(shapes) > 1:
        raise _refused(
            f"the arrays differ in samples or steps: {sorted(shapes)}", "make them equal"
        )
    for group in core_map.pins:
        units = flat[group.source].shape[2]
        if units != group.size:
            message = f'"{group.source}" has {group.size} units, the array {units}'
            raise _refused(message, "an array (samples, steps, units)")
    _check_signs(core_map, flat)
    return flat


def pin_spikes(core_map: CoreMap, checked: Mapping[str, Array], part: slice) -> Array:
    """The spikes of all pins for some samples, bool (pins, steps, N); `checked` is checked."""
    steps = next(iter(checked.values())).shape[1] if checked else 0
    pins = np.zeros((len(core_map.pin_starts) - 1, steps, part.stop - part.start), bool)
    for group in core_map.pins:
        values = checked[group.source][part]
        own = values > 0 if group.sign > 0 else values < 0
        pins[group.start : group.start + group.size] = own.transpose(2, 1, 0)
    return pins


def sample_pins(core_map: CoreMap, spikes: Mapping[str, Array], sample: int = 0) -> Array:
    """The spikes of all pins for one sample, bool (steps, pins), for other simulators.

    Args:
        core_map: whose pins.
        spikes: as `simulate` takes them.
        sample: which.

    Raises:
        InputError: SN578.
    """
    pins = pin_spikes(core_map, checked_spikes(core_map, spikes), slice(sample, sample + 1))
    one: Array = pins[..., 0].T
    return one


def _flat(name: str, values: Array) -> Array:
    if values.ndim < 2 or not len(values) or values.dtype.kind not in "biu":
        message = f'the array of "{name}" is {values.dtype} {values.shape}'
        raise _refused(
            message, "bool or whole numbers, (samples, steps, units), at least one sample"
        )
    if values.dtype.kind != "b" and values.size and (values.min() < -1 or values.max() > 1):
        raise _refused(f'the array of "{name}" holds other numbers than -1, 0, 1', "one spike each")
    return values.reshape(*values.shape[:2], -1)


def _check_signs(core_map: CoreMap, flat: Mapping[str, Array]) -> None:
    signs = {(group.source, group.sign > 0) for group in core_map.pins}
    for name, values in flat.items():
        for positive, lost in ((True, values > 0), (False, values < 0)):
            if (name, positive) not in signs and lost.any():
                kind = "positive" if positive else "negative"
                raise _refused(f'"{name}" has {kind} spikes and no pins for them', "recompile")


def sent_packets(core_map: CoreMap, pins: Array, ticks: int) -> Array:
    """Spikes that arrive from pins within the ticks, int64 (N,); pins: (pins, steps, N)."""
    links = pin_links(core_map)
    total = np.zeros(pins.shape[2], np.int64)
    for delay in np.unique(links.delays):
        steps = max(0, -(-(ticks - int(delay)) // core_map.ticks_per_step))
        entries = np.bincount(links.sources[links.delays == delay], minlength=len(pins))
        total += entries @ pins[:, :steps].sum(axis=1)
    return total


def _refused(message: str, cure: str) -> InputError:
    return InputError(Diagnostic("SN578", message, help=cure))
