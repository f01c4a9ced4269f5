"""What a compilation was asked for, and which wishes contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, UsageError
from snnc.driver.auto import Trial
from snnc.evaluation.evaluate import ProgressSink
from snnc.passes.manager import Hook
from snnc.text import one_of

CODINGS = ("rate", "ttfs")
DEFAULT_STEPS = 32
DEFAULT_MAX_DROP = 0.5
DEFAULT_EXIT_DROP = 0.0
DEFAULT_MAX_STEPS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What a compilation was asked for; `compile_model` documents the fields."""

    target: str = "reference"
    steps: int | None = None
    passes: str | None = None
    coding: str | None = None
    classifiers: str | None = None
    auto: bool = False
    exit: str | None = None
    exit_data: bool = False
    max_drop: float | None = None
    max_steps: int = DEFAULT_MAX_STEPS
    seed: int = 0
    preprocessing: Preprocessing | None = None
    check_passes: bool = False
    stop_after: str | None = None
    hooks: tuple[Hook, ...] = ()
    progress: ProgressSink | None = None
    tried: Callable[[Trial, float], None] | None = None

    @property
    def search_drop(self) -> float:
        """The points that `--auto` may lose."""
        return DEFAULT_MAX_DROP if self.max_drop is None else self.max_drop

    @property
    def exit_drop(self) -> float:
        """The points that stopping early may lose."""
        return DEFAULT_EXIT_DROP if self.max_drop is None else self.max_drop

    def checked(self) -> CompileOptions:
        """These options, refused where they contradict each other or are out of range.

        Raises:
            UsageError: SN923, SN936, SN938.
        """
        if self.coding is not None and self.coding not in CODINGS:
            text = f'there is no coding "{self.coding}"{one_of(self.coding, CODINGS)}'
            raise UsageError(Diagnostic("SN923", text, where="--coding"))
        drop = 0.0 if self.max_drop is None else self.max_drop
        ranges = (
            (self.steps is None or self.steps >= 1, "steps", self.steps, "at least 1"),
            (self.max_steps >= 1, "max_steps", self.max_steps, "at least 1"),
            (0 <= drop <= 100, "max_drop", self.max_drop, "between 0 and 100 points"),
            (self.seed >= 0, "seed", self.seed, "at least 0"),
        )
        for fine, name, value, accepted in ranges:
            if not fine:
                text = f"{name} is {value}; it must be {accepted}"
                raise UsageError(Diagnostic("SN938", text))
        for text, cure in self._contradictions():
            raise UsageError(Diagnostic("SN936", text, help=cure))
        return self

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        """What contradicts what, and what to do about it."""
        if self.auto and (self.passes is not None or self.stop_after is not None):
            text = "--auto chooses the pipeline itself, so --passes and --stop-after contradict it"
            yield text, "leave one of them out"
        if self.coding is not None and self.passes is not None:
            text = "the passes of --passes decide the coding, so --coding contradicts them"
            yield text, "leave one of them out; `schedule-ttfs` is the pass of ttfs"
        if self.coding == "ttfs" and self.auto:
            text = "--auto searches the time steps of a rate code, so --coding ttfs contradicts it"
            yield text, "choose the window with --steps"
        if self.max_drop is not None and not self.auto and self.exit is None:
            text = "--max-drop means something with --auto or --exit only"
            yield text, "add --auto or --exit, or leave --max-drop out"
        if self.exit is None and self.exit_data:
            text = "--exit-data is what an exit policy is fitted on, and none is asked for"
            yield text, "add --exit, for example --exit confidence"
        if self.exit is not None and self.stop_after is not None:
            text = "--exit stops samples of the finished network, so --stop-after contradicts it"
            yield text, "leave one of them out"
