"""How the spike counts and read-outs of a settled network compare with its quantised ANN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

READOUT_BAND = 1e-3
"""The largest difference of read-outs, over the largest read-out, that rounding may explain.

Measured on LeNets and a VGG in float32, the largest is 3e-6.
"""


@dataclass(frozen=True, slots=True)
class Exactness:
    """How the spike counts compare with the integer activations of the quantised ANN.

    `values`: compared pairs of sample and neuron; `unequal`: how many of them differ, which is
    `at_edge + inherited + unexplained`. `edge_distance`: of the differences at an edge the
    largest distance from it, in steps. `unsettled`: compared samples that had not come to rest;
    `working`: how many of the `unexplained` differences are theirs. `readout_difference`: largest
    difference of the read-out from the ANN's, over its largest value; `readout_unexplained`: the
    same among samples at rest with every count right, whose read-outs nothing can move.
    `engine` computed the ANN; the network was simulated in `precision`.
    """

    samples: int
    layers: int
    values: int
    unequal: int
    at_edge: int
    inherited: int
    unexplained: int
    working: int
    unsettled: int
    edge_distance: float
    readout_difference: float
    readout_unexplained: float
    engine: str
    precision: str

    @property
    def equal(self) -> bool:
        """Whether no count and no read-out differs but for rounding."""
        return self.unexplained == 0 and self.same_readout

    @property
    def same_readout(self) -> bool:
        """Whether right counts give the ANN's read-out."""
        return self.readout_unexplained <= READOUT_BAND

    @property
    def resting_fault(self) -> bool:
        """Whether something differs that no further time step can mend."""
        return self.unexplained > self.working or not self.same_readout

    @property
    def verdict(self) -> str:
        """The result in a line."""
        if self.unexplained == 0 and not self.same_readout:
            return (
                "spike counts are those of the quantised ANN, but read-outs differ by "
                f"{self.readout_unexplained:.1e} of the largest: the output layer is wrong"
            )
        compared = f"{self.values:,} values of {self.layers} layers, {self.samples:,} samples"
        if self.unequal == 0:
            return f"equal to the quantised ANN in every neuron of every layer ({compared})"
        text = f"{self.unequal:,} of {compared} differ from the quantised ANN"
        if self.unexplained == 0:
            return (
                f"{text}: {self.at_edge:,} by rounding, at most {self.edge_distance:.1g} of a "
                f"step from an edge, {self.inherited:,} because of these"
            )
        if not self.resting_fault:
            return f"{text}: {self.unsettled:,} samples had not come to rest (more --steps)"
        return f"{text}: {self.unexplained:,} without a reason; the conversion is not exact"

    def as_dict(self) -> dict[str, Any]:
        """The comparison as a JSON object."""
        return {
            "equal": self.equal,
            "verdict": self.verdict,
            "samples": self.samples,
            "layers": self.layers,
            "values": self.values,
            "unequal": self.unequal,
            "at_edge": self.at_edge,
            "inherited": self.inherited,
            "unexplained": self.unexplained,
            "working": self.working,
            "unsettled": self.unsettled,
            "edge_distance": self.edge_distance,
            "readout_difference": self.readout_difference,
            "readout_unexplained": self.readout_unexplained,
            "engine": self.engine,
            "precision": self.precision,
        }
