"""Read-outs of a full-length run, recorded once: all that the fitting of exits looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snnc.ir import model as m
from snnc.ir.head_windows import head_windows
from snnc.ir.tensors import Array


def unheard(network: m.Network) -> int:
    """How many steps of a run need not be recorded, since no head has anything to say yet.

    One silent step is kept: it stands for all of them. 0 where every head reads from the start.
    """
    opens = min(window.start for window in head_windows(network).values())
    return max(opens - 2, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Read-outs of N samples over T time steps.

    Attributes:
        outputs: head name to the cumulative read-outs (T, N, K), as the simulator traces them.
        labels: the right classes (N,) int64; None where there are none.
        settled: for gated networks the step at which each sample came to rest (N,) int64, -1 where
            it did not; else None.
        logits: head name to the trained network's logits (N, K).
        skipped: how many steps were left out before the first recorded one, in which every head
            said the same as in that one: nothing (see `unheard`).

    Raises:
        ValueError: the arrays do not belong to the same samples and steps.
    """

    outputs: Mapping[str, Array]
    labels: Array | None = None
    settled: Array | None = None
    logits: Mapping[str, Array] = field(default_factory=dict)
    skipped: int = 0

    def __post_init__(self) -> None:
        lengths = {values.shape[:2] for values in self.outputs.values()}
        if len(lengths) != 1:
            raise ValueError(f"read-outs of {len(lengths)} different lengths were recorded")
        (_, samples), *_ = lengths
        rows = [values for values in (self.labels, self.settled) if values is not None]
        if any(len(values) != samples for values in (*rows, *self.logits.values())):
            raise ValueError(f"labels, settling steps or logits are not those of {samples} samples")

    @property
    def steps(self) -> int:
        """T, the time steps of the run, those that were left out included."""
        return self.skipped + int(next(iter(self.outputs.values())).shape[0])

    @property
    def samples(self) -> int:
        """N."""
        return int(next(iter(self.outputs.values())).shape[1])

    def part(self, rows: slice | Array) -> Recorded:
        """The samples of a slice, a mask or indices."""
        return Recorded(
            {name: values[:, rows] for name, values in self.outputs.items()},
            None if self.labels is None else self.labels[rows],
            None if self.settled is None else self.settled[rows],
            {name: values[rows] for name, values in self.logits.items()},
            self.skipped,
        )

    def rest(self) -> Array:
        """The step (N,) after which each sample does not change any more: T where it did not rest.

        A sample that came to rest has nothing more to say, so nobody is asked about it later.
        """
        if self.settled is None:
            return np.full(self.samples, self.steps, np.int64)
        late = (self.settled < 0) | (self.settled > self.steps)
        steps: Array = np.where(late, self.steps, np.maximum(self.settled, 1)).astype(np.int64)
        return steps
