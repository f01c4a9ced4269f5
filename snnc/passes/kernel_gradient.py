"""The kernel by gradients of three losses: T2FSNN (Park et al. 2020, section 3.2).

With `x_hat` the value of a spike at its time `t_f`, 0 without one, and x the ANN's activation:

- precision, 1/2 mean (x - x_hat)^2:
  `tau += 10 * mean over positive terms of (x - x_hat) * x_hat * (t_f - delay) / tau^2`
- minimum, 1/2 mean (x_min - eps(W))^2:
  `tau += 100 * mean (x_min - eps(W)) * eps(W) * (W - delay) / tau^2`
- maximum, 1/2 mean (eps(first t_f) - eps(0))^2:
  `delay += mean (eps(first t_f) - eps(0)) * eps(0) / tau`

`x_min` is the 2nd percentile of a sample's positive activations. The authors' published code forms
`x_hat` from the neurons that did *not* fire; the rule here is that of the paper.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

import numpy as np

from snnc.ir.spike_times import NO_SPIKE, Timed, decode, encode, thresholds, values
from snnc.ir.tensors import Array
from snnc.passes.kernel_samples import Drawn

K = TypeVar("K", bound=Timed)

PRECISION, MINIMUM, MAXIMUM = 10.0, 100.0, 1.0
"""Step widths of the three rules."""
_PASSES = 6
_BATCH = 16
_PERCENTILE = 2.0


def descended(kernel: K, drawn: Drawn) -> K:
    """The kernel after six passes over the samples, in batches of their order.

    Values and thresholds count in units of the kernel's own threshold, as the step widths do. A
    step that would leave the range in which the window says anything ends the descent there.
    """
    count = len(drawn.potential)
    lowest = _least_values(drawn) / kernel.threshold
    for _ in range(_PASSES):
        for start in range(0, count, _BATCH):
            rows = np.arange(start, min(start + _BATCH, count))
            after = step(kernel, drawn.rows(rows), lowest[rows])
            sane = after.steps / 50 < after.tau < after.steps * 50
            if not (sane and abs(after.delay) < 4 * after.tau):
                return _short(kernel)
            kernel = after
    return _short(kernel)


def step(kernel: K, drawn: Drawn, lowest: Array) -> K:
    """One update on a batch; `lowest` is `x_min` of each sample (n,), in thresholds."""
    unit = replace(kernel, threshold=1.0)
    tau, delay = kernel.tau, kernel.delay
    wanted = drawn.wanted / kernel.threshold
    times = encode(drawn.potential / kernel.threshold, thresholds(unit))
    fired = times != NO_SPIKE
    said = decode(times, values(unit))
    precise = np.where(fired, (wanted - said) * said * (times - delay), 0.0) * drawn.weight
    positive = precise[precise > 0]
    end = math.exp((delay - kernel.steps) / tau)
    top = math.exp(delay / tau)
    first = np.where(fired, times, kernel.steps).min(axis=1)
    earliest = np.exp((delay - first[first < kernel.steps]) / tau)
    change = PRECISION * float(positive.mean()) if positive.size else 0.0
    change += MINIMUM * float(((lowest - end) * end).mean()) * (kernel.steps - delay)
    shift = MAXIMUM * float((earliest - top).mean()) * top / tau if earliest.size else 0.0
    return replace(kernel, tau=tau + change / tau**2, delay=delay + shift)


def _least_values(drawn: Drawn) -> Array:
    """The 2nd percentile of the positive wanted values of each sample, (N,)."""
    marked = np.where(drawn.wanted > 0, drawn.wanted, np.nan)
    some = (drawn.wanted > 0).any(axis=1)
    found = np.zeros(len(marked))
    if some.any():
        found[some] = np.nanpercentile(marked[some], _PERCENTILE, axis=1)
    return found


def _short(kernel: K) -> K:
    return replace(kernel, tau=float(f"{kernel.tau:.6g}"), delay=float(f"{kernel.delay:.6g}"))
