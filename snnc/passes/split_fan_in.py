"""Fan-in beyond a core of TrueNorth, by partial sums of rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snnc.backends.reference.reach import Reach, bounds_of
from snnc.backends.truenorth.checks import findings
from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.host import is_signed
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.axon_needs import Need, axons_needed
from snnc.passes.base import Context, Property
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
from snnc.passes.properties import FIXED
from snnc.passes.tensors import NewTensors, full, values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFanIn:
    """Rewrite populations whose neurons need more axons than a core has (stage fixed).

    `policy=rate`: their inputs are cut into groups. Of each group, partial neurons add up the
    positive and the negative weights apart and send a spike for every load that has come together,
    which is worth that load to the neuron. What a neuron has received in all is off by a load for
    each group at most, but comes in larger pieces, so that spikes move and counts change a little.
    `copies` of each partial neuron take turns, which makes the load so many times smaller; they
    cost as many times the axons and neurons. A load is a power of two; `copies` of them hold what
    comes in a step in 99 of 100 cases and on average in every sample, in a run of `samples`
    calibration samples. `load` gives it, if it is not 0. `policy=error` refuses such populations.
    `axons`: of a core. `wide`: whether a population is split where a `neuron` needs more axons, or
    also where those of all channels at a `place` of its image do together: single neurons that just
    fit are exact, but each has a core of its own.
    """

    name: ClassVar[str] = "split-fan-in"
    requires: ClassVar[tuple[Property, ...]] = (FIXED,)
    ensures: ClassVar[tuple[Property, ...]] = (FIXED,)
    policy: Literal["rate", "error"] = "rate"
    axons: int = 256
    copies: int = 4
    load: int = 0
    samples: int = 64
    wide: Literal["neuron", "place"] = "neuron"

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network in which every neuron fits a core; as it was where all do.

        Raises:
            InputError: a bad option (SN721), no calibration data (SN705), a population that is not
                to be split (SN786), that cannot be (SN787), or whose inputs come faster than
                partial neurons can send (SN788).
        """
        self._check_options()
        if findings(network):
            return network  # the target refuses it in its own words
        needs = axons_needed(network, together=self.wide == "place")
        beyond = {name: need for name, need in needs.items() if need.axons > self.axons}
        if not beyond:
            return network
        if self.policy == "error":
            populations = [network.population(name) for name in beyond]
            raise InputError([_too_wide(p, beyond[p.name], self.axons) for p in populations])
        walk = None if self.load else self._walk(network, context)
        tensors = NewTensors(network)
        found: list[m.Population] = []
        for population in network.populations:
            if population.name in beyond:
                _check_sources(network, population)
                sums = cut(network, population, self.axons, self.copies, tensors)
                if sums is None:
                    raise InputError(_one_too_wide(population, self.axons))
                loads = self._loads(network, sums, walk, tensors)
                found += _split(network, sums, loads, tensors, context)
            else:
                found.append(population)
            if walk is not None:
                walk.advance(population, network)
        changed = tensors.attach(network).with_populations(found)
        self._check(changed)
        return changed

    def _check_options(self) -> None:
        largest = TRUENORTH.largest_strength
        checks = (
            (1 <= self.axons <= TRUENORTH.axons, "axons", self.axons, f"1 to {TRUENORTH.axons}"),
            (0 <= self.load <= largest, "load", self.load, f"0 to {largest}"),
            (1 <= self.copies <= 64, "copies", self.copies, "1 to 64"),
            (self.samples >= 1, "samples", self.samples, "1 or more"),
        )
        for fine, option, value, accepted in checks:
            if not fine:
                text = f"{self.name}: {option}={value} is not {accepted}"
                raise InputError(Diagnostic("SN721", text))

    def _walk(self, network: m.Network, context: Context) -> Layerwise:
        """The network as it is, run layer by layer on calibration samples."""
        assert network.schedule is not None
        given: Mapping[str, Array] = context.samples(self.name)
        steps = network.schedule.steps
        count = affordable_samples(network, steps, self.samples)
        return Layerwise(network, {name: x[:count] for name, x in given.items()}, steps)

    def _loads(
        self, network: m.Network, sums: Sums, walk: Layerwise | None, tensors: NewTensors
    ) -> Array:
        """The threshold of each channel's partial sums, (C,).

        Raises:
            InputError: SN788, more comes in on average than a spike a step can be worth.
        """
        if walk is None:
            return np.full(len(sums.units), self.load, np.int64)
        needed = sums.largest / self.copies
        for partial in sums.partials:
            parts = walk.currents(partial.population, tensors.attach(network))
            needed = np.maximum(needed, load_of(parts, sums) / self.copies)
        if needed.max(initial=0) > TRUENORTH.largest_strength:
            raise InputError(_too_fast(sums.population, float(needed.max())))
        return np.minimum(power_of_two(needed), TRUENORTH.largest_strength)

    def _check(self, network: m.Network) -> None:
        """Refuse roots that need more axons than a core has for their partial sums."""
        for name, need in axons_needed(network).items():
            if need.axons > self.axons:
                raise InputError(_too_many_parts(network.population(name), need, self.axons))


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
