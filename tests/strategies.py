"""Random valid networks of every stage, for Hypothesis and for plain seeded generators.

One builder makes the network; what it asks for comes from a `Chooser`, which draws from Hypothesis
(so that failures shrink) or from a NumPy generator (so that thousands take seconds).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from network_builder import Builder

from snnc.ir import model as m


def fuzz(examples: int) -> settings:
    """Hypothesis settings without time limits, which only tell how busy the machine is."""
    checks = (HealthCheck.too_slow, HealthCheck.data_too_large)
    return settings(deadline=None, max_examples=examples, suppress_health_check=checks)


class Seeded:
    """A chooser that needs no Hypothesis."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))


class Drawn:
    """A chooser inside a Hypothesis strategy."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        number: int = self.draw(st.integers(low, high))
        return number


@st.composite
def networks(
    draw: Callable[[Any], Any], stage: m.Stage | None = None, *, odd: bool = False
) -> m.Network:
    """Valid networks of a stage (any if None).

    `odd` adds what text and verifier must bear but simulators need not: delayed connections,
    loops, and numbers at the ends of the range of float64.
    """
    chosen = draw(st.sampled_from(("ann", "snn", "fixed"))) if stage is None else stage
    return Builder(Drawn(draw), chosen, odd).network()


def random_network(seed: int, stage: m.Stage, *, odd: bool = False) -> m.Network:
    """The valid network of a seed, the same every time; `odd` as in `networks`."""
    return Builder(Seeded(seed), stage, odd).network()
