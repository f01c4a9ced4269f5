"""Folding batch normalisation and other per-channel scalings into weights, exactly.

The importer writes a BatchNormalization node as a `Scale` by `gamma / sqrt(var + eps)` in the
chain and the rest in the population's bias, where padding of a following convolution is already
accounted for by a bias map. What is left to do is to move the scale into a weight (Rueckauer et
al. 2017, eq. 7; Jacob et al. 2018, sec. 3.2), whatever stands between: pooling, flattening, a
fan-out, a concatenation. A weight that another population shares is copied first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from snnc.ir import model as m
from snnc.passes.base import Context, Property
from snnc.passes.chains import SCALE_RULES, Chain, simplify
from snnc.passes.properties import ANN, NO_SCALE_BEHIND_WEIGHTS
from snnc.passes.tensors import NewTensors


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldBatchNorm:
    """Fold batch normalisation (any per-channel scale) into the neighbouring weights.

    Exact for every pattern: where no weight can take the scale it stays, as a per-channel
    affine, and a note says so.
    """

    name: ClassVar[str] = "fold-batch-norm"
    requires: ClassVar[tuple[Property, ...]] = (ANN,)
    ensures: ClassVar[tuple[Property, ...]] = (ANN, NO_SCALE_BEHIND_WEIGHTS)

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with folded scales; values of populations stay the same."""
        tensors = NewTensors(network)
        populations = []
        for population in network.populations:
            folded = tuple(
                replace(i, ops=simplify(_chain(network, population, i, tensors), SCALE_RULES))
                for i in population.incoming
            )
            populations.append(replace(population, incoming=folded))
            _note_left(population.name, folded, context)
        return tensors.attach(network).with_populations(populations)


def _chain(
    network: m.Network, population: m.Population, incoming: m.Incoming, tensors: NewTensors
) -> Chain:
    shape = network.source_shape(incoming.source)
    return Chain(incoming.ops, shape, population.name, tensors)


def _note_left(name: str, incoming: tuple[m.Incoming, ...], context: Context) -> None:
    for connection in incoming:
        if any(isinstance(op, m.Scale) for op in connection.ops):
            context.note(
                f"fold-batch-norm kept an exact scale on {connection.source} -> {name}: "
                "no weight of that connection can take it"
            )
