"""The reference simulator: runs a spiking network in NumPy and says what it did.

Its semantics are those of the dataclasses in `snnc.ir.model`. Samples are split into groups,
groups are spread over threads, each group runs in blocks of time steps (see `session`). The result
does not depend on the split. Time is local to the layers: hop latency, which changes no spike, is
taken out first.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnc.backends.reference.exact import exact_dtype, require_integers
from snnc.backends.reference.exits import plan_course
from snnc.backends.reference.groups import Job, Progress, run_groups
from snnc.backends.reference.layout import Workspace
from snnc.backends.reference.plan import Plan, build_plan
from snnc.backends.reference.results import Results
from snnc.backends.reference.session import Session
from snnc.backends.reference.sources import Given, check_inputs, check_steps
from snnc.backends.reference.spikes import archive_bytes
from snnc.backends.reference.stages import Stages
from snnc.backends.reference.synapses import Synapses, fan_outs, synapses
from snnc.backends.reference.trace import Trace
from snnc.backends.reference.validate import check_network, check_options, check_recorded
from snnc.backends.reference.whole_windows import WindowJob, fits
from snnc.backends.reference.window_session import WindowExitJob
from snnc.ir import model
from snnc.ir.latency import layer_local
from snnc.ir.tensors import Array

# Measured on a LeNet and a VGG: a group's buffers should stay in cache while its products have rows
# enough, and two threads want many groups; 16 samples in blocks of 4 steps do both.
_GROUP_BYTES = 1 << 23
_GROUP_SAMPLES = 16
_BLOCK_ROWS = 64
_MOST_STEPS = 16
# Where samples leave step by step, blocks are single steps: a group holds fewer spikes, and it
# must be large for its products to keep rows enough as it shrinks.
_LEAVING_BYTES = 1 << 24
_LEAVING_SAMPLES = 200
# Spikes that are kept for layers which start later are read once in each later stage, so they need
# no cache, only memory: so much for the group of each thread.
_ARCHIVE_BYTES = 1 << 26


class Simulator:
    """Runs one network, any number of times.

    Args:
        network: A network of stage `snn` or `fixed`.
        dtype: `float32` or `float64`, or `integer`: exact whole numbers. None takes `integer` at
            stage `fixed`, `float64` for gated and phased schedules, else `float32`.
        threads: Number of threads; None takes one per core that the process may use.
        batch_size: Samples that run together; None chooses by size. Changes no result.
        block_steps: Time steps that run together; None chooses. Changes no result.
        whole_windows: Whether networks of spike times are run a whole window of a layer at once,
            wherever that gives the same (see the module `whole_windows`), or step by step.

    Raises:
        InputError: The network is of stage `ann` (SN501), asks for what cannot be simulated
            (SN509), or holds fractions in integer simulation (SN508).
        UsageError: An option is out of range (SN511).
    """

    def __init__(
        self,
        network: model.Network,
        *,
        dtype: str | None = None,
        threads: int | None = None,
        batch_size: int | None = None,
        block_steps: int | None = None,
        whole_windows: bool = True,
    ) -> None:
        check_network(network)
        self.network = network = layer_local(network)
        self.dtype = dtype or _usual_dtype(network)
        check_options(self.dtype, threads, batch_size, block_steps)
        if self.dtype == "integer":
            require_integers(network)
        self._threads = threads or _cores()
        self._batch_size = batch_size
        self._block_steps = block_steps
        self._whole_windows = whole_windows
        self._plans: dict[np.dtype[Any], Plan] = {}
        self._synapses: Synapses | None = None

    def run(
        self,
        x: Given,
        *,
        steps: int | None = None,
        record: Sequence[str] = (),
        record_membrane: Sequence[str] = (),
        first: int = 0,
        exits: bool = True,
        progress: Progress | None = None,
    ) -> Trace:
        """Simulate all samples.

        Args:
            x: (N, *shape), or arrays by input name; an input coded as events is (T, N, *shape).
            steps: Number of time steps; None takes that of the network's schedule.
            record: Populations whose spikes are kept at every step.
            record_membrane: Populations whose membrane potential is kept after every step.
            first: Number of the first sample in its data set. Poisson coding draws by this number,
                so that a data set gives the same spikes however it is cut into runs.
            exits: Whether the network's exit policy is executed, if it has one; else every sample
                runs all steps.
            progress: Called now and then, in the calling thread.

        Returns:
            The trace. It holds the spike counts and potentials of every neuron for every sample:
            run a large data set in parts.

        Raises:
            InputError: An input does not fit (SN502, SN503, SN504, SN507, SN508), or a sum could
                leave 64 bits (SN510).
            UsageError: `steps` or a recorded name is wrong (SN505, SN506).
        """
        check_recorded(self.network, record, record_membrane)
        inputs = check_inputs(self.network, x, self.dtype == "integer")
        count = check_steps(self.network, inputs, steps)
        plan = self._plan(inputs, count)
        samples = self._samples(inputs)
        course = plan_course(self.network, count, exits)
        integer, asking = self.dtype == "integer", course.decider is not None
        found = fan_outs(self.network, self._all_synapses(), course.stages)
        results = Results(plan, found, count, samples, integer, asking)
        results.allocate(record, record_membrane)
        whole = self._whole_windows and not record_membrane and fits(self.network, count)
        kind = Job if not whole else WindowExitJob if asking else WindowJob
        job = kind(
            plan=plan,
            inputs=inputs,
            steps=count,
            block_steps=_all_steps if whole else self.block_steps,
            first=first,
            results=results,
            record=record,
            record_membrane=record_membrane,
            course=course,
            fan_outs=found,
        )
        groups = self._groups(samples, plan, course.stages, asking and not whole)
        run_groups(job, groups, progress, count * samples, self._threads)
        return results.trace()

    def session(self, x: Given, *, steps: int, first: int = 0, block: int = 1) -> Session:
        """All samples of `x` as one session, for callers that decide block by block when to stop.

        All layers run in every step, and no exit policy is executed: the caller asks, with
        `snnc.ir.decide`, and lets samples leave.

        Args:
            x: As for `run`.
            steps: The most time steps that the session will be asked for.
            first: As for `run`.
            block: The most time steps of one `advance`.

        Raises:
            InputError: As for `run`.
            UsageError: As for `run`.
        """
        check_options(self.dtype, None, None, block)
        inputs = check_inputs(self.network, x, self.dtype == "integer")
        plan = self._plan(inputs, check_steps(self.network, inputs, steps))
        samples = self._samples(inputs)
        work = Workspace(plan.dtype)
        return Session(plan, inputs, samples=samples, first=first, block=block, work=work)

    def fan_out(self) -> Mapping[str, Array]:
        """Outgoing synapses of every neuron of each spiking source, int64 (*shape)."""
        return {
            source: sum(readers.values(), np.zeros(self.network.source_shape(source), np.int64))
            for source, readers in self._all_synapses().items()
        }

    def _all_synapses(self) -> Synapses:
        if self._synapses is None:
            self._synapses = synapses(self.network)
        return self._synapses

    def _plan(self, inputs: Mapping[str, Array], steps: int) -> Plan:
        dtype = (
            exact_dtype(self.network, inputs, steps)
            if self.dtype == "integer"
            else np.dtype(self.dtype)
        )
        if dtype not in self._plans:
            self._plans[dtype] = build_plan(self.network, dtype)
        return self._plans[dtype]

    def _samples(self, inputs: Mapping[str, Array]) -> int:
        entry = self.network.inputs[0]
        axis = 1 if isinstance(entry.coding, model.Events) else 0
        return int(inputs[entry.name].shape[axis])

    def _groups(self, samples: int, plan: Plan, stages: Stages, leaving: bool) -> list[range]:
        size = self._batch_size
        if size is None:
            neurons = sum(math.prod(layer.summed) for layer in plan.layers)
            room = _LEAVING_BYTES if leaving else _GROUP_BYTES
            most = _LEAVING_SAMPLES if leaving else _GROUP_SAMPLES
            size = min(most, room // max(1, neurons * plan.dtype.itemsize))
            size = min(size, _ARCHIVE_BYTES // max(1, archive_bytes(plan, stages.archived)))
            # As many groups for every thread, of one size: at the end no thread waits for another.
            rounds = math.ceil(samples / max(1, size * self._threads))
            size = max(1, math.ceil(samples / max(1, rounds * self._threads)))
        return [range(a, min(a + size, samples)) for a in range(0, samples, size)]

    def block_steps(self, samples: int, steps: int) -> int:
        """Time steps of a block for a group of `samples`."""
        if self._block_steps is not None:
            return min(steps, self._block_steps)
        return min(steps, _MOST_STEPS, max(1, _BLOCK_ROWS // samples))


def _usual_dtype(network: model.Network) -> str:
    """float32, but float64 where a sum that is rounded would now and then miss an edge.

    That is the edge of a level in gated networks, or of a step in time where times are values.
    """
    if network.stage == "fixed":
        return "integer"
    exact = isinstance(network.schedule, (model.Gated, model.Phased))
    return "float64" if exact else "float32"


def _all_steps(samples: int, steps: int) -> int:
    """Blocks of runs by whole windows, which hold all steps anyway."""
    return steps


def _cores() -> int:
    """Cores that this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
