"""What the checks of target loihi share."""

from __future__ import annotations

import numpy as np

from snnc.diagnostics import Diagnostic
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.ir.verify_base import place

V_MAX = 2**23 - 1
"""The largest current and membrane potential: 24 bits with sign."""


def finding(code: str, p: m.Population, text: str, cure: str) -> Diagnostic:
    """A diagnostic about a population."""
    return Diagnostic(code, f"{p.name}: {text}", place(p), cure)


def values_of(network: m.Network, parameter: object) -> Array | None:
    """All values of a parameter in float64; None where there is none."""
    if isinstance(parameter, m.Ref):
        return network.array(parameter).astype(np.float64)
    return np.array([float(parameter)]) if isinstance(parameter, int | float) else None


def is_whole(values: Array) -> bool:
    """Whether all values are whole numbers."""
    return bool((values == np.rint(values)).all())
