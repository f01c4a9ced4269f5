"""What quantize-weights says: of weights that lose bits, potentials that saturate, refusals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.phases import PASSING
from snnc.ir.tensors import Array
from snnc.passes.base import Context
from snnc.passes.fixed_point import Format
from snnc.passes.integer_layers import Layer
from snnc.passes.kernel_units import SpikeValues
from snnc.passes.tensors import NewTensors

_FEW = 0.25
"""Weights whose largest are below this share of what their width holds have lost two bits."""


def note_bits(
    layer: Layer,
    found: m.Population,
    tensors: NewTensors,
    fmt: Format,
    context: Context,
    *,
    shared: bool,
) -> None:
    """Tell the report where weights use few of their bits.

    Args:
        layer: as it was.
        found: in whole numbers.
        tensors: that hold its weights.
        fmt: what the target's numbers can be.
        context: takes the note.
        shared: whether all channels have one factor: then the largest of all counts.

    Raises:
        InputError: SN766, every weight of the layer was rounded to 0.
    """
    given = np.max([s.largest() for s in layer.synapses], axis=0)
    used = np.max([_largest(i, tensors, layer.channels) for i in found.incoming], axis=0)
    if not (given > 0).any():
        return
    if not used.any():
        raise _nothing_left(found)
    for synapses, incoming in zip(layer.synapses, found.incoming, strict=True):
        if synapses.weight.any() and not _largest(incoming, tensors, layer.channels).any():
            context.note(
                f"quantize-weights: the weights from {incoming.source} to {found.name} are too "
                "small against the other ones of the layer and became 0"
            )
    typical = used.max() if shared else np.median(used[given > 0])
    if typical < _FEW * fmt.weight:
        bits = int(np.ceil(np.log2(max(typical, 1) + 1))) + 1
        context.note(
            f"quantize-weights: {found.name} uses about {bits} bits of its weights; larger units "
            "would leave the range of its potential, its threshold or its bias"
        )


def _largest(incoming: m.Incoming, tensors: NewTensors, channels: int) -> Array:
    """The largest |weight| of each channel (C,) without exponent."""
    op = next(op for op in incoming.ops if isinstance(op, m.Dense | m.Conv2d))
    weight = np.abs(tensors.array(op.weight).astype(np.int64))
    found: Array = weight.reshape(channels, -1).max(axis=1, initial=0)
    return found


def note_saturation(populations: Sequence[m.Population], fmt: Format, context: Context) -> None:
    """Tell the report whose potentials some input could bring to the end of their range."""
    held = [p.name for p in populations if getattr(p.neuron, "saturation", None) is not None]
    if held:
        context.note(
            f"quantize-weights: some input could bring potentials of {', '.join(held)} beyond "
            f"{fmt.potential}, where they saturate"
        )


def note_kernels(network: m.Network, times: SpikeValues, context: Context) -> None:
    """Tell the report what the first and the last spike of each source are worth."""
    told = []
    for name, table in times.tables.items():
        if any(p.name == name and isinstance(p.neuron, PASSING) for p in network.populations):
            continue  # as its source
        none = int((table == 0).sum())
        silent = f", the last {none} steps nothing" if none else ""
        told.append(f"{name} {table[0]} to {table[-1]}{silent}")
    context.note(f"quantize-weights: spikes are worth by their time: {'; '.join(told)}")


def check_neurons(network: m.Network) -> None:
    """Refuse neurons that have no form in whole numbers.

    Raises:
        InputError: SN761, each by name.
    """
    wrong = []
    for population in network.populations:
        neuron = population.neuron
        if not isinstance(neuron, m.IF):
            continue
        what = ""
        if neuron.leak != 1.0:
            what = f"leaks (leak={neuron.leak:g}), which makes fractions of a whole potential"
        elif neuron.negative_spikes == "leaky":
            what = "is a leaky ReLU, whose two thresholds have no common whole unit"
        if what:
            text = f"population {population.name} {what}"
            wrong.append(_diagnostic("SN761", population, text, "see `snnc explain SN761`"))
    if wrong:
        raise InputError(wrong)


def too_strong(population: m.Population, fmt: Format) -> InputError:
    """SN762: no unit holds both the weights and the threshold."""
    text = (
        f"a weight into {population.name} is more than {fmt.weight} times its threshold, or a "
        "sum far beyond it is possible: in whole numbers a threshold would be 0"
    )
    cure = "normalise the network (normalize), or take fewer time steps"
    return InputError(_diagnostic("SN762", population, text, cure))


def too_large(population: m.Population, fmt: Format) -> InputError:
    """SN763: a sum leaves the range in any units."""
    text = f"the membrane potential of {population.name} cannot be kept within {fmt.potential}"
    cure = "take fewer time steps, or a smaller layer in front of it"
    return InputError(_diagnostic("SN763", population, text, cure))


def _nothing_left(population: m.Population) -> InputError:
    text = (
        f"all weights into {population.name} would be 0 in whole numbers: units in which they are "
        "not would leave the range of its potential, its threshold or its bias"
    )
    cure = "fewer input_bits, the wider target=loihi2, or thresholds nearer to the weights"
    return InputError(_diagnostic("SN766", population, text, cure))


def _diagnostic(code: str, population: m.Population, text: str, cure: str) -> Diagnostic:
    return Diagnostic(code, text, ", ".join(population.origin), cure)
