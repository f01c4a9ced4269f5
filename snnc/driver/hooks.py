"""What can be watched between passes: printing, differences, dumps."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnc.ir.linear import broadcast_parameter
from snnc.ir.model import Network, Population, Quantized
from snnc.ir.print import to_text
from snnc.options import parse_specs
from snnc.passes.manager import Hook

TextSink = Callable[[str], object]
"""Receives text meant for the reader of the diagnostics stream."""


@dataclass(frozen=True, slots=True)
class PrintAfter:
    """Writes the canonical text of the network after one pass, or after `all`."""

    name: str
    sink: TextSink

    def __call__(self, index: int, spec: str, before: Network, after: Network) -> None:
        """Print the network where the pass is the wanted one."""
        if self.name in ("all", pass_name(spec)):
            self.sink(f"// after {index:02}-{spec}\n{to_text(after)}")


@dataclass(frozen=True, slots=True)
class PrintChanged:
    """Writes what each pass changed in the canonical text, as a unified diff."""

    sink: TextSink

    def __call__(self, index: int, spec: str, before: Network, after: Network) -> None:
        """Print the difference, or say that there is none."""
        old, new = (to_text(n).splitlines(keepends=True) for n in (before, after))
        lines = list(difflib.unified_diff(old, new, "before", f"after {index:02}-{spec}", n=1))
        self.sink("".join(lines) or f"// {index:02}-{spec} changed nothing\n")


@dataclass(frozen=True, slots=True)
class Dump:
    """Saves the network after every pass as `03-normalize.snn`, its tensors beside it."""

    folder: Path

    def __call__(self, index: int, spec: str, before: Network, after: Network) -> None:
        """Save the network after the pass; before the first pass also the imported one."""
        if index == 1:
            self._save(0, "import", before)
        self._save(index, pass_name(spec), after)

    def _save(self, index: int, name: str, network: Network) -> None:
        from snnc.ir.storage import save

        self.folder.mkdir(parents=True, exist_ok=True)
        save(network, self.folder / f"{index:02}-{name}.snn")


@dataclass(frozen=True, slots=True)
class Shifted:
    """A hook that counts the passes from another number on: a pipeline run in several parts."""

    hook: Hook
    by: int

    def __call__(self, index: int, spec: str, before: Network, after: Network) -> None:
        """Call the hook."""
        self.hook(index + self.by, spec, before, after)


@dataclass(slots=True)
class KeepQuantised:
    """Keeps the last network of stage ann: what a network with quantised activations settles to."""

    last: Network | None = None

    def __call__(self, index: int, spec: str, before: Network, after: Network) -> None:
        """Keep the network as long as it is at stage ann."""
        if after.stage == "ann":
            self.last = after

    def beside(self, imported: Network) -> Network | None:
        """The kept network where a pass quantised what the imported one did not, or otherwise."""
        if self.last is None:
            return None
        steps = {p.name: p.neuron for p in imported.populations}
        changed = any(
            isinstance(p.neuron, Quantized) and not _same(imported, steps.get(p.name), self.last, p)
            for p in self.last.populations
        )
        return self.last if changed else None


@dataclass(slots=True)
class KeepFractions:
    """Keeps the network that a pass turned into whole numbers, to tell what that cost."""

    last: Network | None = None

    def __call__(self, index: int, spec: str, before: Network, after: Network) -> None:
        """Keep the network in front of the pass that leads to stage fixed."""
        if before.stage == "snn" and after.stage == "fixed":
            self.last = before


def _same(imported: Network, before: object, last: Network, population: Population) -> bool:
    """Whether a staircase has the levels and steps that the imported network gives it."""
    neuron = population.neuron
    if not isinstance(before, Quantized) or not isinstance(neuron, Quantized):
        return False
    if (before.levels, before.lowest) != (neuron.levels, neuron.lowest):
        return False
    pairs = ((before.step, neuron.step), (before.shift, neuron.shift))
    return all(
        np.array_equal(
            broadcast_parameter(old, population.shape, imported.array),
            broadcast_parameter(new, population.shape, last.array),
        )
        for old, new in pairs
    )


def pass_name(spec: str) -> str:
    """The name in front of a pass's options."""
    return parse_specs(spec)[0][0]
