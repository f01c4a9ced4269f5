"""The ANN a spiking network is compared with: onnxruntime, or the interpreter of stage `ann`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.tensors import Array

if TYPE_CHECKING:
    from snnc.frontend.importer import Imported
    from snnc.frontend.runtime import Runner


class AnnReference(Protocol):
    """What evaluation asks of the ANN."""

    @property
    def network(self) -> m.Network:
        """The network at stage ann, for names, shapes and multiply-accumulates."""

    @property
    def engine(self) -> str:
        """Who computed the outputs: `onnxruntime` or `interpreter`."""

    def logits(self, x: Array, head: str) -> Array:
        """The value (N, K) of a head for a batch of inputs."""

    def activations(self, x: Array, names: Sequence[str]) -> dict[str, Array]:
        """The values (N, *shape) of populations for a batch of inputs."""


def head_of(network: m.Network, name: str) -> m.Head:
    """The head of that name, or the last one (which always answers) where there is none."""
    return next((h for h in network.heads if h.name == name), network.heads[-1])


def head_values(ann: AnnReference, x: Array, names: Iterable[str]) -> dict[str, Array]:
    """The ANN's values (N, K) of several heads for a batch of inputs, all computed in one run."""
    places = {name: head_of(ann.network, name).population for name in names}
    values = ann.activations(x, tuple(dict.fromkeys(places.values())))
    return {name: values[place].reshape(len(x), -1) for name, place in places.items()}


def answered(ann: m.Network, population: m.Population, value: Array) -> Array:
    """What a spiking population's mean value says in terms of the ANN's population of its name.

    A ReLU that only a head reads is left to the host: an integrator then holds the value in front.
    """
    rectified = {p.name for p in ann.populations if isinstance(p.neuron, m.Relu)}
    if isinstance(population.neuron, m.Integrator) and population.name in rectified:
        return np.maximum(value, 0)
    return value


@dataclass(frozen=True, slots=True)
class InterpretedAnn:
    """The stored ANN of a program directory, computed by the interpreter."""

    network: m.Network
    engine: str = "interpreter"

    def logits(self, x: Array, head: str) -> Array:
        """The value (N, K) of a head for a batch of inputs."""
        population = head_of(self.network, head).population
        value = self.activations(x, (population,))[population]
        return value.reshape(len(x), -1)

    def activations(self, x: Array, names: Sequence[str]) -> dict[str, Array]:
        """The values (N, *shape) of populations for a batch of inputs."""
        return evaluate(self.network, {self.network.inputs[0].name: x}, keep=names)


class OnnxAnn:
    """The ONNX model itself under onnxruntime; what it has no tensor for, the interpreter gives."""

    engine = "onnxruntime"

    def __init__(self, imported: Imported) -> None:
        self._imported = imported
        self._interpreted = InterpretedAnn(imported.network)
        self._runners: dict[tuple[str, ...], Runner] = {}

    @property
    def network(self) -> m.Network:
        """The imported network at stage ann."""
        return self._imported.network

    def logits(self, x: Array, head: str) -> Array:
        """The value (N, K) of a head for a batch of inputs."""
        population = head_of(self.network, head).population
        value = self.activations(x, (population,))[population]
        return value.reshape(len(x), -1)

    def activations(self, x: Array, names: Sequence[str]) -> dict[str, Array]:
        """The values (N, *shape) of populations for a batch of inputs."""
        tensors = {n: self._imported.values[n] for n in names if n in self._imported.values}
        computed = self._runner(tuple(tensors.values())).run(x) if tensors else {}
        values = {name: computed[tensor] for name, tensor in tensors.items()}
        rest = [name for name in names if name not in values]
        if rest:
            values.update(self._interpreted.activations(x, rest))
        return values

    def _runner(self, tensors: tuple[str, ...]) -> Runner:
        from snnc.frontend.runtime import Runner

        if tensors not in self._runners:
            self._runners[tensors] = Runner(self._imported, tensors)
        return self._runners[tensors]
