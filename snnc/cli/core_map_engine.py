"""Engine `coremap` of `snnc run`: the core map of a program directory, tick by tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnc.backends.truenorth.compare import Difference
    from snnc.backends.truenorth.run_map import MapRun
    from snnc.driver.compiled import Compiled
    from snnc.ir.tensors import Array


class CoreMapEngine:
    """The core map of a program directory, compared with the reference simulator.

    Args:
        compiled: read from a program directory.
        compare: whether every spike is compared.

    Raises:
        InputError: the map is broken (SN565 to SN585), or not of this network (SN597).
        UsageError: there is none (SN598).
    """

    name = "coremap"
    precision = "integer"
    notes: tuple[str, ...] = ()

    def __init__(self, compiled: Compiled, *, compare: bool) -> None:
        from snnc.backends.truenorth.load import load_map

        self._network = compiled.network
        self._map = load_map(compiled.path, compiled.network)
        self._compare = compare
        self._totals: dict[str, list[int]] = {}
        self._ticks = 0
        self.difference: Difference | None = None

    def run(
        self, x: Array, *, steps: int, record: Sequence[str], first: int, exits: bool
    ) -> MapRun:
        """One batch; after the first difference nothing more is compared."""
        from snnc.backends.truenorth.compare import compare
        from snnc.backends.truenorth.run_map import check_recorded, run_map

        check_recorded(self._network, record)
        found = run_map(self._map, self._network, x, steps=steps, first=first, exits=exits)
        self._ticks = self._map.ticks(found.steps)
        chip = found.chip
        for name in ("spikes", "synaptic_operations", "packets", "hops", "input_packets"):
            self._totals.setdefault(name, []).extend(int(n) for n in getattr(chip, name))
        if self._compare and self.difference is None:
            self.difference = compare(self._network, x, found, first=first)
        return found

    def report(self) -> dict[str, Any]:
        """What the chip did for a sample on average, and whether it equals the simulator."""
        from snnc.backends.truenorth.energy import ChipCounts, estimates

        means = {name: sum(v) / max(1, len(v)) for name, v in self._totals.items()}
        operations, hops = means.get("synaptic_operations", 0.0), means.get("hops", 0.0)
        counts = ChipCounts(self._ticks, operations, hops, self._map.cores)
        chip = {
            "cores": self._map.cores,
            "ticks": self._ticks,
            **{f"{name}_per_sample": mean for name, mean in means.items()},
            "estimates": [figure.as_dict() for figure in estimates(counts)],
        }
        if not self._compare:
            return {"equal": None, "difference": None, "chip": chip}
        found = self.difference
        different = None if found is None else found.as_dict()
        return {"equal": found is None, "difference": different, "chip": chip}
