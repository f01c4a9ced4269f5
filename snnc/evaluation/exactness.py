"""Whether the spike counts of a settled network equal the integers of the quantised ANN.

A network whose input is gated comes to rest, and then every neuron's net spike count is to be
`clip(floor(z / step + shift), lowest, levels)` of what it received (Li, Ma, Furber 2022): the
ANN's activation divided by its step. Each count that differs is put down to one of three causes:

- `inherited`: the neuron counted rightly for what it received, but sources of it differ.
- `at_edge`: the neuron's summed input lies so close to a rounding edge that float32 sums in
  another order, or of weights rounded to float32, fall on its other side: one level off.
- `unexplained`: neither; the conversion is wrong, or the sample had not come to rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.evaluation.verdict import Exactness
from snnc.frontend.edges import edge_width
from snnc.ir import model as m
from snnc.ir.interpret import activate, levels, summed_input
from snnc.ir.linear import broadcast_parameter
from snnc.ir.tensors import Array

EDGE = 1e-4
"""Distance from a rounding edge, in steps, within which float32 sums may fall on either side.

Measured on LeNets and a VGG with 2 to 4 bits, the largest such distance is 5e-7.
"""


def counted_layers(network: m.Network, ann: m.Network) -> tuple[str, ...]:
    """Populations whose spike count at rest is an integer of the ANN, in order.

    These are the ones that are quantised in the ANN, and maxima of such alone; () where the
    network has no schedule that ends its input, so that counts never come to rest.
    """
    if not isinstance(network.schedule, m.Gated):
        return ()
    shapes = {p.name: p.shape for p in network.populations if not _integrates(p)}
    found: dict[str, None] = {}
    for population in ann.populations:
        if shapes.get(population.name) != population.shape:
            continue
        if isinstance(population.neuron, m.Quantized) or _picks_from(population, found):
            found[population.name] = None
    return tuple(found)


def _integrates(population: m.Population) -> bool:
    return isinstance(population.neuron, m.Integrator)


def _picks_from(population: m.Population, counted: Mapping[str, None]) -> bool:
    """Whether it is a maximum over windows of one population with integer counts."""
    only = population.incoming[0] if len(population.incoming) == 1 else None
    return (
        isinstance(population.neuron, m.MaxPool2d)
        and population.bias is None
        and only is not None
        and not only.ops
        and only.source in counted
    )


class ExactnessSums:
    """Compares batch by batch; memory does not grow with the number of samples.

    `unequal` and `unexplained` count differences by layer.
    """

    def __init__(self, network: m.Network, ann: m.Network) -> None:
        self.ann = ann
        self.layers = counted_layers(network, ann)
        self.unequal = dict.fromkeys(self.layers, 0)
        self.samples = 0
        self.values = 0
        self._steps = _steps(ann, self.layers)
        self.unexplained = dict.fromkeys(self.layers, 0)
        self._working = 0
        self._at_edge = 0
        self._inherited = 0
        self._unsettled = 0
        self._edge_distance = 0.0
        self._readout = 0.0
        self._readout_unexplained = 0.0

    def add(
        self,
        x: Array,
        counts: Mapping[str, Array],
        activations: Mapping[str, Array],
        settled: Array,
    ) -> Array:
        """Add samples.

        Args:
            x: inputs of the ANN, (n, *shape).
            counts: net spike counts of the layers, (n, *shape).
            activations: values of the layers in the ANN, in its units.
            settled: settling steps (n,), -1 for a sample that has not come to rest.

        Returns:
            Which samples are at rest with every count right, bool (n,).
        """
        self.samples += len(x)
        self._unsettled += int((settled < 0).sum())
        wrong = {}
        rows = np.zeros(len(x), dtype=bool)
        for name in self.layers:
            expected = np.rint(activations[name] / self._steps[name])
            wrong[name] = counts[name] != expected
            self.values += expected.size
            self.unequal[name] += int(wrong[name].sum())
            rows |= wrong[name].reshape(len(x), -1).any(axis=1)
        if rows.any():
            some = {n: counts[n][rows] for n in self.layers}
            working = settled[rows] < 0
            self._explain(x[rows], some, {n: w[rows] for n, w in wrong.items()}, working)
        exact: Array = ~rows & (settled >= 0)
        return exact

    def add_readout(self, value: Array, expected: Array, exact: Array) -> None:
        """Add read-outs (n, K) in ANN units, what the ANN answers, and what `add` returned."""
        largest = float(np.abs(expected).max(initial=0.0)) or 1.0
        difference = np.abs(value - expected) / largest
        self._readout = max(self._readout, float(difference.max(initial=0.0)))
        unexplained = float(difference[exact].max(initial=0.0))
        self._readout_unexplained = max(self._readout_unexplained, unexplained)

    def result(self, engine: str, precision: str) -> Exactness | None:
        """The comparison of everything added so far; None where there was nothing to compare."""
        if not self.values:
            return None
        return Exactness(
            samples=self.samples,
            layers=len(self.layers),
            values=self.values,
            unequal=sum(self.unequal.values()),
            at_edge=self._at_edge,
            inherited=self._inherited,
            unexplained=sum(self.unexplained.values()),
            working=self._working,
            unsettled=self._unsettled,
            edge_distance=self._edge_distance,
            readout_difference=self._readout,
            readout_unexplained=self._readout_unexplained,
            engine=engine,
            precision=precision,
        )

    def _explain(
        self,
        x: Array,
        counts: Mapping[str, Array],
        wrong: Mapping[str, Array],
        working: Array,
    ) -> None:
        """Put every difference down to its cause: what should a neuron count that got this?

        `working`: which samples had not come to rest.
        """
        values: dict[str, Array] = {self.ann.inputs[0].name: x.astype(np.float64)}
        astray = {self.ann.inputs[0].name: np.zeros(len(x), dtype=bool)}
        for population in self.ann.populations:
            name = population.name
            received = summed_input(self.ann, population, values).astype(np.float64)
            misled = np.logical_or.reduce([astray[i.source] for i in population.incoming])
            astray[name] = misled
            if name not in wrong:
                if _rounds_the_input(self.ann, population):
                    received = x  # rounded in the precision in which the ANN rounds it
                values[name] = activate(population.neuron, received, self.ann).astype(np.float64)
                continue
            values[name] = counts[name] * self._steps[name]
            differs = wrong[name]
            astray[name] = misled | differs.reshape(len(x), -1).any(axis=1)
            right, distance = self._judge(population, received, counts[name])
            inherited = differs & right & misled.reshape(-1, *(1,) * (differs.ndim - 1))
            edge = differs & ~inherited & np.isfinite(distance)
            self._at_edge += int(edge.sum())
            self._inherited += int(inherited.sum())
            unexplained = differs & ~edge & ~inherited
            self.unexplained[name] += int(unexplained.sum())
            self._working += int(unexplained[working].sum())
            self._edge_distance = max(self._edge_distance, float(distance[edge].max(initial=0.0)))

    def _judge(
        self, population: m.Population, received: Array, counts: Array
    ) -> tuple[Array, Array]:
        """Which counts are right for what was received, and how far that is from an edge.

        The distance is infinite where it is too large for rounding to matter, or where the count
        is not next to the right one.
        """
        neuron = population.neuron
        if not isinstance(neuron, m.Quantized):
            largest = activate(neuron, received, self.ann)
            expected = np.rint(largest / self._steps[population.name])
            return counts == expected, np.full(counts.shape, np.inf)
        shift = broadcast_parameter(neuron.shift, population.shape, self.ann.array)
        place = received / self._steps[population.name] + shift
        distance = np.abs(place - np.rint(place))
        width = edge_width(place, EDGE)
        off = np.abs(counts - levels(neuron, received, self.ann))
        return off == 0, np.where((distance <= width) & (off <= 1), distance, np.inf)


def _rounds_the_input(ann: m.Network, population: m.Population) -> bool:
    """Whether it quantises the network's input as it comes."""
    only = population.incoming[0] if len(population.incoming) == 1 else None
    reads = only is not None and not only.ops and only.source == ann.inputs[0].name
    return reads and population.bias is None and isinstance(population.neuron, m.Quantized)


def _steps(ann: m.Network, layers: tuple[str, ...]) -> dict[str, Array]:
    """What one spike of each layer stands for, in ANN units (*shape)."""
    steps: dict[str, Array] = {}
    for name in layers:
        population = ann.population(name)
        neuron = population.neuron
        if isinstance(neuron, m.Quantized):
            step = broadcast_parameter(neuron.step, population.shape, ann.array)
            steps[name] = np.broadcast_to(step, population.shape).astype(np.float64)
        else:
            steps[name] = _pooled_step(steps[population.incoming[0].source], population.shape)
    return steps


def _pooled_step(step: Array, shape: tuple[int, ...]) -> Array:
    """The step behind a maximum over windows: that of the channel."""
    per_channel = step.reshape(step.shape[0], -1)[:, :1].reshape(-1, *(1,) * (len(shape) - 1))
    return np.broadcast_to(per_channel, shape)
