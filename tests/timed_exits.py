"""Networks of spike times with heads and exit policies, for the tests of exits and reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import exit_networks
from pass_tools import run_specs

from snnc.data.statistics import ActivationStatistics
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context

FRONT = "fold-batch-norm,fuse-linear,normalize,schedule-ttfs"
KINDS: dict[str, type[m.Confidence | m.Margin | m.Entropy]] = {
    "confidence": m.Confidence,
    "margin": m.Margin,
    "entropy": m.Entropy,
}


def timed(
    *,
    internal: bool = True,
    early: int = 0,
    read: str = "membrane",
    window: int = 8,
    values: str = "spikes",
    seed: int = 10,
) -> m.Network:
    """Three hidden layers, three classes, two internal heads where wished; at stage snn."""
    options = f"window={window},early-fire={early},read={read},input={values}"
    ann = exit_networks.network(internal=internal, seed=seed)
    return run_specs(ann, f"{FRONT}{{{options}}}", context(ann))


def context(ann: m.Network) -> Context:
    """Calibration on samples like those of the tests, so that little is clipped."""
    samples = exit_networks.inputs(200, 5)
    statistics = {}
    for name, values in evaluate(ann, {"image": samples}).items():
        statistics[name] = ActivationStatistics(name)
        statistics[name].update(values)
    return Context(statistics=statistics, calibration={"image": samples})


def stopping(network: m.Network, policy: str, limit: float, **options: Any) -> m.Network:
    """The network with a policy that asks all heads, by one threshold or number of repeats."""
    heads = tuple(head.name for head in network.heads)
    given: dict[str, Any] = {"heads": heads, **options}
    count = len(given["heads"])
    if policy == "patience":
        return replace(network, exit=m.Patience(repeats=(int(limit),) * count, **given))
    made = KINDS[policy](
        alpha=1.0, temperatures=(1.0,) * count, thresholds=(limit,) * count, **given
    )
    return replace(network, exit=made)
