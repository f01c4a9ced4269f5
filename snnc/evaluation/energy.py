"""Energy estimates from operation counts, by named published tables.

Every figure here is an estimate: a count times a constant from a publication. None is a
measurement of this network on any hardware, and static power is left out unless a table says
that its constant includes it. Compare the counts first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OperationCounts:
    """Mean counts of one inference.

    Attributes:
        spikes: Spikes of all populations (and spiking inputs), of either sign.
        synops: Synaptic operations: for each spike the non-zero synapses it meets.
        direct_macs: Multiply-accumulates that turn analog inputs into currents, counted once.
        updates: Neuron updates in all time steps: neurons times steps.
        driven: Time steps in which analog inputs act: the mean over those multiply-accumulates, for
            layers may run for different numbers of steps. 0 without analog inputs.
        ann_macs: Multiply-accumulates of the original network, None if it is not known.
    """

    spikes: float
    synops: float
    direct_macs: float
    updates: float
    driven: float
    ann_macs: float | None = None

    def __post_init__(self) -> None:
        for name in ("spikes", "synops", "direct_macs", "updates", "driven", "ann_macs"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value}; a count is finite and not negative")


@dataclass(frozen=True, slots=True)
class EnergyEstimate:
    """One table applied to the counts, in picojoules per inference.

    `ann_picojoules` is the original network by the same table, None where the table has no price
    for it or its multiply-accumulates are not known. `counted` says what entered.
    """

    name: str
    source: str
    counted: str
    picojoules: float
    ann_picojoules: float | None

    def as_dict(self) -> dict[str, Any]:
        """The estimate as a JSON object that says what it is."""
        return {
            "kind": "estimate",
            "name": self.name,
            "source": self.source,
            "counted": self.counted,
            "picojoules": self.picojoules,
            "ann_picojoules": self.ann_picojoules,
        }


@dataclass(frozen=True, slots=True)
class EnergyTable:
    """Prices of operations in picojoules, and where they come from.

    Attributes:
        name: What the table is called in reports.
        source: The publication.
        counted: Which operations are priced, in words.
        prices: Picojoules per operation, by operation.
        energy: Picojoules of an inference from its counts and the prices.
        ann_price: Picojoules per multiply-accumulate of the original network, or None.
    """

    name: str
    source: str
    counted: str
    prices: Mapping[str, float]
    energy: Callable[[OperationCounts, Mapping[str, float]], float]
    ann_price: float | None = None

    def estimate(self, counts: OperationCounts) -> EnergyEstimate:
        """The table applied to `counts`."""
        ann = None
        if self.ann_price is not None and counts.ann_macs is not None:
            ann = counts.ann_macs * self.ann_price
        energy = self.energy(counts, self.prices)
        return EnergyEstimate(self.name, self.source, self.counted, energy, ann)


def _cmos_once(counts: OperationCounts, prices: Mapping[str, float]) -> float:
    return counts.direct_macs * prices["mac"] + counts.synops * prices["ac"]


def _cmos_every_step(counts: OperationCounts, prices: Mapping[str, float]) -> float:
    return counts.direct_macs * counts.driven * prices["mac"] + counts.synops * prices["ac"]


def _per_synop(counts: OperationCounts, prices: Mapping[str, float]) -> float:
    return counts.synops * prices["synop"]


def _per_spike(counts: OperationCounts, prices: Mapping[str, float]) -> float:
    return counts.spikes * prices["spike"]


def _loihi(counts: OperationCounts, prices: Mapping[str, float]) -> float:
    active = min(counts.spikes, counts.updates)
    return (
        counts.synops * prices["synop"]
        + active * prices["active update"]
        + (counts.updates - active) * prices["inactive update"]
        + counts.spikes * prices["spike within tile"]
    )


_HOROWITZ = (
    "Horowitz, ISSCC 2014 (45 nm CMOS, 0.9 V, 32-bit floating point: multiply 3.7 pJ, add 0.9 pJ)"
)
_CMOS_PRICES = {"mac": 4.6, "ac": 0.9}

TABLES: tuple[EnergyTable, ...] = (
    EnergyTable(
        "45nm-cmos",
        _HOROWITZ,
        "4.6 pJ per multiply-accumulate of analog inputs, counted once per inference because "
        "the current is the same in every step; 0.9 pJ per synaptic operation; neuron updates "
        "and memory accesses are not counted",
        _CMOS_PRICES,
        _cmos_once,
        ann_price=4.6,
    ),
    EnergyTable(
        "45nm-cmos-every-step",
        _HOROWITZ,
        "as 45nm-cmos, but the multiply-accumulates of analog inputs are done again in every "
        "time step in which the inputs act, as most publications on directly coded networks count "
        "them",
        _CMOS_PRICES,
        _cmos_every_step,
        ann_price=4.6,
    ),
    EnergyTable(
        "truenorth-synop",
        "Merolla et al., Science 2014 (26 pJ per synaptic event at typical load)",
        "26 pJ per synaptic operation; the constant includes the chip's static share at its "
        "typical load; analog inputs are not counted, since the chip takes spikes only",
        {"synop": 26.0},
        _per_synop,
    ),
    EnergyTable(
        "truenorth-spike",
        "Habara, Sato and Awano, 2024 (26 pJ per spike event on TrueNorth)",
        "26 pJ per spike, whatever its fan-out: a reading found in publications, far below "
        "truenorth-synop; for comparison with them only",
        {"spike": 26.0},
        _per_spike,
    ),
    EnergyTable(
        "loihi1",
        "Davies et al., IEEE Micro 2018, table 2 (Loihi 1, pre-silicon circuit simulation, 0.75 V; "
        "a model; constants as cited by others, 23.6 pJ not re-checked in the paper)",
        "23.6 pJ per synaptic operation (a minimum), 81 pJ per update of a neuron that fires "
        "and 52 pJ of one that does not, 1.7 pJ per spike within its tile; hops between tiles, "
        "analog inputs and static power are not counted",
        {
            "synop": 23.6,
            "active update": 81.0,
            "inactive update": 52.0,
            "spike within tile": 1.7,
        },
        _loihi,
    ),
)
"""All tables, in the order in which they are reported."""


def estimates(counts: OperationCounts) -> list[EnergyEstimate]:
    """Every table applied to `counts`: estimates, not measurements."""
    return [table.estimate(counts) for table in TABLES]
