"""What can be watched between passes: printing, differences, dumps."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snnc.ir.model import Network
from snnc.ir.print import to_text
from snnc.options import parse_specs

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


def pass_name(spec: str) -> str:
    """The name in front of a pass's options."""
    return parse_specs(spec)[0][0]
