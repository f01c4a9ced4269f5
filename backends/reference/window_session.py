"""A group of samples that stop early, in a network whose layers were run a whole window at a time.

What layers do in a step does not depend on who has stopped, so everything is computed beforehand,
and a sample that leaves is told what there was up to its last step. The exits, spikes and costs are
those of a session that goes step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from snnc.backends.reference.groups import Job
from snnc.backends.reference.handover import Block, Departure
from snnc.backends.reference.layout import Workspace
from snnc.backends.reference.plan import Plan
from snnc.backends.reference.stages import Stage
from snnc.backends.reference.whole_windows import WindowRun
from snnc.ir.tensors import Array


class WindowSession:
    """What a `Session` is to its callers, for networks in which whole windows fit.

    Args:
        plan: The network made ready; `whole_windows.fits` holds.
        inputs: Checked arrays by input name, for this group only.
        samples: Number of samples in the group.
        steps: Time steps of the run.
        work: Buffers of the thread that runs this session.
        record: Populations whose spikes are kept step by step.
    """

    passed = 0

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, Array],
        samples: int,
        steps: int,
        work: Workspace,
        record: Sequence[str] = (),
    ) -> None:
        self.time = 0
        self.rows: Array = np.arange(samples)
        self._run = WindowRun(plan, inputs, samples, work)
        self._run.everything()
        self._known = self._run.block(steps, record)

    @property
    def samples(self) -> int:
        """Number of samples in flight."""
        return len(self.rows)

    def begin(self, stage: Stage) -> None:
        """Never asked for: phases have one stage.

        Raises:
            ValueError: it is.
        """
        raise ValueError(f"a network run by whole windows has no stage {stage}")

    def level(self, steps: int) -> int:
        """How many of the next `steps` steps can be one block: all."""
        return steps

    def advance(self, steps: int) -> Block:
        """The next `steps` time steps of the samples in flight."""
        part = slice(self.time, self.time + steps)
        outputs, rasters = (
            {name: values[part][:, self.rows] for name, values in kept.items()}
            for kept in (self._known.outputs, self._known.rasters)
        )
        block = Block(self.time, self.rows, outputs, rasters, {})
        self.time += steps
        return block

    def resting_from(self) -> None:
        """Nothing rests in a schedule of phases."""

    def at_rest(self) -> Array:
        """Which samples can never change again: none is known to."""
        return np.zeros(self.samples, np.bool_)

    def keep(self, mask: Array) -> Departure:
        """Go on with the samples where `mask` (samples,) holds; what the others did is returned."""
        departure = self._run.leaving(self.rows[~mask], self.time)
        self.rows = self.rows[mask]
        return departure

    def finish(self) -> Departure:
        """All samples leave."""
        return self.keep(np.zeros(self.samples, np.bool_))


class WindowExitJob(Job):
    """A run with exits in a network whose layers take whole windows; see `groups.Job`."""

    def _session(self, group: range, block: int, work: Workspace) -> WindowSession:
        return WindowSession(
            self._plan, self._cut(group), len(group), self._steps, work, self._record
        )
