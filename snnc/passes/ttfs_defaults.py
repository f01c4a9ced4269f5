"""The pipeline of a network whose values become spike times."""

from __future__ import annotations

from snnc.ir import model as m
from snnc.passes import TTFS_PIPELINE
from snnc.passes.defaults import Choice, trained_pipeline
from snnc.passes.trained_times import has_spike_times


def ttfs_pipeline(network: m.Network) -> Choice:
    """The default pipeline to spike times for a network of stage ann."""
    if has_spike_times(network):
        return trained_pipeline(network)
    return Choice(TTFS_PIPELINE, "spike times were asked for (--coding ttfs)")
