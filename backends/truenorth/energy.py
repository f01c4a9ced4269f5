"""Energy and time of a run on the chip, estimated by named models from what was counted.

Every figure is an estimate: counts of the simulator times published constants. Nothing here ran on
a chip. The models differ in what they hold the chip's baseline power against, and that decides
their order of magnitude: 26 pJ per synaptic operation is the chip's whole power at a typical load
over its operations, so a map with less to do than that looks cheaper by it than a chip is that is
switched on for its sake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.chip_run import ChipRun
from snnc.backends.truenorth.core_map import CoreMap

TICK = 1e-3
"""Seconds of a tick in real time: the chip is synchronised at 1 kHz."""

FAST_TICK = 200e-6
"""Seconds of the shortest tick at which the chip was reported to still equal its simulator."""

SYNOP = 26.0
"""Picojoules of a synaptic operation and all that goes with it, at a typical load."""

HOP = 2.3
"""Picojoules of a packet from a core to the next along a row."""

IDLE = 42e-3
"""Watts of the chip at 0.70 V when no neuron fires and no synapse is set."""

SWEEP = ((11.58, 68e-3), (20.07, 71e-3), (95.93, 94e-3))
"""Mean firing rate in Hz and watts of the whole chip, at 0.8 V, 128 synapses of each neuron set."""

SWEEP_SYNAPSES = 128

MEROLLA = "Merolla et al., Science 2014"
AKOPYAN = "Akopyan et al., IEEE TCAD 2015"
QUOTED = "figures as quoted by others, not re-checked in the paper"


@dataclass(frozen=True, slots=True)
class ChipCounts:
    """What one sample took, in the mean over all that were run.

    Attributes:
        ticks: Ticks of the chip.
        synops: Synaptic operations: active axon, crossbar bit set, neuron in use. They are counted
            after lowering, so axons of several bits, replicas and splitters count.
        hops: Steps of packets on the mesh.
        cores: Cores of the map.
    """

    ticks: float
    synops: float
    hops: float
    cores: int

    def __post_init__(self) -> None:
        for name in ("ticks", "synops", "hops", "cores"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value}; a count is finite and not negative")


@dataclass(frozen=True, slots=True)
class Figure:
    """One model applied to the counts of a sample.

    `counted` says what entered, `source` where its constants are from.
    """

    name: str
    quantity: Literal["energy", "time"]
    value: float
    unit: Literal["pJ", "s"]
    source: str
    counted: str
    kind: Literal["estimate"] = "estimate"

    def as_dict(self) -> dict[str, Any]:
        """The figure as a JSON object that says what it is."""
        return {
            "kind": self.kind,
            "name": self.name,
            "quantity": self.quantity,
            "source": self.source,
            "counted": self.counted,
            "value": self.value,
            "unit": self.unit,
        }


def counts_of(core_map: CoreMap, run: ChipRun) -> ChipCounts:
    """What a sample took in a run: means over its samples."""
    samples, ticks = run.outputs.shape[:2]
    return ChipCounts(
        ticks=ticks,
        synops=float(run.synaptic_operations.sum()) / samples,
        hops=float(run.hops.sum()) / samples,
        cores=core_map.cores,
    )


def estimates(counts: ChipCounts) -> tuple[Figure, ...]:
    """Every model applied to the counts of a sample, energies first; none is a measurement."""
    return (*_energies(counts), *_times(counts))


def sweep_fit() -> tuple[float, float]:
    """Baseline and growth of the chip's power with its load, by least squares through `SWEEP`.

    Returns:
        Watts without any load, and joules of each further synaptic operation.
    """
    neurons = TRUENORTH.cores * TRUENORTH.neurons
    operations = [neurons * rate * SWEEP_SYNAPSES for rate, _ in SWEEP]
    growth, baseline = np.polyfit(operations, [watts for _, watts in SWEEP], 1)
    return float(baseline), float(growth)


def _energies(counts: ChipCounts) -> tuple[Figure, ...]:
    baseline, growth = sweep_fit()
    seconds = counts.ticks * TICK
    active = counts.synops * growth * 1e12
    whole = baseline * seconds * 1e12
    return (
        _energy(
            "truenorth-synop",
            counts.synops * SYNOP,
            f"{MEROLLA} (26 pJ per synaptic event at typical load)",
            "26 pJ per synaptic operation; the constant includes the chip's static share at its "
            "typical load, where neurons fire at 20 Hz with 128 synapses each (72 mW at 0.775 V)",
        ),
        _energy(
            "truenorth-whole-chip",
            whole + active,
            f"{AKOPYAN}, figure 17 (68, 71 and 94 mW at 0.8 V; {QUOTED})",
            f"{baseline * 1e3:.1f} mW of a whole chip for the time at 1 kHz, and "
            f"{growth * 1e12:.2f} pJ per synaptic operation: the line through three measured "
            "loads; cores that the map leaves free are paid for",
        ),
        _energy(
            "truenorth-cores",
            whole * counts.cores / TRUENORTH.cores + active,
            f"{AKOPYAN}, figure 17 (68, 71 and 94 mW at 0.8 V; {QUOTED})",
            "as truenorth-whole-chip, but of the baseline only the share of the cores in use: "
            "other work on the same chip pays for the rest",
        ),
        _energy(
            "truenorth-idle",
            IDLE * seconds * 1e12,
            f"{AKOPYAN} (42 mW at 0.70 V, no firing, no synapses; {QUOTED})",
            "42 mW of a whole chip for the time at 1 kHz, and no operation at all: what the chip "
            "takes at least",
        ),
        _energy(
            "truenorth-hops",
            counts.hops * HOP,
            f"{MEROLLA}, figure S4 (2.3 pJ per packet and hop along a row, 0.775 V; {QUOTED})",
            "2.3 pJ per hop of a packet from core to core: the part that placement decides; the "
            "other models include it at the distances of their own networks",
        ),
    )


def _energy(name: str, picojoules: float, source: str, counted: str) -> Figure:
    return Figure(name, "energy", picojoules, "pJ", source, counted)


def _times(counts: ChipCounts) -> tuple[Figure, ...]:
    return (
        Figure(
            "truenorth-real-time",
            "time",
            counts.ticks * TICK,
            "s",
            f"{MEROLLA} (a tick of 1 ms)",
            "ticks of the sample at 1 kHz, one sample after the other; loading potentials "
            "between samples is not counted",
        ),
        Figure(
            "truenorth-fast",
            "time",
            counts.ticks * FAST_TICK,
            "s",
            f"{MEROLLA}, section S8 (a tick of 200 us at 20 Hz and 128 synapses; {QUOTED})",
            "as truenorth-real-time at 5 kHz, reported for a typical load",
        ),
    )
