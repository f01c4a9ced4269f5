"""What a pass is: a frozen dataclass with options as fields and one pure function.

A pass takes a valid network and returns a valid network. It reads no file, prints nothing and
keeps no state; what it needs beside the network comes in a `Context`, and what it wants to tell
goes into the context's notes. `requires` and `ensures` are executable: the manager checks them
around every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from snnc.data.statistics import ActivationStatistics
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.model import Network
from snnc.ir.tensors import Array

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, how much there is."""


class Labelled(Protocol):
    """Calibration samples with labels, read again as often as a pass likes."""

    def __len__(self) -> int: ...

    def batches(self, size: int) -> Iterator[tuple[Array, Array]]:
        """Batches of at most `size` samples (n, *shape) float32 with their labels (n,) int64."""


@dataclass(slots=True)
class Context:
    """What passes may use beside the network.

    Attributes:
        statistics: activations of the ANN on the calibration set, per population name, in ANN
            units.
        calibration: calibration samples per input name, float32 arrays (N, *shape), or None.
        labelled: all calibration samples with their labels, or None where they have none.
        steps: the number of time steps the network is compiled for.
        steps_given: whether somebody asked for that number; where nobody did, a pass may choose a
            better one.
        seed: seed of every random choice.
        reference: the last network of stage ann that computes what the trained network does, kept
            by the manager: what requantised and spiking networks are compared with.
        approximated: set by a pass whose purpose is another function (requantize); from then on
            the manager leaves `reference` as it is.
        notes: what passes tell the report, in order.
        progress: called by passes that take long.
    """

    statistics: Mapping[str, ActivationStatistics] = field(default_factory=dict)
    calibration: Mapping[str, Array] | None = None
    labelled: Labelled | None = None
    steps: int = 32
    steps_given: bool = True
    seed: int = 0
    reference: Network | None = None
    approximated: bool = False
    notes: list[str] = field(default_factory=list)
    progress: Progress | None = None

    def generator(self) -> np.random.Generator:
        """A fresh seeded generator: the same numbers whatever ran before."""
        return np.random.default_rng(self.seed)

    def note(self, text: str) -> None:
        """Tell the report something."""
        self.notes.append(text)

    def samples(self, wanted_by: str) -> Mapping[str, Array]:
        """The calibration samples.

        Raises:
            InputError: SN705, there are none.
        """
        if not self.calibration or any(len(x) == 0 for x in self.calibration.values()):
            raise InputError(no_calibration(wanted_by))
        return self.calibration


def no_calibration(wanted_by: str) -> Diagnostic:
    """The diagnostic of a pass that needs calibration data and has none."""
    return Diagnostic(
        "SN705",
        f"pass {wanted_by} needs calibration data and there is none",
        help="pass --calibration DATA (a few hundred training images are enough)",
    )


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a network that a pass needs or promises; `check` returns what is amiss."""

    name: str
    check: Callable[[Network], str]


class Pass(Protocol):
    """A rewrite of a network; implementations are frozen dataclasses, their fields options."""

    name: ClassVar[str]
    requires: ClassVar[tuple[Property, ...]]
    ensures: ClassVar[tuple[Property, ...]]

    def run(self, network: Network, context: Context) -> Network:
        """The rewritten network; the argument stays as it was."""
        ...
