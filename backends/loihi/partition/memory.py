"""Synapse memory of a core.

Loihi 1 by NxTF's formula (data_structures.py, synapse_compression.py): a list of synapses is made
of entries of at most 60; an entry has a prefix of 10 bits (format 4, count 6), then for each
synapse weight, delay and index of the compartment. Where the compartments of an entry follow one
another ("dense"), the prefix holds the first index and the synapses hold none. The shorter form is
taken, and a list is rounded up to words of 64 bits.

Shared, as in NxTF (utils.py): the lists of source columns that are hit by the same taps of the
kernel are stored once, for axons of either kind, since an axon shifts the compartments of its list.
Not shared: lists of different rows and channels of the source; all rows of a column take the room
of the longest. Where NxTF writes one form for a whole layer and channels slowest, compartments are
taken here column by column with channels fastest, so that the channels of a pixel make a dense
entry. Neither modelled nor checked: formats of entries and groups of destinations.

Loihi 2 (an estimate): a core holds each kernel of its channels once and, of a matrix, the smaller
of the dense block and a list of the non-zero weights with 16-bit indices; a byte for each weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from snnc.backends.loihi.chips import Chip
from snnc.backends.loihi.partition.axes import channel_lists, column_lists, row_lists
from snnc.backends.loihi.partition.connections import WindowConnection
from snnc.backends.loihi.partition.tiles import Tiling
from snnc.ir.tensors import Array

SPARSE_BYTES = 3
"""A weight and its 16-bit index in the estimate for Loihi 2."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a core of Loihi 1 writes a synapse: bits of its parts, synapses of an entry."""

    word: int
    prefix: int
    index: int
    weight: int
    delay: int
    entry: int

    def words(self, runs: Array, length: Array | int) -> Array:
        """Words of lists of `runs` groups of `length` synapses onto successive compartments."""
        synapses = runs * length
        bits = synapses * (self.weight + self.delay)
        sparse = bits + synapses * self.index + -(-synapses // self.entry) * self.prefix
        dense = bits + runs * -(-length // self.entry) * (self.prefix + self.index)
        shorter: Array = -(-np.minimum(sparse, dense) // self.word)
        return shorter


def format_of(chip: Chip, compartments: int, delay: int) -> Format | None:
    """The format of synapses onto a core of so many compartments; None where it is not public."""
    if chip.memory_word_bits is None:
        return None
    index = max(chip.least_index_bits or 0, max(compartments - 1, 0).bit_length())
    bits = 0 if delay == 0 else max(3, delay.bit_length())  # hardware: 3 to 6 bits or none
    return Format(
        chip.memory_word_bits,
        chip.prefix_bits or 0,
        index,
        chip.weight_bits,
        bits,
        chip.synapses_per_entry or 1,
    )


@dataclass(frozen=True, eq=False)
class Lists:
    """Memory that a connection takes: bytes of every core, and words of the longest list."""

    size: Array
    longest: int


def window_lists(connection: WindowConnection, tiling: Tiling, layout: Format | None) -> Lists:
    """Memory of a window connection on every core of its target."""
    if layout is None:
        channels = tiling.sizes(0) * connection.kernel
        size = np.broadcast_to(channels[:, None, None], tiling.counts)
        return Lists(size, 0)
    axes = (
        channel_lists(connection.channels, tiling.tile[0]),
        row_lists(connection.rows, tiling.tile[1]),
        column_lists(connection.columns, tiling.tile[2]),
    )
    numbers = [_numbered(axis) for axis in axes]
    found = {
        (c, r, w): _tile_words(channel, row, column, layout)
        for c, channel in enumerate(numbers[0][0])
        for r, row in enumerate(numbers[1][0])
        for w, column in enumerate(numbers[2][0])
    }
    table = np.zeros([len(kinds) for kinds, _ in numbers], np.int64)
    for place, (words, _) in found.items():
        table[place] = words
    size = table[np.ix_(*(places for _, places in numbers))] * (layout.word // 8)
    return Lists(size, max(longest for _, longest in found.values()))


def _numbered(kinds: tuple[object, ...]) -> tuple[list[object], Array]:
    """The different values in order of appearance, and for each tile which of them it has."""
    number = {kind: index for index, kind in enumerate(dict.fromkeys(kinds))}
    return list(number), np.array([number[kind] for kind in kinds])


@lru_cache(maxsize=1 << 16)
def _tile_words(
    channels: tuple[tuple[int, int], ...],
    row: tuple[int, int],
    columns: tuple[int, ...],
    layout: Format,
) -> tuple[int, int]:
    """Words of all lists of a tile and of its longest one."""
    rows, tall = row
    total = longest = 0
    for length, sources in channels:
        for wide in columns:
            words = int(layout.words(np.array(tall * wide), length))
            total += sources * rows * words
            longest = max(longest, words)
    return total, longest


def matrix_lists(synapses: Array, alike: int, tiling: Tiling, layout: Format | None) -> Lists:
    """Memory of a dense connection; without a layout it is the estimate for Loihi 2.

    `synapses` (cores, sources) counts those of each source; each column stands for `alike` sources.
    """
    neurons = tiling.neurons().reshape(-1, 1)
    if layout is None:
        dense = neurons[:, 0] * (synapses > 0).sum(axis=1) * alike
        weights = synapses.sum(axis=1, dtype=np.int64) * alike
        return Lists(np.minimum(dense, SPARSE_BYTES * weights).reshape(tiling.counts), 0)
    words, longest = np.zeros(len(synapses), np.int64), 0
    for size in sorted(set(neurons[:, 0].tolist())):
        cores = neurons[:, 0] == size
        table = _matrix_words(size, layout)
        found = table[synapses[cores]]
        words[cores] = found.sum(axis=1)
        longest = max(longest, int(found.max(initial=0)))
    return Lists((words * (alike * layout.word // 8)).reshape(tiling.counts), longest)


def _matrix_words(neurons: int, layout: Format) -> Array:
    """Words of a list by its non-zero weights: with an index each, or a block with the zeros."""
    block = layout.words(np.array(1), neurons)
    table = np.minimum(layout.words(np.arange(neurons + 1), 1), block)
    table[0] = 0
    return table.astype(np.int32)
