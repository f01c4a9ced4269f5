"""Whether a core map does what the layers do, spike for spike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.sources import Given
from snnc.backends.reference.trace import Trace
from snnc.backends.truenorth.host import chip_populations
from snnc.backends.truenorth.run_map import MapRun
from snnc.ir import model as m


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where core map and reference simulator differ.

    `what` is layer, exit (`name`: step, head, answer or sure), or stray for a spike in a tick of no
    time step; `sample` counts from 0, `step` from 1; `neuron` is its index in ONNX's order of axes.
    """

    what: str
    name: str
    sample: int
    step: int
    neuron: tuple[int, ...]
    found: int
    reference: int

    def as_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "neuron": list(self.neuron)}


def compare(network: m.Network, given: Given, run: MapRun, *, first: int = 0) -> Difference | None:
    """Simulate the same samples and compare every spike of every neuron that is on the chip.

    Args:
        network: the network that was mapped.
        given: inputs as the run had them.
        run: what the map made of them.
        first: as of the run.
    """
    names = [p.name for p in chip_populations(network)]
    trace = Simulator(network).run(
        given, steps=run.steps, first=first, record=names, exits=run.exits is not None
    )
    return next(differences(run, trace, names, first), None)


def differences(run: MapRun, trace: Trace, names: list[str], first: int) -> Iterator[Difference]:
    """The first difference of each layer."""
    if run.exits is not None and trace.exits is not None:
        # Where a sample stopped elsewhere, everything after that differs: say this first.
        for what in ("step", "head", "answer", "sure"):
            mine, other = getattr(run.exits, what), getattr(trace.exits, what)
            for sample in np.flatnonzero(mine != other):
                step = int(min(run.exits.step[sample], trace.exits.step[sample]))
                pair = int(mine[sample]), int(other[sample])
                yield Difference("exit", what, first + int(sample), step, (), *pair)
    for name in names:
        if run.strays[name]:
            yield Difference("stray", name, first, 0, (), run.strays[name], 0)
        ours, theirs = run.rasters[name], trace.rasters[name]
        places = np.argwhere((ours != theirs) & ~run.missing[name])
        if len(places):
            place = tuple(int(n) for n in places[0])
            values = int(ours[place]), int(theirs[place])
            yield Difference("layer", name, first + place[1], place[0] + 1, place[2:], *values)
