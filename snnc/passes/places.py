"""Where internal classifiers can stand, what a place costs, and which places pay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from snnc.ir import model as m
from snnc.ir.interpret import population_macs
from snnc.ir.tensors import Array
from snnc.passes.scale_choice import will_spike
from snnc.passes.staircases import only_views

Features = Literal["gap", "flat"]


def why_no_place(network: m.Network, name: str, features: Features) -> str:
    """Why no classifier can read a population; empty where one can."""
    population = network.population(name)
    if not will_spike(network, population):
        return "nothing but an output reads it, so it has no spikes to read"
    quantiser = _quantiser(network, name)
    if quantiser:
        return f"{quantiser} quantises it; take that one"
    if features == "gap" and len(population.shape) not in (1, 3):
        shape = list(population.shape)
        return f"its shape {shape} has no map to average over; take features=flat"
    return ""


def _quantiser(network: m.Network, name: str) -> str:
    """The population that only quantises a population's values, also behind max pooling; or empty.

    Spiking neurons will do both at once, and a classifier in between would read what has no spikes.
    """
    for user in network.consumers(name):
        plain = len(user.incoming) == 1 and user.bias is None
        if not plain or not only_views(user.incoming[0].ops):
            continue
        if isinstance(user.neuron, m.Quantized):
            return user.name
        if isinstance(user.neuron, m.MaxPool2d) and _quantiser(network, user.name):
            return _quantiser(network, user.name)
    return ""


def candidates(network: m.Network, features: Features) -> list[str]:
    """The populations that `auto` considers, in order.

    All that spike on the way to the last head, but linear values: these are computed inside the
    populations that read them and have no spikes of their own.
    """
    needed = network.needed_by(network.heads[-1].population)
    return [
        p.name
        for p in network.populations
        if p.name in needed
        and not isinstance(p.neuron, m.Identity)
        and not why_no_place(network, p.name, features)
    ]


def feature_chain(shape: tuple[int, ...], features: Features) -> tuple[m.Operator, ...]:
    """The operators from a population to a vector of features.

    `gap` averages every channel of a map; a vector has nothing to average and stays as it is.
    """
    if len(shape) == 1:
        return ()
    if features == "flat":
        return (m.Flatten(),)
    window = (shape[1], shape[2])
    if window == (1, 1):
        return (m.Flatten(),)
    return (m.AvgPool2d(window, window), m.Flatten())


def feature_count(shape: tuple[int, ...], features: Features) -> int:
    """How many features a population of that shape gives."""
    return shape[0] if features == "gap" else math.prod(shape)


def operations(network: m.Network, name: str) -> int:
    """Multiply-accumulates per sample of a population and all that it depends on."""
    needed = network.needed_by(name)
    return sum(population_macs(network, p) for p in network.populations if p.name in needed)


def shares(network: m.Network, names: Sequence[str], features: Features) -> dict[str, float]:
    """The share of the last head's operations that a classifier behind each population takes.

    These are all operations up to that population and the classifier's own.
    """
    last = network.population(network.heads[-1].population)
    whole = max(1, operations(network, last.name))
    found = {}
    for name in names:
        own = math.prod(last.shape) * feature_count(network.population(name).shape, features)
        found[name] = (operations(network, name) + own) / whole
    return found


def depths(network: m.Network) -> dict[str, int]:
    """For every population the number of populations on the longest way to it."""
    found: dict[str, int] = {}
    for population in network.populations:
        found[population.name] = 1 + max(found.get(i.source, 0) for i in population.incoming)
    return found


def answered(confidence: Array, correct: Array, correct_last: Array, slack: float) -> float:
    """The share of samples that an internal head can answer instead of the last one.

    The head answers the samples it is surest of: as many as cost at most `slack` of all samples
    in accuracy against the last head's answers.

    Args:
        confidence: (N,) of the head, on samples it was not trained on.
        correct: (N,) bool, whether its answer is right.
        correct_last: (N,) bool, whether the last head's is.
        slack: a share of N.
    """
    order = np.argsort(-confidence, kind="stable")
    gain = correct[order].astype(np.int64) - correct_last[order]
    fine = np.flatnonzero(np.cumsum(gain) >= -slack * len(order))
    return float(fine[-1] + 1) / len(order) if len(fine) else 0.0


def best_places(
    names: Sequence[str], answer: Mapping[str, float], share: Mapping[str, float], count: int
) -> list[str]:
    """The `count` places that save most operations, in the given order (that of depth).

    A sample that an earlier place answers would be answered by the later ones too, so a place adds
    what it answers beyond those before it, and each of these saves `1 - share` of the operations.
    """
    found: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
    for last in range(len(names)):
        own, saved = answer[names[last]], 1.0 - share[names[last]]
        found[last, 1] = own * saved, (last,)
        for size in range(2, min(count, last + 1) + 1):
            options = [
                (value + max(0.0, own - answer[names[before]]) * saved, (*chosen, last))
                for before in range(size - 2, last)
                for value, chosen in [found[before, size - 1]]
            ]
            found[last, size] = max(options, key=lambda option: option[0])
    full = [entry for (_, size), entry in found.items() if size == min(count, len(names))]
    _, chosen = max(full, key=lambda entry: entry[0])
    return [names[i] for i in chosen]
