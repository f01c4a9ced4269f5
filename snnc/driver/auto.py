"""`--auto`: the smallest number of time steps that keeps the accuracy, over several pipelines.

The labelled calibration data is split in two interleaved halves: passes see the fit half,
accuracies are measured on the held-out half. One simulation gives the accuracy at every step up
to the one compiled for, so each pipeline is compiled for doubling numbers of steps until one of
them reaches the ANN's accuracy less `max_drop`; below that number the search is refined.

A network with gated input is the same for any number of steps but for where it ends, so one
simulation tells all: the smallest number from which on the accuracy stays within `max_drop`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from snnc.diagnostics import Diagnostic, InputError
from snnc.evaluation.evaluate import ProgressSink, Samples, evaluate_network
from snnc.evaluation.reference import AnnReference
from snnc.evaluation.result import Evaluation
from snnc.ir.model import Gated, Network
from snnc.passes import CANDIDATE_PIPELINES

FIRST_STEPS = 4

Compiler = Callable[[str, int], Network]
"""Compiles a pipeline for a number of steps on the fit half."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One pipeline compiled for `steps`, and its accuracy on the held-out half."""

    name: str
    pipeline: str
    steps: int
    accuracy: float
    drop_points: float
    within: bool

    def as_dict(self) -> dict[str, Any]:
        """The trial as a JSON object."""
        return {
            "name": self.name,
            "pipeline": self.pipeline,
            "steps": self.steps,
            "accuracy": self.accuracy,
            "drop_points": self.drop_points,
            "within": self.within,
        }


@dataclass(frozen=True, slots=True)
class Search:
    """Everything that was tried; `best` is what was chosen."""

    max_drop: float
    max_steps: int
    ann_accuracy: float
    held_out: int
    trials: tuple[Trial, ...]
    best: Trial

    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the result: a coarse measurement."""
        one_sample = 100.0 / self.held_out
        if one_sample <= self.max_drop:
            return ()
        text = (
            f"--auto measured on {self.held_out} held-out samples, each {one_sample:.2g} points: "
            f"too few to resolve {self.max_drop:g} points; give more labelled calibration data"
        )
        return (text,)

    def as_dict(self) -> dict[str, Any]:
        """The search as a JSON object, for the report."""
        return {
            "max_drop": self.max_drop,
            "max_steps": self.max_steps,
            "ann_accuracy": self.ann_accuracy,
            "held_out_samples": self.held_out,
            "trials": [t.as_dict() for t in self.trials],
            "chosen": self.best.as_dict(),
        }


@dataclass(slots=True)
class Searcher:
    """Measures pipelines at numbers of steps on held-out samples.

    `compile_for` compiles on the fit half; `tried` is told every trial as it is made.
    """

    compile_for: Compiler
    held_out: Samples
    ann: AnnReference
    max_drop: float
    max_steps: int
    tried: Callable[[Trial, float], None] | None = None
    progress: ProgressSink | None = None

    def search(self, pipelines: Mapping[str, str] = CANDIDATE_PIPELINES) -> Search:
        """Try the pipelines and choose.

        Raises:
            InputError: SN929, nothing reaches the accuracy; SN928, the data has no labels; SN927,
                it is a single sample.
        """
        if len(self.held_out) == 0:
            text = "--auto holds out every second calibration sample, and there is only one"
            cure = "give a few hundred labelled samples"
            raise InputError(Diagnostic("SN927", text, where="--calibration", help=cure))
        trials: list[Trial] = []
        best: Trial | None = None
        ann_accuracy = 0.0
        for name, pipeline in pipelines.items():
            limit = self.max_steps if best is None else best.steps
            for steps in _doubling(limit):
                network = self.compile_for(pipeline, steps)
                if isinstance(network.schedule, Gated):
                    trial, ann_accuracy = self._try_gated(name, pipeline, network, limit)
                    trials.append(trial)
                    best = _better(best, trial) if trial.within else best
                    break
                trial, ann_accuracy = self._try(name, pipeline, network, steps)
                trials.append(trial)
                if trial.within:
                    trial = self._refine(trial, trials)
                    best = _better(best, trial)
                    break
        if best is None:
            raise InputError(self._nothing(trials, ann_accuracy))
        return Search(
            self.max_drop,
            self.max_steps,
            ann_accuracy,
            len(self.held_out),
            tuple(trials),
            best,
        )

    def _refine(self, reached: Trial, trials: list[Trial]) -> Trial:
        """The smallest number above the last doubling that still reaches it, by bisection."""
        low, high = reached.steps // 2, reached
        if reached.steps == FIRST_STEPS:
            low = 0
        while high.steps - low > 1:
            middle = (low + high.steps) // 2
            network = self.compile_for(high.pipeline, middle)
            trial, _ = self._try(high.name, high.pipeline, network, middle)
            trials.append(trial)
            if trial.within:
                high = trial
            else:
                low = middle
        return high

    def _try(self, name: str, pipeline: str, network: Network, steps: int) -> tuple[Trial, float]:
        """A network compiled for `steps` at these steps, and the accuracy of the ANN."""
        measured = self._measure(name, network, steps)
        accuracy, expected = _accuracies(measured)
        return self._told(name, pipeline, steps, accuracy, expected)

    def _try_gated(
        self, name: str, pipeline: str, network: Network, limit: int
    ) -> tuple[Trial, float]:
        """A network with gated input at the fewest of `limit` steps that keep the accuracy."""
        measured = self._measure(name, network, limit)
        _, expected = _accuracies(measured)
        curve = measured.accuracy_by_step
        steps = len(curve)
        while steps > 1 and self._within(curve[steps - 2], expected):
            steps -= 1
        return self._told(name, pipeline, steps, curve[steps - 1], expected)

    def _measure(self, name: str, network: Network, steps: int) -> Evaluation:
        return evaluate_network(
            network,
            self.held_out,
            ann=self.ann,
            steps=steps,
            layer_samples=0,
            progress=self._labelled(f"trying {name} at {steps} steps"),
        )

    def _within(self, accuracy: float, expected: float) -> bool:
        return 100.0 * (expected - accuracy) <= self.max_drop + 1e-9

    def _told(
        self, name: str, pipeline: str, steps: int, accuracy: float, expected: float
    ) -> tuple[Trial, float]:
        drop = 100.0 * (expected - accuracy)
        trial = Trial(name, pipeline, steps, accuracy, drop, self._within(accuracy, expected))
        if self.tried is not None:
            self.tried(trial, expected)
        return trial, expected

    def _labelled(self, label: str) -> ProgressSink | None:
        sink = self.progress
        if sink is None:
            return None
        return lambda _label, done, total: sink(label, done, total)

    def _nothing(self, trials: list[Trial], ann_accuracy: float) -> Diagnostic:
        closest = min(trials, key=lambda t: t.drop_points)
        text = (
            f"nothing tried is within {self.max_drop:g} points of the ANN's "
            f"{100 * ann_accuracy:.2f} % on {len(self.held_out)} held-out samples; the closest is "
            f"{closest.name} at {closest.steps} steps, {closest.drop_points:.2f} points below"
        )
        cure = "raise --max-steps or --max-drop, or give more calibration data"
        return Diagnostic("SN929", text, where="--auto", help=cure)


def _doubling(limit: int) -> Iterator[int]:
    steps = min(FIRST_STEPS, limit)
    while steps < limit:
        yield steps
        steps *= 2
    yield limit


def _better(best: Trial | None, trial: Trial) -> Trial:
    if best is None:
        return trial
    return min(best, trial, key=lambda t: (t.steps, -t.accuracy))


def _accuracies(measured: Evaluation) -> tuple[float, float]:
    if measured.snn_accuracy is None or measured.ann_accuracy is None:
        cure = "give an .npz with y, or an image folder with a sub-folder per class"
        text = "--auto compares accuracies, and the calibration data has no labels"
        raise InputError(Diagnostic("SN928", text, help=cure))
    return measured.snn_accuracy, measured.ann_accuracy
