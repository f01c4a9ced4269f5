"""Inputs: checking what the caller brought, and turning it into spikes where that is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir import model
from snnc.ir.staircase import level
from snnc.ir.tensors import Array

Given = Array | Mapping[str, Array]


def check_inputs(network: model.Network, given: Given, integer: bool) -> dict[str, Array]:
    """One checked array per input of the network.

    Args:
        network: The network that will run.
        given: An array for the only input, or arrays by input name: (N, *shape), for inputs coded
            as events (T, N, *shape). Those coded as rounded come back rounded.
        integer: Whether only whole numbers will do.

    Raises:
        InputError: SN502, SN503, SN504, SN507 or SN508.
    """
    arrays = by_name(network, given)
    checked = {i.name: _check_input(i, arrays[i.name], integer) for i in network.inputs}
    counts = {name: _samples(network, name, array) for name, array in checked.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
        raise _error("SN502", f"the inputs have different numbers of samples ({found})", "")
    return checked


def by_name(network: model.Network, given: Given) -> Mapping[str, Array]:
    """One unchecked array per input of the network.

    Raises:
        InputError: SN502, names do not match, or one array was given for several inputs.
    """
    names = [i.name for i in network.inputs]
    if not isinstance(given, Mapping):
        if len(names) != 1:
            raise _error(
                "SN502",
                f"one array was given, but the network has {len(names)} inputs",
                "",
                f"pass a mapping with the keys {', '.join(names)}",
            )
        return {names[0]: np.asarray(given)}
    missing = [name for name in names if name not in given]
    unknown = sorted(set(given) - set(names))
    if missing or unknown:
        parts = [f"missing: {', '.join(missing)}"] if missing else []
        parts += [f"unknown: {', '.join(unknown)}"] if unknown else []
        raise _error(
            "SN502",
            f"the arrays do not match the inputs ({'; '.join(parts)})",
            "",
            f"the network's inputs are {', '.join(names)}",
        )
    return {name: np.asarray(given[name]) for name in names}


def _samples(network: model.Network, name: str, array: Array) -> int:
    coding = next(i.coding for i in network.inputs if i.name == name)
    return int(array.shape[1] if isinstance(coding, model.Events) else array.shape[0])


def _check_input(entry: model.Input, array: Array, integer: bool) -> Array:
    where = f"input {entry.name}"
    events = isinstance(entry.coding, model.Events)
    rank = len(entry.shape) + (2 if events else 1)
    if events and array.ndim == rank - 1 and array.shape[1:] == entry.shape:
        raise _error(
            "SN507",
            f"an input coded as events needs a time axis: (T, N, {_listed(entry.shape)}), "
            f"not {list(array.shape)}",
            where,
            "bring one frame of events for each time step",
        )
    if array.ndim != rank or array.shape[rank - len(entry.shape) :] != entry.shape:
        lead = "T, N" if events else "N"
        raise _error(
            "SN502",
            f"wrong shape {list(array.shape)}; ({lead}, {_listed(entry.shape)}) is needed",
            where,
            "the batch axis comes first, then channels, height, width",
        )
    _check_dtype(entry, array, integer, where)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _error("SN504", "the array holds NaN or infinite values", where)
    if isinstance(entry.coding, model.Rounded):
        array = rounded(entry.coding, array)
    _check_events(entry, array, where)
    encoded = isinstance(entry.coding, (model.Poisson, model.SpikeTime))
    if integer and not encoded and array.dtype.kind == "f" and (array != np.rint(array)).any():
        raise _error(
            "SN508",
            "integer simulation needs whole numbers",
            where,
            "quantise the input, or simulate with dtype float32 or float64",
        )
    return array


def _check_events(entry: model.Input, array: Array, where: str) -> None:
    largest = entry.coding.largest if isinstance(entry.coding, model.Events) else None
    if largest is None or not array.size:
        return
    found = max(float(array.max()), -float(array.min()))
    if found > largest:
        raise _error(
            "SN514",
            f"an event of {found:g} is larger than {largest}, for which the network was made",
            where,
            "send fewer events per step, or compile with quantize-weights{events=...}",
        )


def rounded(coding: model.Rounded, array: Array) -> Array:
    """What the host makes of values of any shape: whole steps, in the array's own precision.

    Graded inputs are counted in steps, the others keep their units.

    Source: Esser et al. 2020, eq. 1 and 2, as `snnc.ir.staircase.level`.
    """
    x = array.astype(np.result_type(array, np.float32), copy=False)
    step, shift = (np.asarray(value, x.dtype) for value in (coding.step, coding.shift))
    whole = level(x, step, coding.lowest, coding.levels, shift, coding.ties)
    values: Array = whole if isinstance(coding, model.Graded) else step * whole
    return values


def _check_dtype(entry: model.Input, array: Array, integer: bool, where: str) -> None:
    whole = integer or isinstance(entry.coding, model.Events) or not entry.dtype.startswith("f")
    accepted = "fiub" if whole else "f"
    if array.dtype.kind not in accepted:
        kinds = "a numeric array" if whole else "a floating-point array"
        raise _error(
            "SN503",
            f"element type {array.dtype} does not fit; {kinds} is needed",
            where,
            "convert it after the preprocessing, e.g. (x / 255).astype(numpy.float32)",
        )


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(str(n) for n in shape)


def _error(code: str, message: str, where: str, cure: str = "") -> InputError:
    return InputError(Diagnostic(code, message, where, cure))


def check_steps(network: model.Network, inputs: Mapping[str, Array], steps: int | None) -> int:
    """The number of time steps of a run: `steps`, or the network's, or that of the events.

    Events of a network with gated input may end with its window; behind it nothing would act. A
    schedule of phases can be cut short, so that the last windows are not reached, but not go on.

    Raises:
        InputError: Events behind the window (SN513).
        UsageError: SN505.
    """
    schedule = network.schedule
    events = {i.name: inputs[i.name] for i in network.inputs if isinstance(i.coding, model.Events)}
    lengths = {len(array) for array in events.values()}
    if steps is None:
        known = lengths or ({schedule.steps} if schedule else set())
        if isinstance(schedule, model.Gated) and lengths <= {schedule.window}:
            known = {schedule.steps}
        if len(known) != 1:
            raise UsageError(
                Diagnostic("SN505", "the number of time steps is not known", "", "give steps")
            )
        steps = known.pop()
    if steps < 1:
        raise UsageError(
            Diagnostic("SN505", f"{steps} time steps were asked for; at least 1 is needed")
        )
    if isinstance(schedule, model.Phased) and steps > schedule.steps:
        raise UsageError(
            Diagnostic(
                "SN505",
                f"{steps} time steps were asked for, but the windows of network {network.name} "
                f"end with step {schedule.steps}",
                "schedule",
                "ask for fewer, or compile with a longer window",
            )
        )
    driven = schedule.drive(steps) if schedule else steps
    wrong = sorted(lengths - {steps, driven})
    if wrong:
        raise UsageError(
            Diagnostic(
                "SN505",
                f"{steps} time steps were asked for, but an event input brings {wrong[0]}",
            )
        )
    for name, array in events.items():
        if array[driven:].any():
            raise _error(
                "SN513",
                f"there are events behind step {driven}, where the network's input ends",
                f"input {name}",
                f"bring {driven} frames, all that the network takes in",
            )
    return steps


class PoissonTrain:
    """Bernoulli spikes of one group of samples, drawn from a generator of its own per sample.

    The generator of a sample depends on the seed, the input's name and the sample's number in the
    data set, so the spikes do not depend on batches, threads or blocks.
    """

    def __init__(self, entry: model.Input, values: Array, first: int) -> None:
        assert isinstance(entry.coding, model.Poisson)
        self._probability = np.minimum(np.abs(values.astype(np.float64)) / entry.coding.scale, 1.0)
        self._sign = np.sign(values).astype(np.int8)
        name = zlib.crc32(entry.name.encode())
        seeds = ([entry.coding.seed, name, first + i] for i in range(len(values)))
        self._generators = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self._probability, self._sign = self._probability[mask], self._sign[mask]
        self._generators = [g for g, kept in zip(self._generators, mask, strict=True) if kept]

    def step(self) -> Array:
        """The spikes of the next time step, int8 (samples, *shape)."""
        shape = self._probability.shape[1:]
        drawn = np.stack([generator.random(shape) for generator in self._generators])
        spikes: Array = (drawn < self._probability) * self._sign
        return spikes
