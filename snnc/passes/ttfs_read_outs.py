"""Outputs that are read by who fires first: kernels that cover their range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context
from snnc.passes.read_out import only_read_out
from snnc.passes.tensors import values_of
from snnc.passes.ttfs_kernels import kernel_of, with_kernel

_BATCH = 32


def with_output_kernels(ann: m.Network, timed: m.Network, context: Context) -> m.Network:
    """`timed`, with the largest value of every spiking output as its earliest one.

    Outputs are not normalised. Where all values above 1 had the time of 1, most answers would be
    ties.

    Args:
        ann: the network before its neurons became those of spike times.
        timed: the same populations at stage snn.
        context: brings calibration samples, and takes the notes.
    """
    names = [
        p.name
        for p, after in zip(ann.populations, timed.populations, strict=True)
        if only_read_out(ann, p) and isinstance(after.neuron, m.TTFS)
    ]
    for name, largest in _largest(ann, context, names).items():
        kernel = replace(kernel_of(timed, name), threshold=largest)
        timed = with_kernel(timed, (name,), kernel)
    _note_units(timed, context)
    return timed


def _largest(ann: m.Network, context: Context, names: Sequence[str]) -> dict[str, float]:
    """The largest value of each of the populations on the calibration samples."""
    if not names:
        return {}
    if not context.calibration:
        context.note(
            f"schedule-ttfs takes 1 as the largest value of {', '.join(names)}: there are no "
            "calibration samples to see it from"
        )
        return {}
    found = dict.fromkeys(names, 0.0)
    total = len(next(iter(context.calibration.values())))
    for start in range(0, total, _BATCH):
        part = {name: x[start : start + _BATCH] for name, x in context.calibration.items()}
        for name, values in evaluate(ann, part, keep=names).items():
            found[name] = max(found[name], float(values.max()))
    return {name: largest for name, largest in found.items() if largest > 0}


def _note_units(timed: m.Network, context: Context) -> None:
    for head in timed.heads:
        population = timed.population(head.population)
        scale = values_of(population.scale, timed)
        if isinstance(head.readout, m.FirstSpike) and scale.size and scale.min() != scale.max():
            context.note(
                f"head {head.name} reads who fires first in {population.name}, whose channels have "
                "scales of their own: the first spike is the largest value in these units "
                "(normalize{per=layer} makes them one)"
            )
