"""The C program of a network in place of the reference simulator: the same traces, faster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnc.backends.c.build import built_library
from snnc.backends.c.checks import require_takeable
from snnc.backends.c.emit import sources
from snnc.backends.c.inputs import Brought, bring
from snnc.backends.c.library import RESULT, Library, Table
from snnc.backends.c.memory import Memory
from snnc.backends.c.proof import Proof
from snnc.backends.c.traces import Collected, make_trace
from snnc.backends.c.work import run_parts
from snnc.backends.golden import first_samples
from snnc.backends.reference.groups import Progress
from snnc.backends.reference.sources import Given, by_name
from snnc.backends.reference.synapses import synapses
from snnc.backends.reference.trace import Trace
from snnc.backends.reference.validate import check_options, check_recorded
from snnc.diagnostics import Diagnostic, UsageError
from snnc.ir import model as m
from snnc.ir.latency import layer_local
from snnc.ir.tensors import Array


class CSimulator:
    """Runs one network of stage fixed as a C program, any number of times.

    Building takes seconds, once for each network and processor. The first sample that a newly built
    program runs is simulated as well, and compared.

    Args:
        network: one that target c takes.
        compiler: path of a C compiler.
        files: the sources of its program; None writes them anew.
        threads: number of threads; None takes one per core that the process may use.
        optimise: level of optimisation.

    Raises:
        InputError: the target does not take the network (SN55x), or its program cannot be built
            or loaded (SN560, SN561).
        UsageError: an option is out of range (SN511).
    """

    dtype = "integer"

    def __init__(
        self,
        network: m.Network,
        *,
        compiler: str,
        files: Mapping[str, bytes] | None = None,
        threads: int | None = None,
        optimise: str = "-O3",
    ) -> None:
        require_takeable(network)
        check_options(self.dtype, threads, None, None)
        self.network = layer_local(network)
        self._threads = threads or _cores()
        path = built_library(files or sources(network), compiler, optimise=optimise)
        self._proof = Proof(path, network)
        counts = len(network.inputs), len(network.populations), len(network.heads)
        self._library = Library(path, *counts)
        self._memory = Memory()
        self._idle: list[Array] = []
        self._fan_outs: list[Array | None] | None = None

    @property
    def state_bytes(self) -> int:
        """Memory that each thread needs for the state of a sample."""
        return self._library.state_bytes

    def run(
        self,
        x: Given,
        *,
        steps: int | None = None,
        record: Sequence[str] = (),
        first: int = 0,
        exits: bool = True,
        progress: Progress | None = None,
    ) -> Trace:
        """Run all samples; arguments and result are those of `Simulator.run`.

        Raises:
            InputError: an input does not fit (SN502 to SN514), or the compiler made a program
                that does something else (SN599).
            UsageError: `steps` or a recorded name is wrong (SN505, SN506, SN562).
        """
        check_recorded(self.network, record, ())
        if self._proof.needed:
            self._prove(x, steps=steps, first=first, exits=exits)
        return self._run(x, steps, record, first, exits, progress)

    def _prove(self, x: Given, **options: Any) -> None:
        """Compare every spike of the first sample with the reference simulator's."""
        one = first_samples(self.network, by_name(self.network, x), 1)
        options["record"] = [p.name for p in self.network.populations]
        ours = self._run(one, progress=None, **options)
        if ours.samples:
            self._proof.check(ours, one, **options)

    def _run(
        self,
        x: Given,
        steps: int | None,
        record: Sequence[str],
        first: int,
        exits: bool,
        progress: Progress | None,
    ) -> Trace:
        brought = bring(self.network, x, steps, first)
        assert self.network.schedule is not None
        if brought.steps > self.network.schedule.steps:
            most = self.network.schedule.steps
            text = f"the C program is made for {most} time steps, not for {brought.steps}"
            cure = f"compile it with --steps {brought.steps}"
            raise UsageError(Diagnostic("SN562", text, f"network {self.network.name}", cure))
        stops = exits and self.network.exit is not None
        collected = self.execute(brought, record=record, exits=stops, progress=progress)
        return make_trace(self.network, self._library.populations, brought, collected, stops)

    def execute(
        self,
        brought: Brought,
        *,
        record: Sequence[str] = (),
        exits: bool = False,
        progress: Progress | None = None,
    ) -> Collected:
        """Run the program alone, on inputs that were checked; `run` makes a trace of it."""
        collected = self._allocate(brought, record)

        part = self._library.part(
            steps=brought.steps,
            exits=int(exits),
            frames=brought.frames,
            inputs=brought.arrays,
            fan_outs=self._synapses(),
            **collected.pointers(),
        )
        threads = min(self._threads, brought.samples)
        states = [self._state() for _ in range(threads)]
        each = iter(states)
        run_parts(part, lambda: next(each), brought.samples, brought.steps, threads, progress)
        self._idle.extend(states)
        return collected

    def _state(self) -> Array:
        """Memory for a thread, of an earlier run if there was one."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._library.state()

    def _allocate(self, brought: Brought, record: Sequence[str]) -> Collected:
        """Arrays for what the program writes, samples first."""
        samples, steps = brought.samples, brought.steps
        network, tables = self.network, self._library.populations
        integrates = [isinstance(p.neuron, m.Integrator) for p in network.populations]
        timed = [isinstance(p.neuron, m.IntegerTTFS) for p in network.populations]
        pools = [isinstance(p.neuron, m.RunningMax2d) for p in network.populations]

        def numbers(missing: list[bool]) -> list[Array | None]:
            return [
                None if left else self._memory.empty((samples, *t.rows), np.int32)
                for t, left in zip(tables, missing, strict=True)
            ]

        def raster(name: str, table: Table) -> Array | None:
            if name not in record:
                return None
            return np.zeros((samples, steps, table.planes, table.frame), np.uint8)

        sums = [np.zeros(samples, np.int64) for _ in range(2 * len(tables))]
        found = Collected(
            outputs=[
                np.zeros(
                    (samples, steps, int(np.prod(network.population(h.population).shape))), np.int32
                )
                for h in network.heads
            ],
            counts=numbers(integrates),
            potentials=numbers(pools),
            when=numbers([not once for once in timed]),
            spikes=[raster(p.name, t) for p, t in zip(network.populations, tables, strict=True)],
            sent=sums[: len(tables)],
            operations=sums[len(tables) :],
            results=np.zeros(samples, RESULT),
        )
        self._memory.forget()
        return found

    def _synapses(self) -> list[Array | None]:
        """Synapses of each neuron of every population, int32, as the program orders them."""
        if self._fan_outs is None:
            found = synapses(self.network)
            self._fan_outs = [
                _in_lanes(found[p.name], table) if found[p.name] else None
                for p, table in zip(
                    self.network.populations, self._library.populations, strict=True
                )
            ]
        return self._fan_outs


def _in_lanes(readers: Mapping[str, Array], table: Table) -> Array:
    total: Any = sum(readers.values())
    image = total.reshape(table.channels, table.height, table.width)
    full = np.zeros(table.rows, np.int32)
    full[:, :, : table.channels] = np.moveaxis(image, 0, -1)
    return full


def _cores() -> int:
    """Cores that this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
