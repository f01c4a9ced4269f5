"""The algebra of staircases, against the arithmetic of the nodes on random chains."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.frontend.fit import Almost, Miss, fit
from snnc.frontend.graph import Graph
from snnc.frontend.links import Link, Rounder, link_of, rounder_of
from snnc.frontend.nodes import Node
from snnc.frontend.staircase import Staircase
from snnc.ir.staircase import level

ROUNDING = {"Floor": np.floor, "Round": np.rint, "Ceil": np.ceil}


def _chain(parts: Sequence[tuple[str, float]]) -> tuple[list[Link], Rounder, list[Link]]:
    """Links before and behind the one rounder; numbers are the nodes' constants."""
    constants: dict[str, Any] = {}
    nodes = []
    for index, (op, number) in enumerate(parts):
        inputs = [f"t{index}"]
        if op not in ("Relu", *ROUNDING):
            constants[f"c{index}"] = np.float32(number) * np.ones((), np.float32)
            inputs.append(f"c{index}")
        nodes.append(Node(index, f"n{index}", op, "", tuple(inputs), (f"t{index + 1}",)))
    graph = Graph("", tuple(nodes), tuple(nodes), (), (), constants, {}, 1)
    place = next(i for i, (op, _) in enumerate(parts) if op in ROUNDING)
    links = [link_of(graph, node) for node in (*nodes[:place], *nodes[place + 1 :])]
    assert all(links)
    return links[:place], rounder_of(graph, nodes[place]), links[place:]  # type: ignore[return-value]


def _run(parts: Sequence[tuple[str, float]], x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    before, rounder, after = _chain(parts)
    inner = functools.reduce(lambda v, link: link.apply(v), before, x)
    whole = ROUNDING[rounder.node.op](inner)
    return functools.reduce(lambda v, link: link.apply(v), after, whole)


NUMBERS = st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 8.0])
LINK = st.tuples(st.sampled_from(["Mul", "Div", "Add", "Sub", "Min"]), NUMBERS) | st.tuples(
    st.sampled_from(["Relu", "Max"]), st.sampled_from([0.0, -2.0, -0.5])
)
CHAIN = st.tuples(
    st.lists(LINK, max_size=4), st.sampled_from(["Floor", "Round"]), st.lists(LINK, max_size=4)
).map(lambda found: [*found[0], (found[1], 0.0), *found[2]])


@settings(max_examples=400)
@given(CHAIN)
def test_whatever_is_found_equals_the_nodes(parts: list[tuple[str, float]]) -> None:
    """All constants are powers of two or small, so that float64 has no rounding errors."""
    found = fit(*_chain(parts))
    if isinstance(found, Staircase):
        x = np.arange(-40.0, 40.0, 1 / 64)
        step, shift = np.asarray(found.step), np.asarray(found.shift)
        levels = level(x, step, found.lowest, found.levels, shift, found.ties)
        np.testing.assert_array_equal(step * levels, _run(parts, x))


QCFS = [("Div", 0.5), ("Add", 0.5), ("Floor", 0.0), ("Relu", 0.0), ("Min", 4.0), ("Mul", 0.5)]


def test_qcfs() -> None:
    """Bu et al. 2022, eq. 4: threshold 2, 4 levels."""
    found = fit(*_chain(QCFS))
    assert isinstance(found, Staircase)
    assert (found.step, found.levels, found.lowest, found.ties) == (0.5, 4, 0, "up")
    assert found.shift == 0.5


@pytest.mark.parametrize("place", [0, 1, 4, 5])
def test_any_other_constant_is_another_staircase_or_none(place: int) -> None:
    """Negative control: every constant matters."""
    changed = [(op, number + 0.25 * (i == place)) for i, (op, number) in enumerate(QCFS)]
    found = fit(*_chain(changed))
    if isinstance(found, Staircase):
        first = fit(*_chain(QCFS))
        assert isinstance(first, Staircase)
        assert (found.levels, float(found.shift)) != (first.levels, float(first.shift))
    else:
        assert found.miss in (Miss.SCALE, Miss.BOUNDS)


CLAMPED = [("Relu", 0.0), ("Min", 8.0), ("Div", 2.0)]


@pytest.mark.parametrize(
    ("parts", "miss"),
    [
        ([("Div", 2.0), ("Floor", 0.0)], Miss.STEP),
        ([("Div", 2.0), ("Floor", 0.0), ("Mul", 3.0)], Miss.SCALE),
        ([("Div", -2.0), ("Floor", 0.0), ("Mul", -2.0)], Miss.SIGN),
        ([("Relu", 0.0), ("Floor", 0.0), ("Min", 4e9)], Miss.UPPER),
        ([*CLAMPED, ("Floor", 0.0), ("Add", 0.5), ("Mul", 2.0)], Miss.OFFSET),
        ([*CLAMPED, ("Ceil", 0.0), ("Mul", 2.0)], Miss.TIES),
        ([("Div", 2.0), ("Floor", 0.0), ("Mul", 2.0)], Miss.UPPER),
        ([("Div", 2.0), ("Min", 3.0), ("Floor", 0.0), ("Mul", 2.0)], Miss.LOWER),
        ([("Relu", 0.0), ("Div", 2.0), ("Floor", 0.0), ("Min", 2.5), ("Mul", 2.0)], Miss.BOUNDS),
        ([("Max", 2.0), ("Div", 2.0), ("Floor", 0.0), ("Min", 3.0), ("Mul", 2.0)], Miss.ZERO),
    ],
    ids=lambda value: value.name if isinstance(value, Miss) else "",
)
def test_what_is_missing(parts: list[tuple[str, float]], miss: Miss) -> None:
    found = fit(*_chain(parts))
    assert isinstance(found, Almost)
    assert found.miss == miss
    assert found.cure


def test_a_step_of_one_can_be_left_out() -> None:
    parts = [("Relu", 0.0), ("Floor", 0.0), ("Min", 3.0)]
    assert isinstance(fit(*_chain(parts)), Staircase)
    missed = fit(*_chain(parts), unit=False)
    assert isinstance(missed, Almost)
    assert missed.miss == Miss.STEP
