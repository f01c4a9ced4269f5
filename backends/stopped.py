"""Runs of full length as an exit policy leaves them: nothing happens after a sample's answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.reference.trace import Exits
from snnc.ir import model as m
from snnc.ir.decide import Decider, Verdict
from snnc.ir.tensors import Array


def held(values: Array, steps: Array) -> Array:
    """Read-outs (T, N, K) that stay as they are from each sample's step (N,) on."""
    rows = np.minimum(np.arange(len(values))[:, None], steps - 1)
    kept: Array = values[rows, np.arange(len(steps))]
    return kept


def silenced(raster: Array, steps: Array) -> Array:
    """A raster (T, N, ...) without the spikes after each sample's step (N,)."""
    acting = np.arange(len(raster))[:, None] < steps
    silent: Array = raster * acting.reshape(*acting.shape, *[1] * (raster.ndim - 2))
    return silent


def decide(network: m.Network, outputs: Mapping[str, Array]) -> Exits:
    """When and what the exit policy answers, from the read-outs of a run of full length.

    Args:
        network: with an exit policy that asks all heads in every step.
        outputs: head to (T, N, K), in the units of `Trace.outputs`.
    """
    decider = Decider(network)
    first = next(iter(outputs.values()))
    samples, asker = first.shape[1], decider.begin(first.shape[1])
    deadline = decider.deadline(len(first))
    step = np.full(samples, deadline, np.int64)
    head, answer = np.zeros(samples, np.int64), np.zeros(samples, np.int64)
    score, sure = np.zeros(samples), np.zeros(samples, bool)

    def take(which: Array, verdict: Verdict, now: int) -> None:
        step[which] = now
        head[which], answer[which] = verdict.head[which], verdict.answer[which]
        score[which] = verdict.score[which]

    for now in range(1, deadline + 1):
        seen = {name: values[now - 1] for name, values in outputs.items()}
        verdict = asker.ask(now, seen)
        which = verdict.sure & ~sure
        take(which, verdict, now)
        sure |= which
    take(~sure, asker.final(deadline, seen), deadline)
    return Exits(step, head, answer, score, sure, {h.name: step for h in network.heads})
