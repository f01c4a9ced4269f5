"""Which connections look the sums of four spikes up in tables instead of listing spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.c.connections import Connection, packed
from snnc.backends.c.trains import Train
from snnc.ir.tensors import Array

BREAK_EVEN = {16: 0.2, 32: 0.25, 64: 0.4}
"""Spike rates from which on tables are faster, by most padded channels of the target.

Measured by `benchmarks/c_paths.py`; see docs/results.md. Lists take longer the more
neurons fire, tables always as long. With more channels tables leave the second-level cache.
"""

LEAST_USES = 256
"""Times that a table is used by a sample at least: making it takes as long as 16 of them."""

MOST_BYTES = 1 << 19
"""Of the tables of one connection. They lie in the state, one for each thread."""

_INT16_MAX = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Choice:
    """How a connection adds its weights, and why."""

    tabled: bool
    why: str


def choice_of(c: Connection, train: Train, rate: float | None, steps: int) -> Choice:
    """The rule: tables where a kernel that positions share is read at a rate above `BREAK_EVEN`.

    Args:
        c: a connection from spikes.
        train: what it reads.
        rate: spikes per neuron and time step of its source; None where nobody knows.
        steps: time steps of a sample.
    """
    if c.own:
        return Choice(False, "each spike reaches one neuron: bits become masks")
    known = "" if rate is None else f"{100 * rate:.0f} % of {c.source} fire: "
    reason = _no_table(c, train, steps)
    if reason is not None:
        return Choice(False, f"{known}spikes are listed, {reason}")
    least = break_even(c.to_size.lanes) or 1.0
    pays = f"from {100 * least:.0f} % on"
    if rate is None or rate < least:
        return Choice(False, f"{known}spikes are listed, tables pay {pays}")
    return Choice(True, f"{known}sums of four inputs are looked up, which pays {pays}")


def break_even(lanes: int) -> float | None:
    """The least spike rate for tables; None where there are too many channels."""
    return next((least for most, least in BREAK_EVEN.items() if lanes <= most), None)


def _no_table(c: Connection, train: Train, steps: int) -> str | None:
    """Why a connection has no table at any rate, if so."""
    kernel = c.kernel
    if c.bits != 8 or kernel.groups > 1:
        return "as 16-bit weights always" if c.bits != 8 else "as those of groups always"
    if c.window is not None or any(abs(plane) > 1 for plane in train.planes):
        return "as sums of spikes always"
    if len(kernel.weight) > 1 or c.to_size.positions * steps < LEAST_USES:
        return "as a table would hardly be used twice"
    if kernel.dilations[1] != 1:
        return "as those of dilated kernels always"
    if break_even(c.to_size.lanes) is None or table_size(c) > MOST_BYTES // 2:
        return "as a table would not fit the cache"
    return None


def table_size(c: Connection) -> int:
    """Entries (inputs / 4, 16, lanes) of the table of a connection, int16."""
    height, width = c.kernel.size
    return 2 * height * width * c.from_size.bytes * 16 * c.to_size.lanes


def table_fields(c: Connection, train: Train) -> dict[str, int]:
    """The fields of `snn_tabled`."""
    kernel, size = c.kernel, c.to_size
    return {
        "kernel_height": kernel.size[0],
        "kernel_width": kernel.size[1],
        "stride_x": kernel.strides[1],
        "dilation_y": kernel.dilations[0],
        "columns": table_columns(c),
        "bytes": train.size.bytes,
        "pitch": train.pitch,
        "width": size.width,
        "lanes": size.lanes,
        "row": packed(c) * size.lanes,
        "span": span_of(kernel.weight[0], train.size.bytes),
        "half": int(train.size.channels <= 4),
    }


def table_columns(c: Connection) -> int:
    """Columns of the source that a row of output positions sees."""
    return (c.to_size.width - 1) * c.kernel.strides[1] + c.kernel.size[1]


def span_of(weight: Array, cell: int) -> int:
    """Bytes of spikes, 8 inputs each, whose weighted sum fits 16 bits whichever of them fire.

    Args:
        weight: (out, in, kh, kw), int8.
        cell: bytes of a cell of the source.

    Returns:
        The largest of the whole kernel, a half, a third and so on for which that holds.
    """
    out, channels, height, width = weight.shape
    full = np.zeros((out, 8 * cell, height, width), np.int64)
    full[:, :channels] = weight
    # In the order of the bytes: columns, rows, channels.
    grouped = full.transpose(0, 3, 2, 1).reshape(out, -1, 8)
    worst = np.maximum(np.maximum(grouped, 0).sum(-1), np.maximum(-grouped, 0).sum(-1))
    count = int(worst.shape[1])
    for parts in range(1, count):
        span = -(-count // parts)
        starts = range(0, count, span)
        if all(int(worst[:, s : s + span].sum(1).max()) <= _INT16_MAX for s in starts):
            return span
    return 1
