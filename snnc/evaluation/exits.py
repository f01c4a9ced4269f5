"""What an evaluation says about a network's exit policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from snnc.diagnostics import Diagnostic, UsageError
from snnc.exits.summary import finite
from snnc.text import one_of

ExitMode: TypeAlias = Literal["compare", "run", "off"]
EXIT_MODES: tuple[ExitMode, ...] = ("compare", "run", "off")
"""Run with and without exits, with exits only, or as if the network had no policy."""

Quartiles: TypeAlias = tuple[float, float, float]
"""Lower quartile, median, upper quartile."""


def exit_mode(text: str) -> ExitMode:
    """One of `EXIT_MODES` by its name.

    Raises:
        UsageError: SN923.
    """
    for mode in EXIT_MODES:
        if mode == text:
            return mode
    message = f'there is no way "{text}" to evaluate exits{one_of(text, EXIT_MODES)}'
    raise UsageError(Diagnostic("SN923", message, where="--exits"))


@dataclass(frozen=True, slots=True)
class RunCost:
    """Mean costs of a sample, with exits or at full length.

    `equivalent_steps`: time steps of the whole network that would cost as many
    multiply-accumulates as the layers' own steps do; less than `steps` where deeper layers ran for
    fewer steps (order `depth`). `energy`: every published table applied to the counts.
    """

    steps: float
    equivalent_steps: float
    spikes: float
    synops: float
    updates: float
    energy: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class HeadShare:
    """One head of the network.

    `share`: of the samples, those that it answered; `mean_steps`: their time steps; `accuracy`: of
    these answers. `accuracy_full`: its accuracy alone, on all samples, at the end of the
    full-length run; `ann_accuracy`: the same of this head of the ANN.
    """

    name: str
    share: float
    mean_steps: float | None
    accuracy: float | None
    accuracy_full: float | None
    ann_accuracy: float | None


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """What one threshold for all heads would give on the evaluated samples.

    `mean_steps`: for order `depth` in time steps of the whole network (`equivalent_steps`).
    """

    threshold: float
    mean_steps: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class OraclePoint:
    """Each sample stops at its first right answer, else at a limit (one point for each limit).

    The upper bound of Li, Jones, Furber 2023; `mean_steps` as in a `FrontPoint`.
    """

    mean_steps: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class FixedStep:
    """Every sample stopped after `step` time steps; fewer where it came to rest before."""

    step: int
    mean_steps: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class FixedSteps:
    """What stopping every sample after the same number of steps gives.

    `t_star`: the fewest steps within 0.1 points of `best`; `as_accurate`: the fewest that are as
    accurate as the exits, None where no number of steps is.
    """

    t_star: FixedStep
    best: FixedStep
    as_accurate: FixedStep | None

    def as_dict(self) -> dict[str, Any]:
        """One flat JSON object; `step`, `mean_steps` and `accuracy` are those of `as_accurate`."""
        enough = self.as_accurate
        return {
            "step": None if enough is None else enough.step,
            "mean_steps": None if enough is None else enough.mean_steps,
            "accuracy": None if enough is None else enough.accuracy,
            "t_star": self.t_star.step,
            "t_star_mean_steps": self.t_star.mean_steps,
            "t_star_accuracy": self.t_star.accuracy,
            "best_step": self.best.step,
            "best_accuracy": self.best.accuracy,
        }


@dataclass(frozen=True, slots=True)
class ScoreAt:
    """The scores of one head over the samples that are still in motion after `step` steps.

    `right` and `wrong`: of the samples whose answer is so at this step; None where there are none,
    or no labels.
    """

    step: int
    samples: int
    every: Quartiles
    right: Quartiles | None
    wrong: Quartiles | None


@dataclass(frozen=True, slots=True)
class ScoreCourse:
    """How sure `head` is over time in the full-length run, by the policy's own score."""

    score: str
    head: str
    points: tuple[ScoreAt, ...]


@dataclass(frozen=True, slots=True)
class ExitReport:
    """How exits did on a data set. Accuracies are fractions, None without labels.

    What needs the full-length run (`full`, `accuracy_full`, `same_answer`, `front`, `oracle`,
    `fixed`, `course`) is None where only the run with exits was made.

    Attributes:
        policy: its keyword; `text` is the whole of it in the text form.
        thresholds: of the scores, one per head, empty where the policy has none; infinity stops no
            sample.
        order: `time` or `depth`.
        stopped: costs with exits; `full`: without.
        sure: share of the samples that a head was sure of; the others were answered at the end.
        same_answer: share of the samples whose answer is that of the full-length run.
        ece: expected calibration error of the confidence at the exit, in 15 equal bins (Guo et
            al. 2017): the softmax of the read-out by the policy's alpha and temperature, or what a
            table says of it. None for policies without these.
        histogram: how many samples exited after how many time steps.
    """

    policy: str
    text: str
    thresholds: tuple[float, ...]
    order: str
    stopped: RunCost
    full: RunCost | None
    accuracy: float | None
    accuracy_full: float | None
    same_answer: float | None
    sure: float
    ece: float | None
    histogram: tuple[tuple[int, int], ...]
    heads: tuple[HeadShare, ...]
    front: tuple[FrontPoint, ...] | None
    oracle: tuple[OraclePoint, ...] | None
    fixed: FixedSteps | None
    course: ScoreCourse | None

    def as_dict(self) -> dict[str, Any]:
        """The report as a JSON object; an infinite threshold is null, as no JSON number is."""
        full = self.full
        shared = len(set(self.thresholds)) == 1
        thresholds = [finite(value) for value in self.thresholds]
        return {
            "policy": self.policy,
            "text": self.text,
            "threshold": thresholds[0] if shared else None,
            "thresholds": thresholds,
            "order": self.order,
            "mean_steps": self.stopped.steps,
            "steps_full": None if full is None else full.steps,
            "equivalent_steps": self.stopped.equivalent_steps,
            "accuracy": self.accuracy,
            "accuracy_full": self.accuracy_full,
            "same_answer": self.same_answer,
            "sure": self.sure,
            "spikes_per_sample": self.stopped.spikes,
            "spikes_full": None if full is None else full.spikes,
            "synops_per_sample": self.stopped.synops,
            "synops_full": None if full is None else full.synops,
            "updates_per_sample": self.stopped.updates,
            "updates_full": None if full is None else full.updates,
            "energy": {
                "with": list(self.stopped.energy),
                "without": None if full is None else list(full.energy),
            },
            "histogram": {str(step): count for step, count in self.histogram},
            "heads": [asdict(head) for head in self.heads],
            "ece": self.ece,
            "pareto": _listed(self.front),
            "oracle": _listed(self.oracle),
            "fixed": None if self.fixed is None else self.fixed.as_dict(),
            "score": None if self.course is None else _course(self.course),
        }


def _listed(
    points: Sequence[FrontPoint] | Sequence[OraclePoint] | None,
) -> list[dict[str, Any]] | None:
    if points is None:
        return None
    return [{k: finite(v) for k, v in asdict(point).items()} for point in points]


def _course(course: ScoreCourse) -> dict[str, Any]:
    points = [{k: _plain(v) for k, v in asdict(point).items()} for point in course.points]
    return {"score": course.score, "head": course.head, "by_step": points}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
