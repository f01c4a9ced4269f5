"""Spikes that are worth something by their time: the kernels in front of a layer's neurons."""

from __future__ import annotations

import numpy as np

from snnc.backends.loihi.layout import lava_shape
from snnc.backends.loihi.names import Names
from snnc.backends.loihi.wiring import Lines, call, wrapped
from snnc.ir import model as m
from snnc.ir.latency import starts_of
from snnc.ir.phases import PASSING, kernels, phases_of
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array


class Dendrites:
    """The dendrites of one layer: one for every kernel that its sources have.

    Args:
        network: a network that the target takes.
        p: the population; one that passes spikes on has no dendrites.
        name: attribute of its process.
        names: identifiers in use.
        lines: take the processes, the wires to the neurons and the arrays.
    """

    def __init__(
        self, network: m.Network, p: m.Population, name: str, names: Names, lines: Lines
    ) -> None:
        self._network, self._population = network, p
        self._name, self._names, self._lines = name, names, lines
        self._phases = phases_of(network)
        self._kernels = {} if isinstance(p.neuron, PASSING) else kernels(network)
        self._made: dict[bytes, str] = {}

    def target(self, source: str) -> str:
        """The process at which a connection from a source ends: a dendrite, or the neurons."""
        if self._phases is None or source not in self._kernels:
            return self._name
        table = self._kernels[source].astype(np.int32)
        key = table.tobytes()
        if key not in self._made:
            self._made[key] = self._new(source, table)
        return self._made[key]

    def waits(self, incoming: m.Incoming) -> int:
        """Steps by which an analog input is late: it acts when the layer's window begins."""
        if self._phases is None:
            return 0
        analog = any(
            i.name == incoming.source and isinstance(i.coding, m.Direct)
            for i in self._network.inputs
        )
        return self._phases.integrates[self._population.name] if analog else 0

    def _new(self, source: str, table: Array) -> str:
        assert self._phases is not None
        p, starts = self._population, starts_of(self._network) or {}
        name = self._names.new(f"{self._name}_dendrite")
        array = f"{name}.kernel"
        self._lines.arrays[array] = table
        made = call(
            "Dendrite",
            f'**clock, name="{name}"',
            shape=lava_shape(summed_shape(self._network, p)),
            kernel=f'w["{array}"]',
            integrates=self._phases.integrates[p.name] or None,
            start=starts[p.name],
        )
        self._lines.kinds.add("Dendrite")
        self._lines.processes.extend(wrapped(f"self.{name} = {made}"))
        self._lines.wires.append(f"self.{name}.a_out.connect(self.{self._name}.a_in)")
        return name
