"""What an evaluation returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snnc.evaluation.exits import ExitReport
from snnc.evaluation.layers import LayerReport
from snnc.evaluation.phases import TimedSpikes
from snnc.evaluation.quantisation import Quantisation
from snnc.evaluation.settling import Settling
from snnc.evaluation.verdict import Exactness

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured. Accuracies and agreement are fractions, None without labels or ANN.

    `accuracy_by_step[t - 1]` is the accuracy after `t` time steps. `layer_samples` says on how
    many samples correlation, relative error and clipping of the layers were measured. `settled`
    says when samples of a gated network came to rest; `mean_steps` is then the mean of these steps
    (a sample that did not counts `steps`). `exactness`: its spike counts against the integers of
    the quantised ANN. `levels`: the most quantisation levels of an activation, 0 where none is.
    `exit`: what the exit policy did, None where there is none or it was left out. Where only the
    run with exits was made, accuracy, steps and costs here are its own, and there is no curve.
    `engine`: what ran the spiking network.
    `quantisation`: what whole numbers cost against the network of fractions, where there is one.
    `phases`: of a network of spike times how often neurons fire, and when; else None.
    `relative_energy`: estimates relative to another run, where one was given.
    """

    samples: int
    steps: int
    mean_steps: float
    ann_accuracy: float | None
    snn_accuracy: float | None
    agreement: float | None
    accuracy_by_step: tuple[float, ...]
    spikes_per_sample: float
    synops_per_sample: float
    updates_per_sample: float
    ann_macs: int | None
    ann_engine: str | None
    layers: tuple[LayerReport, ...]
    layer_samples: int
    energy_estimates: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()
    settled: Settling | None = None
    exactness: Exactness | None = None
    levels: int = 0
    exit: ExitReport | None = None
    quantisation: Quantisation | None = None
    phases: TimedSpikes | None = None
    relative_energy: tuple[dict[str, Any], ...] = ()
    engine: str = "reference"

    def as_dict(self) -> dict[str, Any]:
        """The evaluation as one JSON object with `schema_version`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "samples": self.samples,
            "ann_accuracy": self.ann_accuracy,
            "snn_accuracy": self.snn_accuracy,
            "agreement": self.agreement,
            "engine": self.engine,
            "steps": self.steps,
            "mean_steps": self.mean_steps,
            "levels": self.levels,
            "settled": None if self.settled is None else self.settled.as_dict(),
            "exactness": None if self.exactness is None else self.exactness.as_dict(),
            "accuracy_by_step": list(self.accuracy_by_step),
            "spikes_per_sample": self.spikes_per_sample,
            "synops_per_sample": self.synops_per_sample,
            "updates_per_sample": self.updates_per_sample,
            "ann_macs": self.ann_macs,
            "ann_engine": self.ann_engine,
            "layers": [layer.as_dict() for layer in self.layers],
            "layer_samples": self.layer_samples,
            "energy_estimates": list(self.energy_estimates),
            "relative_energy": list(self.relative_energy),
            "phases": None if self.phases is None else asdict(self.phases),
            "quantisation": None if self.quantisation is None else self.quantisation.as_dict(),
            "exit": None if self.exit is None else self.exit.as_dict(),
            "notes": list(self.notes),
        }
