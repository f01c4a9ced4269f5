"""What a session hands over: blocks of read-outs, and what is known of samples that left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snnc.backends.reference.neurons import Counts
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What some consecutive time steps gave: read-outs (steps, samples, K), and what is recorded.

    `start` is the number of steps before. `rows` are the numbers of the samples in their group.
    Rasters and membranes are (steps, samples, *shape).
    """

    start: int
    rows: Array
    outputs: Mapping[str, Array]
    rasters: Mapping[str, Array]
    membranes: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Departure:
    """What is known of samples that left a session.

    `rows` are their numbers in their group, `time` the steps they took part in, of all stages,
    `steps_run` those that each of them needed, `settled` as in `Trace`. `clocks` holds the steps
    that each input and population ran, `ran` those of each population that a sample needed. Counts,
    potentials and `times`, the spike times of TTFS populations, are channels last; those of
    populations that never ran are missing. `behind`
    holds the synaptic operations (n,) of groups of readers that did not run all steps of a source;
    see `synapses.Received`.
    """

    rows: Array
    time: int
    steps_run: Array
    settled: Array
    clocks: Mapping[str, int]
    ran: Mapping[str, Array]
    counts: Mapping[str, Counts]
    potentials: Mapping[str, Array]
    behind: Mapping[str, Mapping[int, Array]]
    times: Mapping[str, Array] = field(default_factory=dict)
