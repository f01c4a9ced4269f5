"""Target c: integer networks as C11 programs that do work only where spikes are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snnc.backends.base import Limits
from snnc.backends.c.checks import check
from snnc.backends.simulated import SimulatedTarget
from snnc.diagnostics import Diagnostic
from snnc.ir import model
from snnc.ir.tensors import Array

_LIMITS = Limits(
    stages=("fixed",),
    neurons=("if", "running_max2d", "integrator", "integer_ttfs"),
    operators=(
        "dense",
        "conv2d",
        "conv_transpose2d",
        "scale",
        "flatten",
        "reshape",
        "transpose",
        "embed",
        "slice",
        "pad2d",
        "upsample2d",
    ),
    codings=("graded", "poisson", "events", "integer_spike_time"),
    resets=("subtract", "zero", "none"),
    signed_spikes=True,
    spike_cap=True,
    gated_input=True,
    phases=True,
    chained_operators=True,
    delays=True,
    weight_bits=16,
    exits=("confidence", "margin", "patience", "fixed"),
)


@dataclass(frozen=True, slots=True)
class CTarget(SimulatedTarget):
    """C programs. A network of whole numbers goes in; a folder that builds with make comes out."""

    name: str = "c"
    description: str = "plain C11 in whole numbers, for processors; also the fast way to evaluate"
    limits: Limits = _LIMITS
    pipeline: tuple[str, ...] = ("fold-chains", "quantize-weights{target=c}")
    engines: tuple[str, ...] = ("c", "reference")

    def check(self, network: model.Network) -> list[Diagnostic]:
        """All reasons why a network has no C program, SN550 to SN559."""
        return check(network)

    def figures(self, network: model.Network) -> dict[str, Any]:
        """Nothing: a program needs memory, and `program.h` says how much."""
        return {}

    def emit(self, network: model.Network, inputs: Mapping[str, Array]) -> dict[str, bytes]:
        """Sources, a Makefile, and golden spikes that the program compares itself with."""
        from snnc.backends.c.emit import emit  # templates are slow to import

        return emit(network, inputs)
