"""Exit policies in whole numbers: how `IntegerMargin` and `IntegerConfidence` judge."""

from __future__ import annotations

import math

import numpy as np

from snnc.ir import model as m
from snnc.ir.answers import class_values, read_out_unit, whole
from snnc.ir.exits import NEVER, Whole
from snnc.ir.scores import lead
from snnc.ir.tensors import Array


class IntegerRule:
    """An integer policy with its tables.

    Args:
        network: at stage fixed, verified.
        policy: its exit.
    """

    def __init__(self, network: m.Network, policy: Whole) -> None:
        heads = {head.name: head for head in network.heads}
        self._policy = policy
        self._heads = [heads[name] for name in policy.heads]
        self._units = [read_out_unit(network, head) for head in self._heads]
        self._tables = (
            network.array(policy.tables) if isinstance(policy, m.IntegerConfidence) else None
        )

    def values(self, index: int, outputs: Array) -> Array:
        """One whole number per class (..., K) int64 of read-outs of the asked head `index`."""
        return class_values(self._heads[index], whole(outputs, self._units[index]))

    def judge(self, index: int, values: Array) -> tuple[Array, Array]:
        """Scores (...) float64, and whether the head is sure (...) bool, of whole values."""
        policy = self._policy
        if isinstance(policy, m.IntegerMargin):
            ahead = lead(values)
            return ahead.astype(np.float64), ahead > policy.limits[index]
        assert self._tables is not None
        table = self._tables[index]
        total = table_sum(values, policy.shifts[index], table)
        return table[0] / total, total < policy.limits[index]

    def limit(self, index: int) -> float:
        """What the score of an asked head must exceed; infinity where it never does.

        With n = limit, a sum is below n exactly where table[0] / sum is above table[0] / n: float64
        tells quotients of neighbouring whole numbers apart up to 2^51, and sums are far smaller.
        """
        limit = self._policy.limits[index]
        if self._tables is None:
            return math.inf if limit >= NEVER else float(limit)
        return float(self._tables[index, 0] / limit) if limit else math.inf


def table_sum(values: Array, shift: int, table: Array) -> Array:
    """The sum (...) int64 of table entries (L,) for values (..., K) int64: `IntegerConfidence`."""
    difference = values.max(axis=-1, keepdims=True) - values
    column = np.minimum(difference >> shift, len(table) - 1)
    total: Array = table[column].sum(axis=-1)
    return total
