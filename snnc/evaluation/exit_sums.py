"""Gathering what exits did, batch by batch."""

from __future__ import annotations

import numpy as np

from snnc.backends.reference.trace import Exits, Trace
from snnc.evaluation.costs import CostSums
from snnc.evaluation.exits import HeadShare
from snnc.exits.calibration import expected_calibration_error
from snnc.ir import model as m
from snnc.ir.answers import class_values, classify
from snnc.ir.scores import softmax_confidence
from snnc.ir.tensors import Array


class ExitSums:
    """The answers of a network with an exit policy, and what they cost."""

    def __init__(self, network: m.Network) -> None:
        heads = len(network.heads)
        self.costs = CostSums(network)
        self.samples = 0
        self.labelled = 0
        self.same = 0
        self._network = network
        self._steps: dict[int, int] = {}
        self._sure = 0
        self._right = np.zeros(heads, np.int64)
        self._answered = np.zeros(heads, np.int64)
        self._head_steps = np.zeros(heads, np.int64)
        self._confidence: list[Array] = []
        self._confident: list[Array] = []

    def add(self, trace: Trace, labels: Array | None, full: Array | None = None) -> None:
        """Add a batch that ran with exits; `full`: the answers (N,) of the full-length run."""
        exits = _exits_of(trace)
        heads = len(self._network.heads)
        self.costs.add(trace)
        self.samples += trace.samples
        self._sure += int(exits.sure.sum())
        if full is not None:
            self.same += int((exits.answer == full).sum())
        for step, count in zip(*np.unique(exits.step, return_counts=True), strict=True):
            self._steps[int(step)] = self._steps.get(int(step), 0) + int(count)
        self._answered += np.bincount(exits.head, minlength=heads)
        np.add.at(self._head_steps, exits.head, exits.step)
        if labels is not None:
            right = exits.answer == labels
            self.labelled += len(labels)
            self._right += np.bincount(exits.head[right], minlength=heads)
            self._calibrate(trace, exits, right)

    @property
    def mean_steps(self) -> float:
        """Mean time steps until the answer."""
        return sum(step * count for step, count in self._steps.items()) / self.samples

    @property
    def sure(self) -> float:
        """Share of the samples that some head was sure of."""
        return self._sure / self.samples

    @property
    def accuracy(self) -> float | None:
        """Share of right answers; None without labels."""
        return int(self._right.sum()) / self.labelled if self.labelled else None

    @property
    def histogram(self) -> tuple[tuple[int, int], ...]:
        """How many samples exited after how many steps, by steps."""
        return tuple(sorted(self._steps.items()))

    def calibration_error(self) -> float | None:
        """Expected calibration error at the exit; None where no answer has a confidence."""
        if not self._confidence:
            return None
        confidence, right = np.concatenate(self._confidence), np.concatenate(self._confident)
        return expected_calibration_error(confidence, right) if len(right) else None

    def heads(self, alone: HeadSums | None) -> tuple[HeadShare, ...]:
        """What each head answered; `alone`: how it does on all samples."""
        return tuple(
            HeadShare(
                name=head.name,
                share=int(self._answered[i]) / self.samples,
                mean_steps=_ratio(self._head_steps[i], self._answered[i]),
                accuracy=_ratio(self._right[i], self._answered[i]) if self.labelled else None,
                accuracy_full=None if alone is None else alone.accuracy(i),
                ann_accuracy=None if alone is None else alone.ann_accuracy(i),
            )
            for i, head in enumerate(self._network.heads)
        )

    def _calibrate(self, trace: Trace, exits: Exits, right: Array) -> None:
        """Keep the confidence of each answer whose head has a temperature or a table."""
        policy = self._network.exit
        if not isinstance(policy, m.Confidence | m.Margin | m.Entropy | m.IntegerConfidence):
            return
        for index, head in enumerate(self._network.heads):
            if head.name not in policy.heads:
                continue
            rows = np.flatnonzero(exits.head == index)
            if isinstance(policy, m.IntegerConfidence):
                confidence = exits.score[rows]
            else:
                temperature = policy.temperatures[policy.heads.index(head.name)]
                values = class_values(head, trace.outputs[head.name][-1, rows])
                confidence = softmax_confidence(values / (policy.alpha * temperature))
            self._confidence.append(confidence)
            self._confident.append(right[rows])


class HeadSums:
    """How every head does on all samples at the end of the full-length run, and the ANN's head."""

    def __init__(self, network: m.Network) -> None:
        self._heads = network.heads
        self._labelled = 0
        self._right = np.zeros(len(network.heads), np.int64)
        self._ann: dict[int, int] = {}

    def add(self, trace: Trace, labels: Array, logits: dict[str, Array]) -> None:
        """Add a batch: the full-length run, and the ANN's values of the heads that it has."""
        self._labelled += len(labels)
        for i, head in enumerate(self._heads):
            found = classify(head, trace.outputs[head.name][-1])
            self._right[i] += int((found == labels).sum())
            if head.name in logits:
                right = int((classify(head, logits[head.name]) == labels).sum())
                self._ann[i] = self._ann.get(i, 0) + right

    def accuracy(self, index: int) -> float | None:
        """Of one of the network's heads; None without labels."""
        return _ratio(self._right[index], self._labelled)

    def ann_accuracy(self, index: int) -> float | None:
        """Of the ANN's head of that name; None without labels or where it has none."""
        return _ratio(self._ann[index], self._labelled) if index in self._ann else None


def _exits_of(trace: Trace) -> Exits:
    if trace.exits is None:
        raise ValueError("the run was made without exits")
    return trace.exits


def _ratio(part: int, whole: int) -> float | None:
    return int(part) / int(whole) if whole else None
