"""Random read-outs of three heads, whole numbers of halves, for the tests of exit policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import policies as nets

HEADS = ("a", "b", "c")
SAMPLES = 60
Outputs = Mapping[str, np.ndarray[Any, Any]]


def trains(seed: int, classes: int = 4, steps: int = nets.STEPS) -> Outputs:
    """Read-outs (steps, samples, K) of counts; each sample prefers a class, later heads more so."""
    rng = np.random.default_rng(seed)
    prefers = np.eye(classes)[rng.integers(0, classes, SAMPLES)]
    return {
        name: 0.5
        * (
            rng.uniform(0, 1, (steps, SAMPLES, classes)) < 0.25 + (0.2 + 0.15 * depth) * prefers
        ).cumsum(axis=0)
        for depth, name in enumerate(HEADS)
    }


def currents(seed: int, classes: int = 4, steps: int = nets.STEPS) -> Outputs:
    """Read-outs of any sign, which also fall; whole numbers of halves, so that some are equal."""
    rng = np.random.default_rng(seed)
    return {
        name: np.rint(2 * rng.normal(0, 1 + depth, (steps, SAMPLES, classes)).cumsum(axis=0)) / 2
        for depth, name in enumerate(HEADS)
    }
