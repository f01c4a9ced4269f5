"""Whether a run in Lava equals the reference simulator, spike for spike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snnc.backends.loihi.engine import LavaRun
from snnc.backends.loihi.golden import reference_run, whole_outputs
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.sources import Given
from snnc.backends.reference.trace import Trace
from snnc.ir import model as m
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where Lava and the simulator differ.

    `what` is layer, read-out or exit; `name` the population, the head, or step, head or answer of
    an exit. `sample` counts from 0, `step` from 1; `neuron` is its index in ONNX's order of axes.
    """

    what: str
    name: str
    sample: int
    step: int
    neuron: tuple[int, ...]
    lava: int
    reference: int

    def __str__(self) -> str:
        """In words."""
        place = f"{self.what} {self.name}, sample {self.sample}, step {self.step}"
        if self.neuron:
            place += f", neuron {list(self.neuron)}"
        return f"{place}: Lava {self.lava}, reference simulator {self.reference}"

    def as_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "neuron": list(self.neuron)}


def compare(
    network: m.Network, given: Given, run: LavaRun, *, first: int = 0, exits: bool = True
) -> Difference | None:
    """Simulate the same samples and compare every spike, read-out and exit; None where all agree.

    Args:
        network: the network that ran.
        given: inputs as the run had them.
        run: what Lava made of them.
        first: as of the run.
        exits: as of the run.
    """
    trace = reference_run(
        Simulator(network), network, given, steps=run.steps, first=first, exits=exits
    )
    return next(_differences(network, run, trace, first), None)


def _differences(
    network: m.Network, run: LavaRun, trace: Trace, first: int
) -> Iterator[Difference]:
    if run.exits is not None and trace.exits is not None:
        # Where a sample stopped elsewhere, everything after that differs: say this first.
        for name in ("step", "head", "answer", "sure"):
            ours, theirs = getattr(run.exits, name), getattr(trace.exits, name)
            for sample in np.flatnonzero(ours != theirs):
                step = int(min(run.exits.step[sample], trace.exits.step[sample]))
                values = int(ours[sample]), int(theirs[sample])
                yield Difference("exit", name, first + int(sample), step, (), *values)
    yield from _unequal("layer", run.rasters, trace.rasters, first)
    yield from _unequal("read-out", run.whole_outputs, whole_outputs(network, trace), first)


def _unequal(
    what: str, ours: Mapping[str, Array], theirs: Mapping[str, Array], first: int
) -> Iterator[Difference]:
    for name, values in ours.items():
        places = np.argwhere(values != theirs[name])
        if len(places):
            place = tuple(int(n) for n in places[0])
            step, sample, *neuron = place
            found = int(values[place]), int(theirs[name][place])
            yield Difference(what, name, first + sample, step + 1, tuple(neuron), *found)
