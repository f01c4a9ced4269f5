"""What a fit must say beside its numbers: what a chip lacks, and what was not modelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from snnc.backends.loihi.chips import Chip
from snnc.ir import model as m
from snnc.ir.tensors import Array


def notes_of(network: m.Network, chip: Chip) -> tuple[str, ...]:
    """All notes for a network on a chip, in a fixed order."""
    makers = (
        *(_kind, _inputs, _pools, _timed, _waiting, _signed, _caps),
        *(_reset_thresholds, _biases, _backward),
    )
    return tuple(note for maker in makers for note in maker(network, chip))


def _kind(_network: m.Network, chip: Chip) -> Iterator[str]:
    if chip.kind == "estimate":
        yield (
            f"{chip.title}: an estimate. Intel has published no rules of allocation; only neurons "
            "per core and memory per core are modelled, each kernel stored once in a core"
        )


def _inputs(network: m.Network, chip: Chip) -> Iterator[str]:
    graded = [i.name for i in network.inputs if isinstance(i.coding, m.Direct)]
    if graded and not chip.graded_spike_bits:
        yield (
            f"graded input spikes ({', '.join(graded)}): {chip.title} has none; the host would "
            "write the current that they cause in the first layer as biases"
        )
    signed = [i.name for i in network.inputs if isinstance(i.coding, m.Poisson | m.SpikeTime)]
    if signed and not chip.graded_spike_bits:
        yield (
            f"input spikes of value -1 ({', '.join(signed)}), which negative values send: "
            f"{chip.title} has none; they would need a second set of axons with negated weights, "
            "which is not counted"
        )


def _pools(network: m.Network, chip: Chip) -> Iterator[str]:
    pools = [p.name for p in network.populations if isinstance(p.neuron, m.RunningMax2d)]
    if pools:
        yield (
            f"running maximum ({', '.join(pools)}): it has no form in the published neuron model "
            f"of {chip.title}; its neurons are counted as {chip.hard_reset_compartments} "
            f"compartment each, with one synapse for each cell of the window"
        )


def _timed(network: m.Network, chip: Chip) -> Iterator[str]:
    names = [p.name for p in network.populations if isinstance(p.neuron, m.IntegerTTFS)]
    if not names:
        return
    counted = ""
    if chip.state_bytes_per_neuron:
        counted = ", and their tables as 4 bytes an entry of the memory of every core"
    yield (
        f"time to first spike ({', '.join(names)}): neurons that fire once, and spikes that are "
        f"worth something by their time, have no form in the published neuron model of "
        f"{chip.title}; they are counted as {chip.hard_reset_compartments} compartment each"
        f"{counted}"
    )


def _waiting(network: m.Network, chip: Chip) -> Iterator[str]:
    if not isinstance(network.schedule, m.Phased):
        return
    late = [
        f"{i.source} to {p.name} by {i.delay}"
        for p in network.populations
        for i in p.incoming
        if i.delay > chip.largest_delay
    ]
    if late:
        yield (
            f"spikes that wait longer than the {chip.largest_delay} time steps of a synaptic delay "
            f"({', '.join(late)}): relay neurons would pass them on, which are not counted"
        )


def _signed(network: m.Network, chip: Chip) -> Iterator[str]:
    signed = _names(network, lambda neuron: neuron.negative_spikes != "none")
    if signed and not chip.graded_spike_bits:
        yield (
            f"spikes of value -1 ({signed}): {chip.title} has none; NxTF doubles the neurons and "
            "negates the weights of the second set, which is not counted"
        )


def _caps(network: m.Network, chip: Chip) -> Iterator[str]:
    capped = _names(network, lambda n: n.max_spikes is not None or n.min_spikes is not None)
    if capped and not chip.graded_spike_bits:
        yield (
            f"a bound on the net number of spikes ({capped}): it has no form in the published "
            f"neuron model of {chip.title}"
        )


def _names(network: m.Network, which: Callable[[m.IF], bool]) -> str:
    neurons = ((p.name, p.neuron) for p in network.populations)
    return ", ".join(name for name, n in neurons if isinstance(n, m.IF) and which(n))


def _reset_thresholds(network: m.Network, chip: Chip) -> Iterator[str]:
    """NxTF: a soft reset subtracts mantissa * 2^exponent through a synapse of the neuron itself."""
    mantissa, exponent = chip.reset_largest_mantissa, chip.reset_largest_exponent
    if mantissa is None or exponent is None:
        return
    bad = [
        population.name
        for population in network.populations
        if isinstance(population.neuron, m.IF)
        and population.neuron.reset == "subtract"
        and not _writable(_values(network, population.neuron.threshold), mantissa, exponent)
    ]
    if bad:
        yield (
            f"thresholds of {', '.join(bad)}: the connection by which a neuron subtracts its "
            f"threshold holds whole numbers up to {mantissa} times a power of two up to "
            f"2^{exponent}"
        )


def _biases(network: m.Network, chip: Chip) -> Iterator[str]:
    bits, exponent = chip.bias_mantissa_bits, chip.largest_bias_exponent
    if bits is None or exponent is None:
        return
    bad = [
        population.name
        for population in network.populations
        if population.bias is not None
        and not _writable(network.array(population.bias), 2**bits - 1, exponent)
    ]
    if bad:
        yield (
            f"biases of {', '.join(bad)}: some are not a whole number of {bits} bits and a sign "
            f"times a power of two up to 2^{exponent}, as {chip.title} writes them"
        )


def _backward(network: m.Network, _chip: Chip) -> Iterator[str]:
    """Layers are placed from the outputs on, so a reader in front is not placed when it matters."""
    order = {population.name: n for n, population in enumerate(network.populations)}
    back = [
        f"{incoming.source} to {population.name}"
        for population in network.populations
        for incoming in population.incoming
        if order.get(incoming.source, -1) > order[population.name]
    ]
    if back:
        yield f"connections back ({', '.join(back)}): their output axon entries are not counted"


def _values(network: m.Network, parameter: m.Parameter) -> Array:
    return network.array(parameter) if isinstance(parameter, m.Ref) else np.asarray([parameter])


def _writable(values: Array, mantissa: int, exponent: int) -> bool:
    """Whether all values are a whole number up to the mantissa times a power of two."""
    size = np.abs(np.asarray(values).astype(np.int64))
    steps = [(size % (1 << e) == 0) & (size >> e <= mantissa) for e in range(exponent + 1)]
    return bool(np.any(steps, axis=0).all())
