"""From the read-out of a head to classes, and which labels make sense for it."""

from __future__ import annotations

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array


class Judge:
    """Turns outputs of the final head into classes: the largest value, or the sign of a single one.

    A head with one value is a two-class output whose logit is compared with 0 (a sigmoid of it
    with one half). A ReLU that the network leaves to the host comes first: it makes ties.
    """

    def __init__(self, network: m.Network) -> None:
        self.head = network.heads[-1]
        shape = network.population(self.head.population).shape
        self.classes = max(2, int(np.prod(shape)))
        self._rectified = self.head.readout.host[:1] == ("Relu",)

    def classify(self, outputs: Array) -> Array:
        """Class indices of outputs (..., K)."""
        if self._rectified:
            outputs = np.maximum(outputs, 0)
        if outputs.shape[-1] == 1:
            positive: Array = (outputs[..., 0] > 0).astype(np.int64)
            return positive
        best: Array = outputs.argmax(axis=-1)
        return best

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
