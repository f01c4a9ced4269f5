"""From the read-out of the final head to classes, and which labels make sense for it."""

from __future__ import annotations

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import answers
from snnc.ir import model as m
from snnc.ir.tensors import Array


class Judge:
    """Turns outputs of the final head into classes, as `snnc.ir.answers` says."""

    def __init__(self, network: m.Network) -> None:
        self.head = network.heads[-1]
        self.classes = answers.class_count(network, self.head)

    def classify(self, outputs: Array) -> Array:
        """Class indices of outputs (..., K)."""
        return answers.classify(self.head, outputs)

    def check(self, labels: Array, offset: int) -> None:
        """Refuse labels that no class of this head has.

        Raises:
            InputError: SN926, with the first such label and its place.
        """
        bad = np.flatnonzero((labels < 0) | (labels >= self.classes))
        if len(bad) == 0:
            return
        first = int(bad[0])
        text = (
            f"label {int(labels[first])} is out of range: head {self.head.name} has "
            f"{self.classes} classes (0 to {self.classes - 1})"
        )
        cure = "check that the labels belong to this network and start at 0"
        raise InputError(Diagnostic("SN926", text, where=f"sample {offset + first}", help=cure))
