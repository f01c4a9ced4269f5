"""Analog inputs as whole numbers: graded spikes of some bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.base import Context, no_calibration


def integer_inputs(
    network: m.Network, context: Context, bits: int, events: int
) -> tuple[tuple[m.Input, ...], dict[str, float]]:
    """The inputs of an integer network, and what one unit of each is worth, by name.

    An input that the host rounds already keeps its steps. Of any other analog input the calibration
    samples tell the range: values that are never negative get `2^bits - 1` levels, others as many
    on both sides as fit.

    Raises:
        InputError: no calibration data to learn the range from (SN705), or data without a range
            (SN764).
    """
    found, steps = [], {}
    for declared in network.inputs:
        coding = declared.coding
        if isinstance(coding, m.Rounded):
            coding = m.Graded(coding.step, coding.levels, coding.lowest, coding.shift, coding.ties)
        elif isinstance(coding, m.Direct):
            coding = _graded(declared, _samples(declared, context), bits, context)
        elif isinstance(coding, m.Events):
            coding = replace(coding, largest=events or coding.largest or 1)
        if isinstance(coding, m.Graded):
            steps[declared.name] = coding.step
        found.append(replace(declared, coding=coding))
    return tuple(found), steps


def _samples(declared: m.Input, context: Context) -> Array:
    samples: Mapping[str, Array] = context.calibration or {}
    if declared.name not in samples or not len(samples[declared.name]):
        raise InputError(no_calibration("quantize-weights (for the range of the input)"))
    return samples[declared.name]


def _graded(declared: m.Input, samples: Array, bits: int, context: Context) -> m.Graded:
    low, high = float(samples.min()), float(samples.max())
    largest = max(high, -low)
    if not (np.isfinite(largest) and largest > np.finfo(np.float32).tiny * 2**bits):
        text = f"the calibration samples of {declared.name} are (nearly) all 0: no range to learn"
        raise InputError(Diagnostic("SN764", text, f"input {declared.name}", "use real samples"))
    levels = 2**bits - 1 if low >= 0 else 2 ** (bits - 1) - 1
    lowest = 0 if low >= 0 else -levels
    step = largest / levels
    context.note(
        f"quantize-weights: the host sends the input {declared.name} as whole numbers of "
        f"{lowest} to {levels}, in steps of {step:.4g}; the calibration data reach from {low:.4g} "
        f"to {high:.4g}, and values beyond are cut off"
    )
    return m.Graded(step, levels, lowest)
