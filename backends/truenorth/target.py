"""Target truenorth: integer networks as maps of cores with binary crossbars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from snnc.backends.base import Limits
from snnc.backends.simulated import SimulatedTarget
from snnc.backends.truenorth.chip import TRUENORTH
from snnc.diagnostics import Diagnostic
from snnc.ir import model
from snnc.ir.tensors import Array

_LIMITS = Limits(
    stages=("fixed",),
    neurons=("if",),
    operators=(
        "dense",
        "conv2d",
        "scale",
        "flatten",
        "reshape",
        "transpose",
        "embed",
        "slice",
        "pad2d",
        "upsample2d",
    ),
    codings=("graded", "poisson", "events"),
    resets=("subtract", "zero", "none"),
    signed_spikes=False,
    spike_cap=False,
    gated_input=False,
    chained_operators=True,
    delays=True,
    neurons_per_core=TRUENORTH.neurons,
    axons_per_core=TRUENORTH.axons,
    weight_bits=5,
    exits=("confidence", "margin", "patience", "fixed"),
)

Encoder = Literal["if", "bernoulli", "layer"]
PartialSums = Literal["error", "rate", "exact"]
Placement = Literal["spectral", "rows", "hilbert", "anneal"]
Exports = Literal["auto", "all", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueNorthTarget(SimulatedTarget):
    """Core maps. A network of whole numbers goes in; cores, crossbars and routes come out.

    Options, given as `truenorth{bits=3 partial_sums=rate}`:

    Attributes:
        bits: Width of a weight, 1 to 5.
        encoder: What turns an analog input into spikes, always on the host: integrate-and-fire
            neurons (`if`), seeded random spikes (`bernoulli`), or the first layer (`layer`).
        partial_sums: What becomes of neurons with more inputs than a core has axons: an `error`;
            partial sums of rates (`rate`), which change spikes; or exact sums by many ticks a time
            step (`exact`).
        placement: How cores are placed on the mesh; changes no spike.
        seed: Of the placement `anneal`.
        exports: Whether files of other simulators are written, `auto`: of maps up to 100 cores.
    """

    name: ClassVar[str] = "truenorth"
    description: ClassVar[str] = (
        "core maps for TrueNorth: binary crossbars, exact, simulated tick by tick"
    )
    limits: ClassVar[Limits] = _LIMITS
    engines: ClassVar[tuple[str, ...]] = ("coremap", "reference")
    bits: int = 4
    encoder: Encoder = "if"
    partial_sums: PartialSums = "error"
    placement: Placement = "spectral"
    seed: int = 0
    exports: Exports = "auto"

    @property
    def pipeline(self) -> tuple[str, ...]:
        """Heads and inputs become spikes, weights few bits."""
        encode = () if self.encoder == "layer" else (f"encode-inputs{{method={self.encoder}}}",)
        split = ("split-fan-in",) if self.partial_sums == "rate" else ()
        return (
            "spike-heads",
            *encode,
            "fold-chains{pools=spike}",
            f"quantize-weights{{target=truenorth bits={self.bits}}}",
            *split,
        )

    def check(self, network: model.Network) -> list[Diagnostic]:
        """All reasons why a network has no core map, SN586 to SN596, and SN582: too many cores."""
        from snnc.backends.truenorth.mapping import reasons

        return reasons(network, self)

    def figures(self, network: model.Network) -> dict[str, Any]:
        """`core_map`: cores by layer and role, what is used of them, hops, latency, exactness."""
        from snnc.backends.truenorth.emit import left_out
        from snnc.backends.truenorth.figures import figures
        from snnc.backends.truenorth.mapping import mapped, reasons

        if reasons(network, self) or network.schedule is None:
            return {}
        core_map = mapped(network, self)
        missing = left_out(core_map, self.exports, core_map.ticks(network.schedule.steps))
        return {"core_map": {**figures(core_map, network), "left_out": missing}}

    def emit(self, network: model.Network, inputs: Mapping[str, Array]) -> dict[str, bytes]:
        """The core map, its pictures, and the files of other simulators."""
        from snnc.backends.truenorth.emit import emit

        return emit(network, inputs, self)
