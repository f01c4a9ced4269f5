"""What acts on a group of samples from outside: bias, analog currents, and spikes of the inputs.

All of it ends with the window of a gated schedule; what comes through a delay ends that much later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from snnc.backends.reference.buffers import SpikeBuffer
from snnc.backends.reference.first_spikes import TimedTrain
from snnc.backends.reference.layout import Image, Workspace, inner_shape, to_inner
from snnc.backends.reference.neurons import Counts
from snnc.backends.reference.plan import Layer, Plan
from snnc.backends.reference.sources import PoissonTrain
from snnc.ir import model
from snnc.ir.tensors import Array

TILE_BYTES = 1 << 19
"""Size of a tile of potentials: small enough to stay in the second-level cache."""


class Drive:
    """The drive of one group of samples.

    Args:
        plan: The network made ready.
        inputs: Checked arrays by input name, for this group only.
        samples: Number of samples in the group.
        first: Number of the first sample in the data set; Poisson coding depends on it.
        work: Buffers of the thread that runs the group.
    """

    def __init__(
        self, plan: Plan, inputs: Mapping[str, Array], samples: int, first: int, work: Workspace
    ) -> None:
        self._plan = plan
        self._inputs = inputs
        self._samples = samples
        self._work = work
        self._rows: Array = np.arange(samples)
        self._counts: dict[str, Counts] = {}
        self._poisson: dict[str, PoissonTrain] = {}
        self._timed: dict[str, TimedTrain] = {}
        for entry in plan.network.inputs:
            if entry.name in plan.trains:
                shape = (samples, *inner_shape(entry.shape))
                counts = Counts(np.zeros(shape, plan.dtype), np.zeros(shape, np.int32))
                self._counts[entry.name] = counts
            if isinstance(entry.coding, model.Poisson):
                self._poisson[entry.name] = PoissonTrain(entry, inputs[entry.name], first)
            elif isinstance(entry.coding, model.SpikeTime):
                self._timed[entry.name] = TimedTrain(entry, inputs[entry.name])
        self._currents: dict[str, list[tuple[int, Array]]] = {}

    def prepare(self, layers: Collection[str]) -> None:
        """Compute what is constant for layers that are about to start."""
        for layer in self._plan.layers:
            if layer.name in layers and layer.name not in self._currents:
                self._currents[layer.name] = self._constant_currents(layer)

    def currents(self, layer: str, time: int, tile: slice) -> list[Array]:
        """Bias and analog currents of a layer in the step after `time` others."""
        begin, window = self._plan.driven(layer)
        time -= begin
        return [
            array if len(array) == 1 else array[tile]
            for delay, array in self._currents[layer]
            if time >= delay and (window is None or time < delay + window)
        ]

    @property
    def trains(self) -> Collection[str]:
        """The inputs that send spikes."""
        return self._counts.keys()

    def send(self, name: str, buffer: SpikeBuffer, time: int, steps: int) -> None:
        """Write an input's spikes of the `steps` steps after `time` others, and count them."""
        for index in range(steps):
            self._send_step(name, buffer, time + index, index)

    def counts(self, name: str, mask: Array | slice) -> Counts:
        """An input's spikes so far, of some samples, channels last."""
        entry = self._counts[name]
        return Counts(entry.net[mask], entry.events[mask])

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self._rows = self._rows[mask]
        for name, entry in self._counts.items():
            self._counts[name] = Counts(entry.net[mask], entry.events[mask])
        for drawn in self._poisson.values():
            drawn.keep(mask)
        for timed in self._timed.values():
            timed.keep(mask)
        for layer, currents in self._currents.items():
            # A bias alone is one row for all samples.
            self._currents[layer] = [
                (delay, array if len(array) == 1 else array[mask]) for delay, array in currents
            ]
        self._samples = len(self._rows)

    def _send_step(self, name: str, buffer: SpikeBuffer, time: int, index: int) -> None:
        if name in self._timed and time >= self._timed[name].steps:
            return  # A step that is not marked as active counts as silent, whatever lies there.
        place = buffer.step(index, slice(0, self._samples))
        window = self._plan.window
        if window is not None and time >= window:
            place[:] = 0
            return
        if name in self._timed:
            self._timed[name].write(time, place)
        else:
            place[:] = to_inner(self._values(name, time), len(self._plan.trains[name].shape))
        buffer.active[buffer.history + index] = bool(place.any())
        counts = self._counts[name]
        counts.net[:] += place
        counts.events[:] += place != 0

    def _values(self, name: str, time: int) -> Array:
        """What an input that is drawn, or brought step by step, sends in a step."""
        if name in self._poisson:
            return self._poisson[name].step()
        values: Array = self._inputs[name][time][self._rows]
        return values

    def _constant_currents(self, layer: Layer) -> list[tuple[int, Array]]:
        """Bias and analog inputs: (number of steps before it acts, array), computed once."""
        by_delay: dict[int, Array] = {}
        for connection in layer.constant:
            image = self._analog(connection.source)
            value = np.empty((self._samples, *inner_shape(layer.summed)), self._plan.dtype)
            size = max(int(np.prod(layer.summed)), 1) * self._plan.dtype.itemsize
            rows = max(1, TILE_BYTES // size)
            for first in range(0, self._samples, rows):
                part = Image(image.base[first : first + rows], image.halo)
                value[first : first + rows] = connection.chain.run(part, self._work)
            known = by_delay.get(connection.delay)
            by_delay[connection.delay] = value if known is None else known + value
        if layer.bias is not None:
            known = by_delay.get(0)
            by_delay[0] = layer.bias if known is None else known + layer.bias
        return sorted(by_delay.items(), key=lambda entry: entry[0])

    def _analog(self, name: str) -> Image:
        train = self._plan.constants[name]
        image = self._work.image(
            ("analog", name), self._samples, inner_shape(train.shape), train.halo
        )
        image.inner[:] = to_inner(self._inputs[name][self._rows], len(train.shape))
        return image
