"""The pipeline that a network gets when nobody chose one, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snnc.backends.base import Limits
from snnc.ir import model as m
from snnc.passes import (
    DEFAULT_PIPELINE,
    QUANTISED_PREPARATION,
    TTFS_PIPELINE,
    TTFS_TRAINED_PIPELINE,
)
from snnc.passes.base import Context, Pass
from snnc.passes.fold_batch_norm import FoldBatchNorm
from snnc.passes.fold_quantizers import FoldQuantizers
from snnc.passes.fuse_linear import FuseLinear
from snnc.passes.manager import run_pipeline
from snnc.passes.max_pool import MaxPool
from snnc.passes.read_out import only_read_out
from snnc.passes.requantize import MOST_BITS
from snnc.passes.rounded_inputs import round_inputs
from snnc.passes.staircases import quantized_window
from snnc.passes.trained_times import has_spike_times, without_kernels

Kind = Literal["float", "quantised", "mixed"]

MANY_LEVELS = 31
"""With more levels the reason says what they cost and what to do."""

LEAST_MIXED_BITS = 3
"""Bits of the activations that a mixed network's author did not quantise: 2 lose up to a point,
4 take twice the steps of 3 and gain nothing (networks of 2 bits with layers left in floating
point). Where other layers have more levels, as many bits as they have cost nothing more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A pipeline and one sentence that says why it was chosen."""

    spec: str
    reason: str


def kind_of_network(network: m.Network) -> Kind:
    """Whether a network of stage ann has quantised activations: none, only, or beside others.

    Outputs that nothing reads do not count, nor do activations that a quantiser behind them
    absorbs.
    """
    if not _has_staircases(network):
        return "float"
    return "mixed" if _left(_prepared(network)) else "quantised"


def _has_staircases(network: m.Network) -> bool:
    return any(isinstance(p.neuron, m.Quantized) for p in network.populations)


def _left(prepared: m.Network) -> list[str]:
    """The populations that have to spike and are not quantised."""
    return [p.name for p in prepared.populations if not _fits_spikes(prepared, p)]


def _fits_spikes(network: m.Network, population: m.Population) -> bool:
    if isinstance(population.neuron, m.Quantized | m.MaxPool2d):
        return True
    return only_read_out(network, population)


def default_pipeline(network: m.Network, limits: Limits, steps: int | None = None) -> Choice:
    """The default pipeline of a network of stage ann on a target.

    Args:
        network: as imported.
        limits: what the target can do.
        steps: the time steps that the user asked for; None where nobody did.
    """
    if has_spike_times(network):
        return trained_pipeline(network)
    if not _has_staircases(network):
        return Choice(DEFAULT_PIPELINE, "no activation of the network is quantised")
    prepared = _prepared(network)
    left = _left(prepared)
    window = quantized_window(prepared)
    bits = min(MOST_BITS, max(LEAST_MIXED_BITS, window.bit_length()))
    mode, reason = mapping_mode(limits, max(window, 2**bits - 1) if left else window, steps)
    reason = f"the activations are quantised and {reason}"
    reason += _signed_anyway(prepared, limits)
    if not left:
        return Choice(f"{QUANTISED_PREPARATION},map-quantized{{mode={mode}}}", reason)
    some = f"{left[0]} has" if len(left) == 1 else f"{left[0]} and {len(left) - 1} more have"
    return Choice(
        f"{QUANTISED_PREPARATION},requantize{{bits={bits}}},calibrate-bias,"
        f"map-quantized{{mode={mode}}}",
        f"{reason}; {some} no levels yet: requantize gives {bits} bits",
    )


def trained_pipeline(network: m.Network) -> Choice:
    """The pipeline of a network with trained spike times: it keeps its kernels."""
    reason = "activations of the network were trained as spike times, and keep their kernels"
    left = without_kernels(network)
    if not left:
        return Choice(TTFS_TRAINED_PIPELINE, reason)
    some = f"{left[0]} has" if len(left) == 1 else f"{left[0]} and {len(left) - 1} more have"
    return Choice(
        TTFS_PIPELINE.replace("method=max", "method=max per=layer"),
        f"{reason}; {some} none, and get one behind normalize",
    )


def _signed_anyway(prepared: m.Network, limits: Limits) -> str:
    """What to add to the reason where a layer needs signed spikes that the target does not have."""
    signed = [
        p.name
        for p in prepared.populations
        if isinstance(p.neuron, m.Quantized) and p.neuron.signed
    ]
    if limits.signed_spikes or not signed:
        return ""
    return f"; the negative levels of {', '.join(signed)} need signed spikes in either mode"


def mapping_mode(limits: Limits, window: int, steps: int | None) -> tuple[str, str]:
    """The mode of map-quantized for a target, and why: `qffs` wherever the target can.

    Args:
        limits: what the target can do.
        window: the largest number of levels, see `quantized_window`.
        steps: the time steps that the user asked for; None where nobody did. Also when they end
            before the network has settled, `qffs` is closer to it than `qcfs`.
    """
    needed = {
        "signed spikes": limits.signed_spikes,
        "a largest spike count": limits.spike_cap,
        "input that ends": limits.gated_input,
    }
    missing = [name for name, there in needed.items() if not there]
    if missing:
        return "qcfs", (
            "the lossless mapping (mode=qffs) needs "
            f"{' and '.join(missing)}, which the target does not have"
        )
    reason = "the target has all that the lossless mapping (mode=qffs) needs"
    if steps is not None and steps <= window:
        reason += f"; it is exact after more than {window} steps, and {steps} were asked for"
    if window > MANY_LEVELS:
        reason += (
            f"; {window} levels take more than {window} steps, "
            "requantize{bits=4,layers=all} needs far fewer"
        )
    return "qffs", reason


def _prepared(network: m.Network) -> m.Network:
    """The network as map-quantized will see it: folded, and its inputs rounded by the host."""
    passes: list[Pass] = [FoldBatchNorm(), FuseLinear(), MaxPool(), FoldQuantizers()]
    return round_inputs(run_pipeline(network, passes, Context()), Context())
