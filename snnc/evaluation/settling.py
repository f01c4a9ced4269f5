"""When the samples of a gated network come to rest: nothing can fire any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Settling:
    """The settling steps of a data set.

    A sample settles at the last step in which input acts or any neuron fires; from then on no
    spike count and no read-out changes (Li, Ma, Furber 2022). `mean`, `median` and `largest` are
    over the samples that settled, None where none did. `unsettled`: samples that had not come to
    rest when the run ended. `histogram`: how many samples settled at which step, by step.
    """

    samples: int
    mean: float | None
    median: float | None
    largest: int | None
    unsettled: int
    histogram: tuple[tuple[int, int], ...]

    def as_dict(self) -> dict[str, Any]:
        """The settling steps as a JSON object; keys of the histogram are steps."""
        return {
            "samples": self.samples,
            "mean": self.mean,
            "median": self.median,
            "max": self.largest,
            "unsettled": self.unsettled,
            "histogram": {str(step): count for step, count in self.histogram},
        }


@dataclass(slots=True)
class SettlingSums:
    """Gathers settling steps batch by batch; memory grows with the number of different steps."""

    counts: dict[int, int] = field(default_factory=dict)
    unsettled: int = 0

    def add(self, settled: Array) -> None:
        """Add the settling steps (N,) of a batch, -1 for a sample that did not settle."""
        steps, numbers = np.unique(settled, return_counts=True)
        for step, number in zip(steps.tolist(), numbers.tolist(), strict=True):
            if step < 0:
                self.unsettled += number
            else:
                self.counts[step] = self.counts.get(step, 0) + number

    def mean_steps(self, steps: int) -> float:
        """Mean number of steps in a run of `steps`: until rest, for a sample that rests by then."""
        total = sum(min(step, steps) * number for step, number in self.counts.items())
        samples = sum(self.counts.values()) + self.unsettled
        return (total + steps * self.unsettled) / max(samples, 1)

    def result(self) -> Settling:
        """The settling steps of everything added so far."""
        histogram = tuple(sorted(self.counts.items()))
        settled = sum(number for _, number in histogram)
        total = sum(step * number for step, number in histogram)
        return Settling(
            samples=settled + self.unsettled,
            mean=total / settled if settled else None,
            median=_median(histogram, settled),
            largest=histogram[-1][0] if histogram else None,
            unsettled=self.unsettled,
            histogram=histogram,
        )


def _median(histogram: tuple[tuple[int, int], ...], count: int) -> float | None:
    """The middle value, or the mean of the middle two, of a sorted histogram."""
    if not count:
        return None
    wanted = ((count - 1) // 2, count // 2)
    found: list[int] = []
    seen = 0
    for step, number in histogram:
        found.extend(step for index in wanted if seen <= index < seen + number)
        seen += number
    return sum(found) / 2
