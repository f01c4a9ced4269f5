"""The conversion report: every node that cannot be converted, and how much of the work can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snnc.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True)
class RefusedNode:
    """One node that cannot be converted: why, and what to do about it."""

    name: str
    operator: str
    reason: str
    cure: str
    code: str = "SN620"


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What of an ONNX graph can be converted.

    `refused` is in graph order. `unreached` counts nodes that could not be judged because what
    they depend on is refused. `macs` are the graph's multiply-accumulates per sample,
    `convertible_macs` those in nodes that can be converted.
    """

    model: str
    nodes: int
    convertible: int
    refused: tuple[RefusedNode, ...]
    unreached: int
    macs: int
    convertible_macs: int
    notes: tuple[str, ...] = ()

    @property
    def mac_share(self) -> float:
        """The convertible share of the multiply-accumulates, 0 to 1.

        Where none are known it is 1 if everything can be converted, else 0.
        """
        return self.convertible_macs / self.macs if self.macs else float(not self.refused)

    def summary(self) -> str:
        """One sentence with the counts."""
        text = (
            f"{self.convertible} of {self.nodes} nodes can be converted, "
            f"{self.mac_share:.1%} of the multiply-accumulates"
        )
        if self.refused:
            text += f"; {len(self.refused)} cannot"
        if self.unreached:
            text += f"; {self.unreached} depend on those and could not be judged"
        return text

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """One diagnostic per refused node, then a summary; empty if nothing is refused."""
        if not self.refused:
            return ()
        found = [
            Diagnostic(
                node.code,
                f"{node.operator} cannot be converted: {node.reason}",
                f'{self.model} node "{node.name}"',
                node.cure,
            )
            for node in self.refused
        ]
        return (*found, Diagnostic("SN621", self.summary(), self.model))

    def as_dict(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "model": self.model,
            "nodes": self.nodes,
            "convertible": self.convertible,
            "unreached": self.unreached,
            "macs": self.macs,
            "convertible_macs": self.convertible_macs,
            "mac_share": self.mac_share,
            "refused": [
                {
                    "name": node.name,
                    "operator": node.operator,
                    "reason": node.reason,
                    "cure": node.cure,
                }
                for node in self.refused
            ],
            "notes": list(self.notes),
        }
