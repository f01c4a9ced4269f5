"""How split-fan-in rewrites a network: which populations, by which loads, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from snnc.backends.reference.reach import Reach, bounds_of
from snnc.backends.truenorth.checks import findings
from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.host import is_signed
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.axon_needs import Need, axons_needed
from snnc.passes.base import Context
from snnc.passes.integer_layers import by_channel
from snnc.passes.layerwise import Layerwise, affordable_samples
from snnc.passes.partial_roots import (
    divisor_within,
    load_of,
    power_of_two,
    reached,
    root_of,
    with_loads,
)
from snnc.passes.partial_sums import Sums, cut
from snnc.passes.tensors import NewTensors, full, values_of

if TYPE_CHECKING:
    from snnc.passes.split_fan_in import SplitFanIn


def split(options: SplitFanIn, network: m.Network, context: Context) -> m.Network:
    """The network in which every neuron fits a core; see `SplitFanIn.run`.

    Args:
        options: of the pass, checked.
        network: of stage fixed.
        context: of the pass.

    Raises:
        InputError: SN705, SN786 to SN788.
    """
    if findings(network):
        return network  # the target refuses it in its own words
    needs = axons_needed(network, together=options.wide == "place")
    beyond = {name: need for name, need in needs.items() if need.axons > options.axons}
    if not beyond:
        return network
    if options.policy == "error":
        populations = [network.population(name) for name in beyond]
        raise InputError([_too_wide(p, beyond[p.name], options.axons) for p in populations])
    walk = None if options.load else _walk(options, network, context)
    tensors = NewTensors(network)
    found: list[m.Population] = []
    for population in network.populations:
        if population.name in beyond:
            _check_sources(network, population)
            sums = cut(network, population, options.axons, options.copies, tensors)
            if sums is None:
                raise InputError(_one_too_wide(population, options.axons))
            loads = _loads(options, network, sums, walk, tensors)
            found += _split(network, sums, loads, tensors, context)
        else:
            found.append(population)
        if walk is not None:
            walk.advance(population, network)
    changed = tensors.attach(network).with_populations(found)
    _check(options, changed)
    return changed


def _walk(options: SplitFanIn, network: m.Network, context: Context) -> Layerwise:
    """The network as it is, run layer by layer on calibration samples."""
    assert network.schedule is not None
    given: Mapping[str, Array] = context.samples(options.name)
    steps = network.schedule.steps
    count = affordable_samples(network, steps, options.samples)
    return Layerwise(network, {name: x[:count] for name, x in given.items()}, steps)


def _loads(
    options: SplitFanIn, network: m.Network, sums: Sums, walk: Layerwise | None, tensors: NewTensors
) -> Array:
    """The threshold of each channel's partial sums, (C,).

    Raises:
        InputError: SN788, more comes in on average than a spike a step can be worth.
    """
    if walk is None:
        return np.full(len(sums.units), options.load, np.int64)
    needed = sums.largest / options.copies
    for partial in sums.partials:
        parts = walk.currents(partial.population, tensors.attach(network))
        needed = np.maximum(needed, load_of(parts, sums) / options.copies)
    if needed.max(initial=0) > TRUENORTH.largest_strength:
        raise InputError(_too_fast(sums.population, float(needed.max())))
    return np.minimum(power_of_two(needed), TRUENORTH.largest_strength)


def _check(options: SplitFanIn, network: m.Network) -> None:
    """Refuse roots that need more axons than a core has for their partial sums."""
    for name, need in axons_needed(network).items():
        if need.axons > options.axons:
            raise InputError(_too_many_parts(network.population(name), need, options.axons))


def _split(
    network: m.Network, sums: Sums, loads: Array, tensors: NewTensors, context: Context
) -> list[m.Population]:
    """The partial populations and the root.

    Raises:
        InputError: SN787, the potential could leave its range in any units.
    """
    partials = with_loads(sums, loads, tensors)
    known = tensors.attach(network).with_populations([*network.populations, *partials])
    most, limit = TRUENORTH.largest_strength / loads, TRUENORTH.largest_potential
    while True:
        fine = _within(sums.units, most)
        if (fine < 1).any():
            raise InputError(_too_far(sums.population))
        root = root_of(network, sums, loads, fine, tensors)
        over = reached(tensors.attach(network), root, sums, loads * fine) > limit
        if not over.any():
            break
        most = np.where(over, fine / 2, most)
    if (_potentials(known, partials, sums) > limit).any():
        raise InputError(_too_far(sums.population))
    _note(network, sums, loads * fine, root, tensors, context)
    return [*partials, root]


def _within(units: Array, most: Array) -> Array:
    pairs = zip(units.tolist(), most.tolist(), strict=True)
    return np.array([divisor_within(unit, limit) for unit, limit in pairs], np.int64)


def _potentials(network: m.Network, populations: Sequence[m.Population], sums: Sums) -> Array:
    """The largest |potential| of each channel (C,), whatever comes."""
    assert network.schedule is not None
    steps = network.schedule.steps
    names = [p.name for p in network.populations] + [i.name for i in network.inputs]
    reach = {name: Reach(1.0, float(steps)) for name in names}
    found = np.zeros(len(sums.units))
    for population in populations:
        potential = bounds_of(network, population, reach, steps).potential
        channels = by_channel(np.broadcast_to(potential, population.shape), population.shape)
        found = np.maximum(found, channels.reshape(len(found), -1).max(axis=1))
    return found


def _note(
    network: m.Network,
    sums: Sums,
    worth: Array,
    root: m.Population,
    tensors: NewTensors,
    context: Context,
) -> None:
    neuron, population = root.neuron, sums.population
    assert isinstance(neuron, m.IF)
    threshold = full(values_of(neuron.threshold, tensors.attach(network)), sums.shape)
    off = len(sums.partials) * worth / by_channel(threshold, sums.shape)
    context.note(
        f"split-fan-in: {population.name} gets its inputs as {len(sums.partials)} partial sums of "
        f"rates, each in pieces of {np.median(worth / by_channel(threshold, sums.shape)):.2g} of "
        f"its threshold; without backlog what it has received is off by less than "
        f"{off.max():.2g} thresholds at any time"
    )


# ---- refusals --------------------------------------------------------------------------------


def _diagnostic(code: str, population: m.Population, text: str, cure: str) -> Diagnostic:
    return Diagnostic(code, text, ", ".join(population.origin), cure)


def _too_wide(population: m.Population, need: Need, axons: int) -> Diagnostic:
    text = (
        f"a neuron of {population.name} reads {need.inputs} inputs and needs {need.axons} axons on "
        f"one core; a core has {axons}"
    )
    cure = (
        "compile with --partial-sums rate (spikes change a little) or exact (slower), take fewer "
        "bits, or train with grouped convolutions or fewer inputs"
    )
    return _diagnostic("SN786", population, text, cure)


def _check_sources(network: m.Network, population: m.Population) -> None:
    """Refuse what partial sums cannot stand for: they send nothing back, and remember what came."""
    signed = [i.source for i in population.incoming if is_signed(network, i.source)]
    if signed:
        text = (
            f"{population.name} reads the input {signed[0]}, which may bring negative spikes; "
            "partial sums cannot take back what they have sent"
        )
        cure = "run encode-inputs{method=if}: its spikes have no sign"
        raise InputError(_diagnostic("SN787", population, text, cure))
    neuron = population.neuron
    if isinstance(neuron, m.IF) and neuron.leak != 1.0:
        text = f"{population.name} forgets in every step what partial sums would bring later"
        raise InputError(_diagnostic("SN787", population, text, "take fewer bits, or fewer inputs"))


def _one_too_wide(population: m.Population, axons: int) -> Diagnostic:
    text = (
        f"the window of one input channel of {population.name} alone needs more than the {axons} "
        "axons of a core, or its weights have no axon code"
    )
    return _diagnostic("SN787", population, text, "take fewer bits, or a smaller kernel")


def _too_many_parts(population: m.Population, need: Need, axons: int) -> Diagnostic:
    text = (
        f"{population.name} has so many inputs that its partial sums alone need {need.axons} axons "
        f"on one core; a core has {axons}"
    )
    cure = "take fewer bits, or put a layer of fewer neurons in front of it"
    return _diagnostic("SN787", population, text, cure)


def _too_far(population: m.Population) -> Diagnostic:
    text = (
        f"with partial sums the potential of {population.name} could leave "
        f"{TRUENORTH.largest_potential} in any units"
    )
    return _diagnostic("SN787", population, text, "take fewer time steps (--timesteps)")


def _too_fast(population: m.Population, load: float) -> Diagnostic:
    text = (
        f"partial sums of {population.name} need loads of {load:.0f}, and a spike can be worth "
        f"{TRUENORTH.largest_strength}"
    )
    cure = "take fewer bits, or more copies: split-fan-in{copies=8}"
    return _diagnostic("SN788", population, text, cure)
