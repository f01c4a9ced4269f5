"""What a command says, and where: the result to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

SCHEMA_VERSION = 1
"""Version of the JSON objects that commands print; raised when a key changes its meaning."""

PATIENCE_S = 1.0
"""Work shorter than this shows no progress bar."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options that every command shares."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False


def stdout() -> Console:
    """A console for results: as wide as the terminal, or 120 columns into a file or pipe."""
    return Console(file=sys.stdout, width=_width(sys.stdout), highlight=False, markup=False)


def stderr() -> Console:
    """A console for notes, progress and errors."""
    return Console(file=sys.stderr, width=_width(sys.stderr), highlight=False, markup=False)


def _width(stream: Any) -> int | None:
    return None if stream.isatty() or "COLUMNS" in os.environ else 120


@dataclass(frozen=True, slots=True)
class Output:
    """Prints one command's result and notes as the settings ask."""

    settings: Settings

    def result(self, payload: dict[str, Any], *renderables: RenderableType) -> None:
        """The result: one JSON object with `schema_version`, or the text forms in order."""
        if self.settings.json:
            print_json(payload)
            return
        console = stdout()
        for renderable in renderables:
            console.print(renderable, soft_wrap=isinstance(renderable, str))

    def raw(self, text: str) -> None:
        """Text that must reach stdout byte for byte (canonical IR, a diff)."""
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Something worth knowing, on stderr, unless `--quiet`."""
        if not self.settings.quiet:
            stderr().print(text, soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[Bars]:
        """Progress bars on stderr for the work inside; silent unless stderr is a terminal."""
        shown = sys.stderr.isatty() and not self.settings.quiet
        with Bars(stderr() if shown else None) as bars:
            yield bars


def print_json(payload: dict[str, Any]) -> None:
    """One JSON object on stdout, `schema_version` first; NaN and infinity are not JSON."""
    document = {"schema_version": SCHEMA_VERSION, **payload}
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Bars:
    """Progress bars by label: call it with `(label, done, total)`.

    A bar appears when its work has taken over a second, and shows the share done and time left.
    """

    def __init__(self, console: Console | None) -> None:
        self._started: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._progress: Progress | None = None
        if console is not None:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        if self._progress is not None and self._tasks:
            self._progress.stop()

    def __call__(self, label: str, done: int, total: int) -> None:
        """Tell how far the work of that label is."""
        if self._progress is None:
            return
        now = time.monotonic()
        started = self._started.setdefault(label, now)
        if label not in self._tasks:
            if now - started < PATIENCE_S or done >= total:
                return
            self._tasks[label] = self._progress.add_task(label, total=total, completed=done)
            self._progress.start()
        self._progress.update(self._tasks[label], completed=done, total=total)
        if done >= total:
            self._progress.update(self._tasks[label], visible=False)
