"""Internal classifiers for networks that were trained without them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.answers import class_count, classify
from snnc.ir.hints import did_you_mean
from snnc.ir.interpret import evaluate
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.classifiers import LEAST_PER_CLASS, Classifier, train
from snnc.passes.places import (
    Features,
    answered,
    best_places,
    candidates,
    depths,
    feature_chain,
    feature_count,
    shares,
    why_no_place,
)
from snnc.passes.properties import ANN
from snnc.passes.tensors import NewTensors, free_name

_BATCH = 64

BYTES_OF_FEATURES = 1 << 30
"""Features (float32) that are held at a time; `auto` measures its candidates in several rounds.
Training holds a float64 copy of one candidate's features, and one of each fold's, beside them."""

SLACK = 0.005
"""`auto` lets a head answer as many samples as cost half a point of accuracy on all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertClassifiers:
    """Add internal heads, trained on the labelled calibration samples, and change nothing else.

    Each is a logistic regression (scikit-learn, cross-validated regularisation, seeded) that reads
    one population. `after`: names of populations, or `auto`, which takes the `count` places that
    save most operations by what they can answer on held-out samples. `features`: `gap` averages
    every channel over the map, `flat` takes all values; a vector is taken as it is.
    """

    name: ClassVar[str] = "insert-classifiers"
    requires: ClassVar[tuple[Property, ...]] = (ANN,)
    ensures: ClassVar[tuple[Property, ...]] = (ANN,)
    after: str | tuple[str, ...] = "auto"
    count: int = 2
    features: Features = "gap"

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with more heads.

        Raises:
            InputError: no labels (SN740), a class without samples or a label without class
                (SN741), too few samples (SN742), an unknown population (SN743), one that is no
                place for a classifier (SN744), too many features (SN745), a bad option (SN721).
        """
        names = self._names(network)
        labels = _labels(network, context)
        self._check_size(network, names, len(labels))
        trained = dict(self._train(network, names, labels, context))
        share = shares(network, names, self.features)
        if self.after == "auto":
            names = self._chosen(network, trained, labels, context)
        for name in names:
            network, head = _with_head(network, name, trained[name], self.features)
            context.note(_told(name, head, trained[name], labels, share[name]))
        return network

    def _names(self, network: m.Network) -> list[str]:
        """The candidates, or the populations that were asked for, in the network's order."""
        if self.count < 1:
            text = f"{self.name}: count={self.count} is not 1 or more"
            raise InputError(Diagnostic("SN721", text))
        if self.after == "auto":
            return self._candidates(network)
        asked = (self.after,) if isinstance(self.after, str) else self.after
        known = [p.name for p in network.populations]
        wrong = [_unknown(name, known) for name in asked if name not in known]
        if wrong or not asked:
            text = f"{self.name}: after names no population"
            raise InputError(wrong or Diagnostic("SN743", text))
        for name in asked:
            reason = why_no_place(network, name, self.features)
            if reason:
                text = f"{self.name}: no classifier can read population {name}: {reason}"
                raise InputError(Diagnostic("SN744", text))
        return [name for name in known if name in asked]

    def _candidates(self, network: m.Network) -> list[str]:
        found = candidates(network, self.features)
        if not found:
            text = f"{self.name}: the network has no population that a classifier could read"
            raise InputError(Diagnostic("SN744", text))
        if len(found) < self.count:
            where = ", ".join(found)
            text = f"{self.name}: count={self.count}, but there are {len(found)} places: {where}"
            raise InputError(Diagnostic("SN721", text))
        return found

    def _check_size(self, network: m.Network, names: Sequence[str], samples: int) -> None:
        for name in names:
            size = 4 * samples * feature_count(network.population(name).shape, self.features)
            if size > BYTES_OF_FEATURES:
                raise InputError(
                    Diagnostic(
                        "SN745",
                        f"{self.name}: the features of population {name} take {size >> 20} MiB for "
                        f"{samples} samples; at most {BYTES_OF_FEATURES >> 20} MiB are held",
                        help="use features=gap, a later population or fewer samples",
                    )
                )

    def _train(
        self, network: m.Network, names: Sequence[str], labels: Array, context: Context
    ) -> Iterator[tuple[str, Classifier]]:
        """A classifier at every place, trained in rounds that bound memory."""
        done = 0
        for group in self._rounds(network, names, len(labels)):
            features = _features(network, group, self.features, context)
            for name in group:
                if context.progress is not None:
                    context.progress(self.name, done, len(names))
                yield name, train(features.pop(name), labels, context.seed)
                done += 1

    def _rounds(
        self, network: m.Network, names: Sequence[str], samples: int
    ) -> Iterator[list[str]]:
        group: list[str] = []
        size = 0
        for name in names:
            own = 4 * samples * feature_count(network.population(name).shape, self.features)
            if group and size + own > BYTES_OF_FEATURES:
                yield group
                group, size = [], 0
            group.append(name)
            size += own
        yield group

    def _chosen(
        self,
        network: m.Network,
        trained: dict[str, Classifier],
        labels: Array,
        context: Context,
    ) -> list[str]:
        last = _last_answers(network, context) == labels
        names = list(trained)
        share = shares(network, names, self.features)
        answer = {
            name: answered(c.confidence, c.answer == labels, last, SLACK)
            for name, c in trained.items()
        }
        listed = ", ".join(
            f"{name} answers {answer[name]:.1%} after {share[name]:.1%} of the operations"
            for name in names
        )
        context.note(f"{self.name}: held out, as accurately as the last head: {listed}")
        return best_places(names, answer, share, self.count)


def _unknown(name: str, known: Sequence[str]) -> Diagnostic:
    hint = did_you_mean(name, known) or f"populations: {', '.join(known)}"
    return Diagnostic("SN743", f'there is no population named "{name}"', help=hint)


def _labels(network: m.Network, context: Context) -> Array:
    """The labels of all calibration samples, every class with enough of them."""
    if context.labelled is None or len(context.labelled) == 0:
        raise InputError(
            Diagnostic(
                "SN740",
                "insert-classifiers trains on labelled calibration samples and there are none",
                help="pass --calibration DATA with labels, a few thousand samples if possible",
            )
        )
    if len(network.inputs) != 1:
        text = f"insert-classifiers takes networks with one input, this has {len(network.inputs)}"
        raise InputError(Diagnostic("SN740", text))
    labels = np.concatenate([y for _, y in context.labelled.batches(_BATCH)])
    classes = class_count(network, network.heads[-1])
    if len(labels) < classes:
        text = f"{len(labels)} samples are fewer than the {classes} classes"
        raise InputError(Diagnostic("SN742", text, help="give more calibration samples"))
    if labels.min() < 0 or labels.max() >= classes:
        text = f"labels lie within {labels.min()} to {labels.max()}, classes within 0 to "
        raise InputError(Diagnostic("SN741", text + str(classes - 1)))
    counts = np.bincount(labels, minlength=classes)
    for code, few, need in (("SN741", 0, "no sample"), ("SN742", LEAST_PER_CLASS - 1, "1 sample")):
        rare = np.flatnonzero(counts <= few)
        if len(rare):
            text = f"class {rare[0]} has {need} among {len(labels)} calibration samples"
            cure = (
                f"give more samples of every class: training needs {LEAST_PER_CLASS}, and where an "
                "exit policy is fitted on the same data, every second sample is kept for that"
            )
            raise InputError(Diagnostic(code, text, help=cure))
    return labels


def _features(
    network: m.Network, names: Sequence[str], features: Features, context: Context
) -> dict[str, Array]:
    """The features (N, F) float32 of all calibration samples at every place."""
    probes = {}
    for name in names:
        shape = network.population(name).shape
        probe = free_name(network, f"{name}.features")
        connection = m.Incoming(name, feature_chain(shape, features))
        size = feature_count(shape, features)
        probes[name] = m.Population(probe, (size,), m.Identity(), incoming=(connection,))
    probed = network.with_populations((*network.populations, *probes.values()))
    assert context.labelled is not None
    total = len(context.labelled)
    held = {name: np.empty((total, *p.shape), np.float32) for name, p in probes.items()}
    start = 0
    for x, _ in context.labelled.batches(_BATCH):
        part = {network.inputs[0].name: x}
        values = evaluate(probed, part, keep=[p.name for p in probes.values()])
        for name, probe_population in probes.items():
            held[name][start : start + len(x)] = values[probe_population.name]
        start += len(x)
        if context.progress is not None:
            context.progress("insert-classifiers: features", start, total)
    return held


def _last_answers(network: m.Network, context: Context) -> Array:
    """The last head's answers (N,) on all calibration samples."""
    assert context.labelled is not None
    head = network.heads[-1]
    found = []
    for x, _ in context.labelled.batches(_BATCH):
        values = evaluate(network, {network.inputs[0].name: x}, keep=[head.population])
        found.append(classify(head, values[head.population].reshape(len(x), -1)))
    return np.concatenate(found)


def _with_head(
    network: m.Network, place: str, classifier: Classifier, features: Features
) -> tuple[m.Network, str]:
    """The network with one more head, behind the heads that are less deep, and its name."""
    taken = {head.name for head in network.heads}
    name = free_name(network, f"{place}.classifier")
    while name in taken:
        name += "_"
    source = network.population(place)
    weight, bias = classifier.weight, classifier.bias
    if math.prod(network.population(network.heads[-1].population).shape) == 1:
        weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
    tensors = NewTensors(network)
    dense = m.Dense(tensors.put(f"{name}.weight", weight))
    population = m.Population(
        name,
        (len(weight),),
        m.Identity(),
        tensors.put(f"{name}.bias", bias),
        incoming=(m.Incoming(place, (*feature_chain(source.shape, features), dense)),),
    )
    populations = list(network.populations)
    populations.insert(populations.index(source) + 1, population)
    depth = depths(network)
    own = depth[place] + 1
    heads = list(network.heads)
    before = (i for i, h in enumerate(heads[:-1]) if depth[h.population] > own)
    heads.insert(next(before, len(heads) - 1), m.Head(name, name, m.Logits()))
    changed = tensors.attach(network).with_populations(populations)
    return replace(changed, heads=tuple(heads)), name


def _told(place: str, head: str, classifier: Classifier, labels: Array, share: float) -> str:
    accuracy = float((classifier.answer == labels).mean())
    text = (
        f"insert-classifiers ADDED the head {head} behind {place}, after {share:.1%} of the "
        f"operations: held-out accuracy {accuracy:.1%} on {len(labels)} calibration samples "
        f"(logistic regression, C={classifier.regularisation:g})"
    )
    return text if classifier.converged else f"{text}; its training stopped before it converged"
