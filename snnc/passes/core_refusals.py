"""What quantize-weights refuses for TrueNorth, in words."""

from __future__ import annotations

from collections.abc import Iterator

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.host import host_populations
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.few_bits import Rounded
from snnc.passes.integer_layers import Layer


def check_chip(network: m.Network) -> None:
    """Refuse what the chip cannot answer, and what chip and host would compute together.

    Args:
        network: with the input codings that it will have.

    Raises:
        InputError: SN782 and SN785, each by name.
    """
    wrong = [d for p in network.populations for d in _unreadable(network, p)]
    host = {p.name for p in host_populations(network)}
    inputs = {entry.name for entry in network.inputs}
    for population in network.populations:
        others = [i.source for i in population.incoming if i.source not in {*host, *inputs}]
        if population.name in host and others:
            text = (
                f"population {population.name} reads an analog input, which only the host can, and "
                f"{others[0]}, which is on the chip"
            )
            cure = "run encode-inputs first: then the chip reads spikes of the input"
            wrong.append(_diagnostic("SN785", population, text, cure))
    if wrong:
        raise InputError(wrong)


def _unreadable(network: m.Network, population: m.Population) -> Iterator[Diagnostic]:
    heads = [h for h in network.heads if h.population == population.name]
    what, cure = "", "run spike-heads before quantize-weights"
    if isinstance(population.neuron, m.TTFS):
        what, cure = "fires once, and its time is its value", "compile with --coding rate"
    elif isinstance(population.neuron, m.Integrator):
        what = "is an integrator, which only sums up"
    elif any(_reads_potential(h) for h in heads):
        what = "is read by its membrane potential"
    if what:
        text = f"population {population.name} {what}; cores of TrueNorth send spikes that count"
        yield _diagnostic("SN782", population, text, cure)


def _reads_potential(head: m.Head) -> bool:
    return isinstance(head.readout, m.Membrane)


def check_signs(layer: Layer, rounded: Rounded) -> None:
    """Refuse channels with weights of both signs in one bit.

    Raises:
        InputError: SN784.
    """
    both = (rounded.levels > 0).any(axis=1) & (rounded.levels < 0).any(axis=1)
    if both.any():
        text = (
            f"{int(both.sum())} of {layer.channels} channels of {layer.population.name} have "
            "weights of both signs, and with bits=1 a weight is on or off"
        )
        raise InputError(_diagnostic("SN784", layer.population, text, "use bits=2 (ternary)"))


def check_room(layer: Layer, room: Array, threshold: float, bias: float, chip: ChipSpec) -> None:
    """Refuse a threshold or a bias that no unit makes small enough.

    Args:
        layer: whose they are.
        room: how often the numbers of each channel could be doubled (C,); below 0, they do not fit.
        threshold: the largest one, in levels of the weights.
        bias: the largest |bias|, likewise.
        chip: its limits.

    Raises:
        InputError: SN783.
    """
    if (room >= 0).all():
        return
    if bias > chip.largest_leak:
        text = f"a bias of {layer.population.name} is {bias:.0f} times its smallest weight"
        limit = f"a leak of TrueNorth reaches {chip.largest_leak}"
    else:
        text = (
            f"a threshold of {layer.population.name} is {threshold:.0f} times its smallest weight"
        )
        limit = f"a threshold of TrueNorth reaches {chip.largest_threshold}"
    cure = "take fewer bits, which makes the smallest weight larger, or normalise the network"
    raise InputError(_diagnostic("SN783", layer.population, f"{text}; {limit}", cure))


def too_large(layer: Layer, network: m.Network, highest: float, limit: int) -> InputError:
    """SN783: some input could bring a potential to `highest`, beyond its register."""
    assert network.schedule is not None
    text = (
        f"in {network.schedule.steps} time steps some input could bring the potential of "
        f"{layer.population.name} to {highest:.0f}; TrueNorth holds {limit}"
    )
    cure = "take fewer time steps (--timesteps), or fewer bits"
    return InputError(_diagnostic("SN783", layer.population, text, cure))


def too_strong(layer: Layer) -> InputError:
    """SN762: no unit holds both the weights and the thresholds."""
    text = f"a threshold of {layer.population.name} would be 0: its weights are far above it"
    cure = "normalise the network (normalize), or take more bits"
    return InputError(_diagnostic("SN762", layer.population, text, cure))


def _diagnostic(code: str, population: m.Population, text: str, cure: str) -> Diagnostic:
    return Diagnostic(code, text, ", ".join(population.origin), cure)
