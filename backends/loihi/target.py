"""Target loihi: integer networks as programs for Lava, Intel's framework for Loihi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snnc.backends.base import Limits
from snnc.backends.loihi.checks import check
from snnc.backends.simulated import SimulatedTarget
from snnc.diagnostics import Diagnostic
from snnc.ir import model
from snnc.ir.tensors import Array

_LIMITS = Limits(
    stages=("fixed",),
    neurons=("if", "running_max2d", "integrator", "integer_ttfs"),
    operators=("dense", "conv2d", "scale", "flatten", "reshape"),
    codings=("graded", "poisson", "events", "integer_spike_time"),
    resets=("subtract", "zero"),
    signed_spikes=True,
    spike_cap=True,
    gated_input=True,
    phases=True,
    chained_operators=False,
    delays=True,
    weight_bits=8,
    exits=("confidence", "margin", "patience", "fixed"),
)


@dataclass(frozen=True, slots=True)
class LoihiTarget(SimulatedTarget):
    """Lava programs. A network of whole numbers goes in; a folder that Lava runs comes out."""

    name: str = "loihi"
    description: str = "programs for Lava 0.10, in Loihi's whole numbers, simulated on the CPU"
    limits: Limits = _LIMITS
    pipeline: tuple[str, ...] = ("fold-chains", "quantize-weights", "add-latency")
    engines: tuple[str, ...] = ("reference", "lava")

    def check(self, network: model.Network) -> list[Diagnostic]:
        """All reasons why a network has no Lava program, SN530 to SN542."""
        return check(network)

    def figures(self, network: model.Network) -> dict[str, Any]:
        """`fit`: what the network takes of each chip; see `snnc.backends.loihi.fit`."""
        from snnc.backends.loihi.fit import fits

        return {"fit": fits(network)}

    def emit(self, network: model.Network, inputs: Mapping[str, Array]) -> dict[str, bytes]:
        """`program.py` with all that it needs, and golden spikes for `program.py --check`."""
        from snnc.backends.loihi.emit import emit  # templates are slow to import

        return emit(network, inputs)
