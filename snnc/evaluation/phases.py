"""What a schedule of phases says, as rows of a report: windows, kernels, latency, sparsity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snnc.evaluation.normalised_energy import spikes_per_neuron
from snnc.ir import model as m
from snnc.ir.head_windows import head_windows
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.phases import PASSING, Phases, fire_thresholds, kernels, phases_of

COLUMNS = ("integrates", "fires", "levels", "tau", "delay", "threshold", "largest", "least")
"""The columns of `text_rows` behind the name."""


@dataclass(frozen=True, slots=True)
class TimedSpikes:
    """How a network of spike times ran: means over the samples.

    Attributes:
        window: time steps of a window.
        opens: the first step, from 1, in which the last head says anything.
        neurons: spiking inputs and neurons that fire by themselves.
        spikes: of these, of a sample; those that running maxima pass on are left out.
        spikes_per_neuron: of these, at most 1.
        multiplications: of a sample, an upper bound: where spikes come in, the sum of a step is
            multiplied by what a spike of this step is worth, once per neuron.
    """

    window: int
    opens: int
    neurons: int
    spikes: float
    spikes_per_neuron: float
    multiplications: int


def timed_spikes(network: m.Network, spikes: Mapping[str, float]) -> TimedSpikes | None:
    """What to say of a run; None for networks without phases.

    Args:
        network: with a schedule.
        spikes: mean spikes of a sample, by source.
    """
    timing = phases_of(network)
    if timing is None:
        return None
    neurons = spiking_neurons(network)
    passed = passing(network)
    sent = sum(count for name, count in spikes.items() if name not in passed)
    hearing = [p for p in network.populations if p.name not in passed and _hears(network, p)]
    return TimedSpikes(
        window=timing.window,
        opens=head_windows(network)[network.heads[-1].name].start,
        neurons=neurons,
        spikes=sent,
        spikes_per_neuron=spikes_per_neuron(sent, max(neurons, 1)),
        multiplications=timing.window * sum(math.prod(p.shape) for p in hearing),
    )


def phase_record(network: m.Network) -> dict[str, Any] | None:
    """The section `phases` of reports, a JSON object; None for networks without phases.

    Steps count from 1. `populations` has a row per spiking input and population: the first and the
    last step of its windows (None where it has none), the number of steps in which it may fire, and
    its kernel with the largest value that a spike carries (x_max) and the least potential that is
    sent at all (x_min), in the units of the network. `heads`: the steps in which each read-out
    changes. `early`: steps by which populations fire before their integration ends, at most.
    """
    timing, schedule = phases_of(network), network.schedule
    if timing is None or schedule is None:
        return None
    rows = [_input_row(e, timing, network) for e in network.inputs if e.name in timing.fires]
    rows = [row for row in rows if row["tau"] is not None]
    rows += [_population_row(p, timing, network) for p in network.populations]
    windows = head_windows(network).items()
    return {
        "window": timing.window,
        "steps": schedule.steps,
        "early": _early(network, timing),
        "heads": {name: [window.start, window.stop - 1] for name, window in windows},
        "populations": rows,
    }


def spiking_neurons(network: m.Network) -> int:
    """Spiking inputs and neurons that fire by themselves: those that `spikes_per_neuron` is about.

    Running maxima, which pass spikes on, and integrators are none, as in the published figures.
    """
    inputs = [i.shape for i in network.inputs if isinstance(i.coding, m.SpikeTime)]
    firing = [p.shape for p in network.populations if isinstance(p.neuron, m.TTFS | m.IntegerTTFS)]
    return sum(math.prod(shape) for shape in (*inputs, *firing))


def passing(network: m.Network) -> tuple[str, ...]:
    """The populations that pass on the spikes of others."""
    return tuple(p.name for p in network.populations if isinstance(p.neuron, PASSING))


def text_rows(record: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row of text per source and population: its name, and `COLUMNS`."""
    keys = ("steps", "tau", "delay", "threshold", "x_max", "x_min")
    rows = []
    for row in record["populations"]:
        numbers = (_number(row[key]) for key in keys)
        rows.append((row["name"], _span(row["integrates"]), _span(row["fires"]), *numbers))
    return rows


def summary(record: Mapping[str, Any]) -> str:
    """Window and latency in a line."""
    text = f"{record['steps']} time steps in windows of {record['window']}"
    if record["early"]:
        text += f", fired up to {record['early']} steps early"
    heads = ", ".join(f"{name} {_span(span)}" for name, span in record["heads"].items())
    return f"{text}; read-outs change in steps {heads}"


def _early(network: m.Network, timing: Phases) -> int:
    """By how many steps a population fires before its integration ends, at most."""
    waiting = [
        timing.integrates[p.name] + timing.window - timing.fires[p.name]
        for p in network.populations
        if isinstance(p.neuron, m.TTFS | m.IntegerTTFS) and _hears(network, p)
    ]
    return max(0, *waiting) if waiting else 0


def _hears(network: m.Network, population: m.Population) -> bool:
    """Whether spikes reach a population, not analog inputs alone."""
    analog = {i.name for i in network.inputs if not isinstance(i.coding, m.SpikeTime)}
    return any(i.source not in analog for i in population.incoming)


def _input_row(entry: m.Input, timing: Phases, network: m.Network) -> dict[str, Any]:
    coding = entry.coding if isinstance(entry.coding, m.SpikeTime) else None
    row = {
        "name": entry.name,
        "neuron": KEYWORD_OF[type(entry.coding)],
        "integrates": None,
        "fires": None if coding is None else _from(0, coding.steps),
    }
    return row | _kernel(network, entry.name, coding)


def _population_row(population: m.Population, timing: Phases, network: m.Network) -> dict[str, Any]:
    neuron, name = population.neuron, population.name
    fires = None
    if isinstance(neuron, PASSING):
        fires = _from(timing.fires[name], timing.window)
    elif not isinstance(neuron, m.Integrator):
        fires = _from(timing.fires[name], len(kernels(network)[name]))
    row = {
        "name": name,
        "neuron": KEYWORD_OF[type(neuron)],
        "integrates": _from(timing.integrates[name], timing.window),
        "fires": fires,
    }
    known = neuron if isinstance(neuron, m.TTFS | m.IntegerTTFS) else None
    return row | _kernel(network, name, known)


def _kernel(
    network: m.Network, name: str, neuron: m.TTFS | m.IntegerTTFS | m.SpikeTime | None
) -> dict[str, Any]:
    """The numbers of a kernel; None where there are none, or where a table stands for them."""
    fields = ("tau", "delay", "threshold")
    if neuron is None:
        return dict.fromkeys(("steps", *fields, "x_max", "x_min"))
    values = kernels(network)[name]
    if isinstance(neuron, m.SpikeTime):
        from snnc.ir import spike_times

        least = float(spike_times.thresholds(neuron)[-1])
    else:
        least = float(fire_thresholds(network, neuron)[-1].min())
    return {
        "steps": len(values),
        **{field: getattr(neuron, field, None) for field in fields},
        "x_max": float(values[0]),
        "x_min": least,
    }


def _from(before: int, steps: int) -> list[int]:
    """First and last of `steps` time steps that lie behind `before` others."""
    return [before + 1, before + steps]


def _span(steps: list[int] | None) -> str:
    return "-" if steps is None else f"{steps[0]}-{steps[1]}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
