"""The pipeline of a network whose values become spike times."""

from __future__ import annotations

from snnc.ir import model as m
from snnc.passes import TTFS_PIPELINE, TTFS_TRAINED_PIPELINE
from snnc.passes.defaults import Choice


def ttfs_pipeline(network: m.Network) -> Choice:
    """The default pipeline to spike times for a network of stage ann."""
    if any(isinstance(p.neuron, m.TTFS) for p in network.populations):
        reason = "the network was trained with spike times, and keeps its kernels"
        return Choice(TTFS_TRAINED_PIPELINE, reason)
    return Choice(TTFS_PIPELINE, "spike times were asked for (--coding ttfs)")
