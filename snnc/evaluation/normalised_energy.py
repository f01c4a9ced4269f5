"""Energy relative to another run, from spikes and time steps alone: estimates, no measurement.

On neuromorphic chips part of the energy goes with the spikes and part with the time that all cores
run. With the two shares of a chip under a reference load (Park et al. 2020, T2FSNN; used by Park
and Yoon 2021 for their tables) a run costs, relative to the reference,

    E = dynamic * spikes / spikes of the reference + static * steps / steps of the reference.

It says how two runs compare, of the same data set best, and nothing about joules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Chip:
    """The shares of a chip's energy, which add up to 1, under the reference load."""

    name: str
    dynamic: float
    static: float


CHIPS = (Chip("truenorth", 0.4, 0.6), Chip("spinnaker", 0.64, 0.36))
"""The shares of Park et al. 2020 ("T2FSNN"), table 2."""

SOURCE = "Park et al. 2020 (T2FSNN), Park and Yoon 2021: shares of dynamic and static energy"


@dataclass(frozen=True, slots=True)
class Reference:
    """What energies are relative to: spikes and time steps of an inference.

    Raises:
        ValueError: one of them is not above 0.
    """

    name: str
    spikes: float
    steps: float

    def __post_init__(self) -> None:
        for name in ("spikes", "steps"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"the {name} of the reference are {value}, not above 0")


REFERENCES: Mapping[str, Reference] = {
    "cifar10": Reference("TSC, VGG-16 on CIFAR-10", 0.193e6, 512),
    "cifar100": Reference("TSC, VGG-16 on CIFAR-100", 0.170e6, 512),
}
"""The runs that published energies of VGG-16 are relative to: TSC (Han and Roy 2020), as Park and
Yoon 2021 give it."""


@dataclass(frozen=True, slots=True)
class RelativeEnergy:
    """The energy of a run over that of a reference, by the shares of one chip."""

    chip: str
    reference: Reference
    dynamic: float
    static: float

    @property
    def energy(self) -> float:
        """Both parts together; 1 is the reference."""
        return self.dynamic + self.static

    def as_dict(self) -> dict[str, Any]:
        """The estimate as a JSON object that says what it is."""
        return {
            "kind": "estimate",
            "name": f"{self.chip}-relative",
            "source": SOURCE,
            "reference": self.reference.name,
            "reference_spikes": self.reference.spikes,
            "reference_steps": self.reference.steps,
            "dynamic": self.dynamic,
            "static": self.static,
            "energy": self.energy,
        }


def relative_energy(spikes: float, steps: float, reference: Reference) -> list[RelativeEnergy]:
    """The energy of an inference relative to a reference, one estimate per chip.

    Args:
        spikes: of all neurons that send some, mean of an inference.
        steps: time steps of an inference, likewise.
        reference: the other run.
    """
    return [
        RelativeEnergy(
            chip.name,
            reference,
            chip.dynamic * spikes / reference.spikes,
            chip.static * steps / reference.steps,
        )
        for chip in CHIPS
    ]


def reference_of(evaluated: Mapping[str, Any], name: str) -> Reference:
    """Another evaluation as the reference: the rate-coded form of the same network, for instance.

    Args:
        evaluated: `Evaluation.as_dict()`, or what `snnc eval --json` printed.
        name: what reports call it.

    Raises:
        KeyError: it is no evaluation.
        ValueError: it sent no spikes.
    """
    return Reference(name, float(evaluated["spikes_per_sample"]), float(evaluated["mean_steps"]))


def spikes_per_neuron(spikes: float, neurons: int) -> float:
    """Mean spikes of a neuron in an inference; times 100 what papers call sparsity, in percent."""
    return spikes / neurons


def firing_rate(spikes: float, neurons: int, steps: float) -> float:
    """Mean spikes of a neuron and time step."""
    return spikes / (neurons * steps)
