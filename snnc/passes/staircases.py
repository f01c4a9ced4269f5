"""What the passes for quantised activations share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.passes.tensors import values_of

VIEWS = (m.Flatten, m.Reshape, m.Transpose)
"""Operators that move values and change none."""


def span(neuron: m.Quantized) -> int:
    """The largest number of steps that a level lies away from zero."""
    return max(neuron.levels, -neuron.lowest)


def depth(network: m.Network) -> int:
    """How many populations stand behind one another on the longest way from an input."""
    found: dict[str, int] = {}
    for population in network.populations:
        before = (found.get(i.source, 0) for i in population.incoming)
        found[population.name] = 1 + max(before, default=0)
    return max(found.values(), default=0)


def quantized_window(network: m.Network) -> int:
    """In how many steps the input of a lossless network acts: the largest number of levels."""
    spans = [span(p.neuron) for p in network.populations if isinstance(p.neuron, m.Quantized)]
    return max(spans, default=1)


def settling_bound(network: m.Network, window: int) -> int:
    """Time steps that are enough for nearly every sample: twice window and depth, and some."""
    return 2 * (window + depth(network)) + 8


def single(network: m.Network, parameter: m.Parameter) -> float | None:
    """The value of a parameter that is the same everywhere; None where it differs."""
    values = values_of(parameter, network)
    same = bool(values.size) and bool((values == values.flat[0]).all())
    return float(values.flat[0]) if same else None


def only_views(ops: Sequence[m.Operator]) -> bool:
    """Whether a chain moves values and changes none."""
    return all(isinstance(op, VIEWS) for op in ops)


def same_staircase(network: m.Network, a: m.Quantized, b: m.Quantized) -> bool:
    """Whether two neurons have the same step, levels, shift and rounding."""
    if (a.levels, a.lowest, a.ties) != (b.levels, b.lowest, b.ties):
        return False
    pairs = ((a.step, b.step), (a.shift, b.shift))
    return all(equal_parameters(network, x, y) for x, y in pairs)


def equal_parameters(network: m.Network, a: m.Parameter, b: m.Parameter) -> bool:
    """Whether two parameters hold the same values everywhere."""
    x, y = values_of(a, network), values_of(b, network)
    if x.shape == y.shape:
        return bool(np.array_equal(x, y))
    one, other = single(network, a), single(network, b)
    return one is not None and one == other


def refuse_staircases(name: str, network: m.Network) -> None:
    """Refuse a network with quantised activations in a pass for continuous ones.

    Raises:
        InputError: SN731, naming the populations.
    """
    found = [p for p in network.populations if isinstance(p.neuron, m.Quantized)]
    if found:
        more = f", as are {len(found) - 1} more" if len(found) > 1 else ""
        raise InputError(
            Diagnostic(
                "SN731",
                f"pass {name} is for continuous activations, and population {found[0].name} is "
                f"quantised{more}: the steps say already what a spike is worth",
                where=", ".join(found[0].origin),
                help="use map-quantized{mode=qffs} or map-quantized{mode=qcfs} instead of "
                "normalize and to-spiking",
            )
        )
