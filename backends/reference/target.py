"""The reference simulator as a target: it takes whatever the IR can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snnc.backends.base import Limits
from snnc.backends.reference.validate import simulation_findings
from snnc.backends.simulated import SimulatedTarget
from snnc.diagnostics import Diagnostic
from snnc.ir import model
from snnc.ir.tensors import Array

_LIMITS = Limits(
    stages=("snn", "fixed"),
    neurons=("if", "running_max2d", "max_gate2d", "integrator", "ttfs", "integer_ttfs"),
    operators=(
        "dense",
        "conv2d",
        "conv_transpose2d",
        "avg_pool2d",
        "scale",
        "flatten",
        "reshape",
        "transpose",
        "embed",
        "slice",
        "pad2d",
        "upsample2d",
    ),
    codings=(
        "direct",
        "rounded",
        "graded",
        "poisson",
        "events",
        "spike_time",
        "integer_spike_time",
    ),
    resets=("subtract", "zero", "none"),
    signed_spikes=True,
    spike_cap=True,
    gated_input=True,
    phases=True,
    chained_operators=True,
    delays=True,
    exits=("confidence", "margin", "entropy", "patience", "fixed", "bayes"),
)


@dataclass(frozen=True, slots=True)
class ReferenceTarget(SimulatedTarget):
    """The simulator in this package. It needs no pass of its own and no file beside the network."""

    name: str = "reference"
    description: str = "the reference simulator in NumPy, which every target must equal"
    limits: Limits = _LIMITS
    pipeline: tuple[str, ...] = ()
    engines: tuple[str, ...] = ("reference",)

    def check(self, network: model.Network) -> list[Diagnostic]:
        """What the simulator cannot run; see SN501 and SN509."""
        return list(simulation_findings(network))

    def figures(self, network: model.Network) -> dict[str, Any]:
        """Nothing: it has no limits that a network could come near."""
        return {}

    def emit(self, network: model.Network, inputs: Mapping[str, Array]) -> dict[str, bytes]:
        """No file: the simulator runs the network of the program directory itself."""
        return {}
