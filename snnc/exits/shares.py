"""What the steps of a spatial exit cost: each layer runs as long as some head needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snnc.ir import model as m
from snnc.ir.interpret import population_macs
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Shares:
    """The multiply-accumulates of layers as shares of the network's, by the heads they lead to.

    Attributes:
        heads: how many heads are asked.
        groups: for each group of layers the indices of the asked heads that need it, rising, with
            its share.
    """

    heads: int
    groups: tuple[tuple[tuple[int, ...], float], ...]

    def cost(self, stage: int, steps: Array, budgets: Sequence[int]) -> Array:
        """What a sample costs that is in a stage, in time steps of the whole network.

        A layer of several heads is run once for all of them: as long as the longest stage so far.

        Args:
            stage: index of the asked head.
            steps: time steps that this head has run, any shape.
            budgets: time steps of the stages before it, all of them spent.
        """
        total = np.zeros(np.shape(steps))
        for heads, share in self.groups:
            spent = [budgets[i] for i in heads if i < stage]
            longest = max(spent, default=0)
            total += share * (np.maximum(longest, steps) if stage in heads else longest)
        return total


def shares(network: m.Network, heads: Sequence[int]) -> Shares:
    """The shares of the layers that some of `heads` (indices in the network's heads) need.

    A network without any multiply-accumulate counts populations instead.
    """
    needed = [network.needed_by(network.heads[index].population) for index in heads]
    weight = {p.name: float(population_macs(network, p)) for p in network.populations}
    if not any(weight.values()):
        weight = dict.fromkeys(weight, 1.0)
    whole = sum(weight.values())
    groups: dict[tuple[int, ...], float] = {}
    for name, amount in weight.items():
        users = tuple(i for i, names in enumerate(needed) if name in names)
        if users and amount:
            groups[users] = groups.get(users, 0.0) + amount / whole
    return Shares(len(needed), tuple(sorted(groups.items())))
