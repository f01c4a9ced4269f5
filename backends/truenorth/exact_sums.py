"""Exact partial sums: fan-in beyond a core, by spreading each time step over many ticks.

A layer's inputs are split into groups that fit a core. For each neuron and group two partial
neurons add up the positive weights and the magnitudes of the negative ones, threshold 1, soft
reset: a sum of S leaves as S spikes, one a tick. A gate neuron adds those of all groups. All the
time but one tick a step it is held down by C; when everything has arrived, one pulse lifts it by
C, it fires if its potential is at the threshold, and a second pulse brings it down again
(truenorth.md 4.2, "time dilation"). The difference of the two pulses is the bias.

This is exact while no potential in between reaches threshold + C. C is made as large as that can
ever need where the axons allow it, and else as large as they do: `Pulses.proved` says which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.codes_of_weights import common_divisors, spell
from snnc.backends.truenorth.layers import Layer
from snnc.backends.truenorth.ranges import potential_range
from snnc.ir.tensors import Array

MOST_PULSES = 48
"""Axons of the pulse that lifts gates; more would leave room for too few neurons on a core."""


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """How the gates of a layer are lifted and brought down.

    Attributes:
        count: Axons of the lifting pulse; the other one has one more.
        up, down: int64 (units,): what each axon adds and takes away.
        lift: int64 (units,): `count * up`, the C of each neuron.
        proved: Whether no input can bring a potential beyond it.
    """

    count: int
    up: Array
    down: Array
    lift: Array
    proved: bool


def pulses(layer: Layer, steps: int, spec: ChipSpec) -> Pulses | None:
    """The pulses of a layer; None where a bias or a weight is too large for them."""
    _, highest = potential_range(layer, steps)
    needed = highest - layer.thresholds + 1
    needed = np.where(layer.alive, needed, 0)
    for count in range(1, MOST_PULSES + 1):
        up, down = _strengths(layer.biases, count, spec.largest_strength)
        lift = count * up
        fits = ((up > 0) & (down >= 0) & (down <= spec.largest_strength)) | ~layer.alive
        if fits.all() and ((lift >= needed).all() or count == MOST_PULSES):
            return Pulses(count, up, down, lift, bool((lift >= needed).all()))
    return None


def _strengths(biases: Array, count: int, largest: int) -> tuple[Array, Array]:
    """The largest `up` and `down` with `count * up - (count + 1) * down = bias`."""
    up = largest - (largest + biases) % (count + 1)
    down = (count * up - biases) // (count + 1)
    over = np.maximum(down - largest, 0)
    turns = -(-over // count)
    return up - turns * (count + 1), down - turns * count


def magnitudes(layer: Layer) -> sparse.csr_matrix:
    """Positive and negative weights apart, in units of each neuron: int64 (2 * units, columns).

    Of an image, channels `2 c` hold the positive weights of channel c, `2 c + 1` the negative ones;
    of a vector, rows `2 j` and `2 j + 1`.
    """
    unit = common_divisors(layer.weights)
    weights = layer.weights.tocoo()
    quotients = weights.data // unit[weights.row]
    rows = partial_rows(layer, weights.row, quotients < 0)
    shape = (2 * layer.units, weights.shape[1])
    matrix = sparse.csr_matrix((np.abs(quotients), (rows, weights.col)), shape=shape)
    matrix.sort_indices()
    return matrix


def partial_rows(layer: Layer, units: Array, negative: Array) -> Array:
    """The row of `magnitudes` of a unit's positive or negative sum."""
    cells = layer.units // layer.shape[0]  # of a channel; 1 in a vector
    channel, cell = units // cells, units % cells
    rows: Array = (2 * channel + negative) * cells + cell
    return rows


def groups_of(
    matrix: sparse.csr_matrix, clusters: Array, spec: ChipSpec
) -> list[tuple[int, int]] | None:
    """Stretches of columns of which every cluster of rows needs no more axons than a core has.

    Args:
        matrix: of partial sums.
        clusters: int64 (rows,): number of the cluster of each row.
        spec: the chip.

    Returns:
        None where a matrix has no axon code, or a single column is too much.
    """
    spelling = spell(matrix, spec.largest_strength)
    if spelling is None:
        return None
    axons = spelling.axons
    if axons.max(initial=0) > spec.axons:
        return None
    pattern = sparse.csc_matrix(matrix)
    found, start = [], 0
    load = np.zeros(int(clusters.max(initial=0)) + 1, np.int64)
    for column in range(matrix.shape[1]):
        rows = pattern.indices[pattern.indptr[column] : pattern.indptr[column + 1]]
        read = np.unique(clusters[rows])
        if len(read) and (load[read] + axons[column]).max() > spec.axons:
            found.append((start, column))
            start, load = column, np.zeros_like(load)
        load[read] += axons[column]
    found.append((start, matrix.shape[1]))
    return found


def clusters_of(layer: Layer) -> tuple[Array, Array]:
    """Two ways to cluster the rows of `magnitudes`, each int64 (2 * units,).

    By place in the image, whatever the channel: dense layers read the same inputs everywhere. And
    each row by itself: channels of grouped convolutions read different ones.
    """
    rows = np.arange(2 * layer.units)
    return rows % (layer.units // layer.shape[0]), rows


def largest_sum(matrix: sparse.csr_matrix) -> int:
    """The largest sum that one step can bring."""
    sums = np.asarray(matrix.sum(axis=1)).reshape(-1)
    return int(sums.max(initial=0))
