"""How many axons of a TrueNorth core the neurons of a network need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.codes_of_weights import spell
from snnc.backends.truenorth.layers import layers_of
from snnc.ir import model as m
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Need:
    """What the neuron of a population that needs most axons needs.

    Attributes:
        inputs: neurons that it reads.
        axons: axons for them, of the code that is cheapest for the population.
    """

    inputs: int
    axons: int


def axons_needed(network: m.Network, *, together: bool = False) -> dict[str, Need]:
    """The needs of the populations on the chip, by name; those whose weights have no code left out.

    An axon that brings a bias, which a layer may need where its leak would act too early, is not
    counted.

    Args:
        network: of stage fixed, in layer-local time, as the mapper takes it.
        together: what the neurons of all channels at a place of the image need on one core.
    """
    found = {}
    for layer in layers_of(network):
        needed = row_needs(layer.weights)
        if needed is not None:
            inputs = np.diff(layer.weights.indptr)
            if together:
                spelling = spell(layer.weights, TRUENORTH.largest_strength)
                assert spelling is not None  # its rows have needs
                shared = shared_inputs(layer.weights, layer.units // layer.shape[0])
                shared.data = np.minimum(shared.data, 1)  # read by several, it comes once
                needed = shared @ spelling.axons
            found[layer.name] = Need(int(inputs.max(initial=0)), int(needed.max(initial=0)))
    return found


def row_needs(weights: sparse.csr_matrix) -> Array | None:
    """Axons that each row of a matrix (neurons, inputs) needs, int64; None if it has no code."""
    spelling = spell(weights, TRUENORTH.largest_strength)
    if spelling is None:
        return None
    pattern = sparse.csr_matrix(
        (np.ones(weights.nnz, np.int64), weights.indices, weights.indptr), shape=weights.shape
    )
    needed: Array = pattern @ spelling.axons
    return needed


def shared_inputs(matrix: sparse.csr_matrix, cells: int) -> sparse.csr_matrix:
    """What the neurons of all channels at a cell read together, so that they can share a core."""
    entries = matrix.tocoo()
    ones = np.ones(len(entries.data), np.int64)
    shape = (cells, matrix.shape[1])
    return sparse.csr_matrix((ones, (entries.row % cells, entries.col)), shape=shape)
