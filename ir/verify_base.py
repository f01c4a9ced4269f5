"""What all checks of the verifier share: the form of an invariant and how a place is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.ir import model as m
from snnc.ir.diagnostics import Diagnostic
from snnc.ir.tensors import Array, Shape, TensorRef
from snnc.ir.values import quote

Finding: TypeAlias = tuple[str, str, str]
"""Message, place, and what to do."""

Check: TypeAlias = Callable[[m.Network], Iterable[Finding]]
STAGES: tuple[m.Stage, ...] = ("ann", "snn", "fixed")
SPIKING: tuple[m.Stage, ...] = ("snn", "fixed")


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that holds for every valid network of the given stages.

    `check` yields a finding per violation, and none for a network that obeys.
    """

    code: str
    stages: tuple[m.Stage, ...]
    summary: str
    check: Check

    def diagnostics(self, network: m.Network) -> Iterator[Diagnostic]:
        """The violations as diagnostics of this invariant's code."""
        for message, where, advice in self.check(network):
            yield Diagnostic(self.code, message, where, advice)


def place(population: m.Population) -> str:
    """`population conv1 (ONNX nodes "/conv1/Conv", "/relu1/Relu")`."""
    text = f"population {population.name}"
    if not population.origin:
        return text
    noun = "node" if len(population.origin) == 1 else "nodes"
    return f"{text} (ONNX {noun} {', '.join(quote(node) for node in population.origin)})"


def sources(network: m.Network) -> dict[str, m.Input | m.Population]:
    """Inputs and populations by name; of several with one name, the first."""
    found: dict[str, m.Input | m.Population] = {}
    every: tuple[m.Input | m.Population, ...] = (*network.inputs, *network.populations)
    for source in every:
        found.setdefault(source.name, source)
    return found


def tensor(network: m.Network, parameter: object) -> TensorRef | None:
    """What the table says of a parameter that is a tensor; None for anything else."""
    return network.tensors.get(parameter.name) if isinstance(parameter, m.Ref) else None


def parameter_values(network: m.Network, parameter: object) -> Array | None:
    """All values of a parameter; None where it is no number and no stored tensor."""
    if isinstance(parameter, (int, float)):
        return np.array([parameter], dtype=np.float64)
    ref = tensor(network, parameter)
    return network.store.get(ref) if ref is not None and ref in network.store else None


def tensor_shape(network: m.Network) -> Callable[[m.Ref], Shape]:
    """The look-up of shapes that the shape rules take; KeyError for an unknown tensor."""
    return lambda ref: network.tensors[ref.name].shape


def known_tensors(network: m.Network, node: object) -> bool:
    """Whether the table has all tensors that an operator, neuron or parameter mentions."""
    return all(name in network.tensors for name in m.references(node))
