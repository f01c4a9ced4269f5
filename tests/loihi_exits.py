"""Exit policies in integers for the networks of `loihi_networks` that have several heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.ir import model as m
from snnc.ir.verify import check


def policies(network: m.Network) -> dict[str, m.Network]:
    """The network with each policy that target loihi executes, by a name."""
    names = tuple(head.name for head in network.heads)
    some, count = names[:-1], len(names)
    row = np.rint(2000 * np.exp(-np.arange(48) / 6)).astype(np.int64)
    row[-1] = 0
    tables = network.with_arrays({"exit.tables": np.stack([row] * count)})
    shifts = tuple(0 if isinstance(h.readout, m.SpikeCount) else 5 for h in network.heads)
    limits = tuple(2 if isinstance(h.readout, m.SpikeCount) else 150 for h in network.heads)
    sure = {"shifts": shifts, "limits": (2120,) * count, "tables": m.Ref("exit.tables")}
    found: dict[str, tuple[m.Network, m.ExitPolicy]] = {
        "patience": (network, m.Patience(heads=names, repeats=(6, 4, 3)[:count], first_step=2)),
        "internal": (network, m.Patience(heads=some, repeats=(7,) * len(some), last_step=11)),
        "fixed": (network, m.Fixed(head=names[0], step=9)),
        "margin": (network, m.IntegerMargin(heads=names, limits=limits, first_step=3)),
        "never": (network, m.IntegerMargin(heads=names, limits=(2**40,) * count, last_step=17)),
        "confidence": (tables, m.IntegerConfidence(heads=names, **sure, last_step=20)),
    }
    made = {name: replace(base, exit=policy) for name, (base, policy) in found.items()}
    for each in made.values():
        check(each)
    return made
