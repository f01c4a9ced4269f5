"""From activations to spike times: every neuron fires once, in windows that follow one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.passes.base import Context, Property
from snnc.passes.properties import TIMEABLE, TIMED
from snnc.passes.prune_ttfs import pruned
from snnc.passes.read_out import only_read_out
from snnc.passes.split_leaky import split_signed
from snnc.passes.staircases import refuse_staircases
from snnc.passes.tensors import free_name, values_of
from snnc.passes.trained_times import note_cut
from snnc.passes.ttfs_inputs import trained_inputs
from snnc.passes.ttfs_read_outs import with_output_kernels
from snnc.passes.ttfs_windows import scheduled


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTtfs:
    """Time to first spike: one spike per neuron, whose time is the value (Park et al. 2020).

    Every population integrates in one window and fires in the next one; branches are equalised by
    whole windows. `window`: time steps of a window, 0 for the number the network is compiled for.
    `early_fire`: how many steps before its integration ends a population starts to fire (less
    latency, less accurate). `tau`: time constant of all kernels, 0 for a quarter of the window (as
    published: 20 for 80 steps, 5 for 20). `rounding`: a spike time is the nearest one, or the next
    (`ceil`). `input`: values come as `spikes`, or `analog` at once, which saves a window. `read`:
    the outputs' `membrane` potential, or which output fires first (`first_spike`). `prune`: raise
    the least value that each layer sends as far as that costs no more than so many points of
    accuracy on the labelled calibration samples; 0 leaves it.

    Runs behind normalize, so that 1 is the largest value of each layer. On a network that has
    phases already it sets them anew and keeps the kernels.
    """

    name: ClassVar[str] = "schedule-ttfs"
    requires: ClassVar[tuple[Property, ...]] = (TIMEABLE,)
    ensures: ClassVar[tuple[Property, ...]] = (TIMED,)
    window: int = 0
    early_fire: int = 0
    tau: float = 0.0
    rounding: m.Rounding = "round"
    input: Literal["spikes", "analog"] = "spikes"
    read: Literal["membrane", "first_spike"] = "membrane"
    prune: float = 0.0

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with its windows.

        Raises:
            InputError: an option is out of range (SN721), no labelled calibration samples to prune
                by (SN705), an activation that no spike time can say (SN770), a quantised activation
                (SN731).
        """
        refuse_staircases(self.name, network)
        window = self._window(network, context)
        self._check_options(window)
        self._check_kept(network)
        if network.stage == "ann":
            network = self._timed(network, context, window)
        network = scheduled(network, window, window - self.early_fire)
        _note(network, context)
        return pruned(network, context, self.prune) if self.prune else network

    def _window(self, network: m.Network, context: Context) -> int:
        """The asked window; else that of the network, of its training, or of the compilation."""
        if self.window:
            return self.window
        if isinstance(network.schedule, m.Phased):
            return network.schedule.window
        trained = [p.neuron.steps for p in network.populations if isinstance(p.neuron, m.TTFS)]
        return max(trained, default=context.steps)

    def _check_options(self, window: int) -> None:
        checks = (
            (self.window >= 0, "window", self.window, "0 or more"),
            (0 <= self.early_fire < window, "early_fire", self.early_fire, "0 to window - 1"),
            (0 <= self.tau < math.inf, "tau", self.tau, "0 or more"),
            (not self.tau or window < 80 * self.tau, "tau", self.tau, f"above {window}/80"),
            (0 <= self.prune <= 100, "prune", self.prune, "0 to 100 points"),
        )
        for fine, option, value, accepted in checks:
            if not fine:
                text = f"{self.name}: {option}={value} is not {accepted}"
                raise InputError(Diagnostic("SN721", text))

    def _check_kept(self, network: m.Network) -> None:
        """Refuse options that a network which has phases already would not follow."""
        if network.stage == "ann":
            return
        asked = ScheduleTtfs()
        for option in ("tau", "rounding", "input", "read"):
            value = getattr(self, option)
            if value != getattr(asked, option):
                text = f"{self.name}: {option}={value} comes too late, the network has phases"
                cure = "set it where the network gets them; window, early_fire and prune may change"
                raise InputError(Diagnostic("SN721", text, help=cure))

    def _timed(self, network: m.Network, context: Context, window: int) -> m.Network:
        """The network at stage snn, its schedule still to be set."""
        _refuse_signed_pools(network)
        trained: Mapping[str, m.SpikeTime] = {}
        if self.input == "spikes":
            network, trained = trained_inputs(network, context)
        note_cut(network, window, context)
        network = split_signed(_reading_apart(network), context, self.name)
        kernel = m.TTFS(self.tau or window / 4, window, rounding=self.rounding)
        populations = [
            replace(p, neuron=self._neuron(network, p, kernel)) for p in network.populations
        ]
        timed = replace(
            network.with_populations(populations),
            stage="snn",
            inputs=self._inputs(network, context, kernel, trained),
            heads=tuple(replace(h, readout=self._readout(network, h)) for h in network.heads),
            schedule=m.Phased(1, window, (), ()),
        )
        return with_output_kernels(network, timed, context)

    def _neuron(
        self, network: m.Network, population: m.Population, kernel: m.TTFS
    ) -> m.SpikingNeuron:
        neuron = population.neuron
        if only_read_out(network, population):
            fires = self.read == "first_spike" and population.shape not in ((), (1,))
            return kernel if fires else m.Integrator()
        match neuron:
            case m.TTFS():
                return replace(neuron, steps=min(neuron.steps, kernel.steps))
            case m.Relu():
                return kernel
            case m.Clip(high):
                return replace(kernel, threshold=_largest(network, population, high))
            case m.MaxPool2d():
                return m.RunningMax2d(
                    neuron.kernel, neuron.strides, neuron.pads, neuron.dilations, neuron.ceil_mode
                )
        raise InputError(_no_form(population, f"{type(neuron).__name__} has no spike time"))

    def _readout(self, network: m.Network, head: m.Head) -> m.Readout:
        population, host = network.population(head.population), head.readout.host
        if not only_read_out(network, population):
            return m.FirstSpike(host)
        if self.read == "first_spike" and population.shape not in ((), (1,)):
            return m.FirstSpike(host)
        return m.Membrane(("Relu", *host) if isinstance(population.neuron, m.Relu) else host)

    def _inputs(
        self,
        network: m.Network,
        context: Context,
        kernel: m.TTFS,
        trained: Mapping[str, m.SpikeTime],
    ) -> tuple[m.Input, ...]:
        """Inputs as spikes: the largest value of the calibration samples is the earliest one."""
        if self.input == "analog":
            return network.inputs
        largest = _largest_values(network, context, trained)
        return tuple(
            replace(
                entry,
                coding=trained.get(entry.name)
                or m.SpikeTime(kernel.tau, kernel.steps, 0.0, largest[entry.name], kernel.rounding),
            )
            for entry in network.inputs
        )


def _largest_values(
    network: m.Network, context: Context, trained: Mapping[str, m.SpikeTime]
) -> Mapping[str, float]:
    samples = context.calibration or {}
    found: dict[str, float] = {}
    for entry in network.inputs:
        values = samples.get(entry.name)
        found[entry.name] = 1.0
        if entry.name in trained:
            continue
        if values is None or not len(values):
            context.note(
                f"schedule-ttfs takes 1 as the largest value of input {entry.name}: there are no "
                "calibration samples to see it from"
            )
        else:
            found[entry.name] = float(np.abs(values).max()) or 1.0
    return found


def _largest(network: m.Network, population: m.Population, high: m.Parameter) -> float:
    """The largest value of a clipped population that a spike may carry, in its own units."""
    bounds = values_of(high, network)
    lowest, highest = float(bounds.min()), float(bounds.max())
    if lowest >= 1.0:
        return 1.0
    if lowest == highest:
        return lowest
    what = f"it is clipped at {lowest:.4g} to {highest:.4g}, and all its spikes share one kernel"
    raise InputError(_no_form(population, what, "use normalize{per=layer}"))


def _refuse_signed_pools(network: m.Network) -> None:
    for population in network.populations:
        if not isinstance(population.neuron, m.MaxPool2d):
            continue
        if len(population.incoming) > 1 or population.bias is not None:
            what = "it takes the maximum of a sum"
            raise InputError(_no_form(population, what, "run the passes fuse-linear and max-pool"))
        for incoming in population.incoming:
            source = _source(network, incoming.source)
            if incoming.ops or isinstance(source, m.Input):
                what = "it takes the maximum of no population as it is"
                raise InputError(_no_form(population, what, "run the pass max-pool first"))
            if isinstance(source.neuron, m.Identity | m.LeakyRelu):
                what = f"it takes the maximum of {source.name}, which has negative values"
                raise InputError(_no_form(population, what, "use max-pool{mode=average}"))


def _source(network: m.Network, name: str) -> m.Input | m.Population:
    entries = {i.name: i for i in network.inputs}
    return entries[name] if name in entries else network.population(name)


def _no_form(population: m.Population, what: str, cure: str = "") -> Diagnostic:
    text = f"population {population.name} cannot say its value by a spike time: {what}"
    return Diagnostic("SN770", text, ", ".join(population.origin), cure)


def _reading_apart(network: m.Network) -> m.Network:
    """Heads on hidden linear and ReLU populations read a twin that nothing else does."""
    populations, heads = list(network.populations), []
    for head in network.heads:
        population = network.population(head.population)
        plain = isinstance(population.neuron, m.Identity | m.Relu)
        if plain and network.consumers(population.name):
            twin = free_name(network, f"{population.name}.read")
            if all(p.name != twin for p in populations):
                populations.append(replace(population, name=twin))
            head = replace(head, population=twin)
        heads.append(head)
    return replace(network, populations=tuple(populations), heads=tuple(heads))


def _note(network: m.Network, context: Context) -> None:
    schedule = network.schedule
    assert isinstance(schedule, m.Phased)
    context.note(
        f"one spike per neuron in windows of {schedule.window} steps: "
        f"{schedule.steps} time steps in all"
    )
