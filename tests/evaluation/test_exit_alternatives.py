"""Other ways to stop: what is kept of long fronts, of shorter runs, and of networks at rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.evaluation.exit_alternatives import fixed_steps, of_length, quartiles
from snnc.evaluation.settling import SettlingSums
from snnc.ir import model as m

POLICY = m.Confidence(
    heads=("a", "b"),
    alpha=8.0,
    temperatures=(1.0, 1.0),
    thresholds=(0.5, 0.5),
    order="depth",
    budgets=(6,),
)
NETWORK = m.Network(
    "n",
    "snn",
    (m.Input("x", "f32", (2,)),),
    (m.Population("p", (2,), m.Integrator()),),
    (m.Head("a", "p", m.Membrane()), m.Head("b", "p", m.Membrane())),
    schedule=m.Synchronous(8),
    exit=POLICY,
)


def test_a_run_of_the_schedule_leaves_the_network_alone() -> None:
    assert of_length(NETWORK, 8) is NETWORK


def test_a_shorter_run_bounds_budgets() -> None:
    short = of_length(NETWORK, 4)
    assert short.schedule == m.Synchronous(4)
    assert short.exit == replace(POLICY, budgets=(4,))
    longer = of_length(NETWORK, 20)
    assert longer.exit == POLICY
    assert longer.schedule == m.Synchronous(20)


def test_a_shorter_gated_run_keeps_its_window() -> None:
    gated = replace(NETWORK, schedule=m.Gated(8, 3), exit=m.Fixed(head="b", step=5))
    short = of_length(gated, 2)
    assert short.schedule == m.Gated(2, 3)
    assert short.exit == gated.exit


def test_quartiles_are_those_of_numpy_and_nothing_has_none() -> None:
    values = np.random.default_rng(0).random(101)
    assert quartiles(values) == pytest.approx(np.percentile(values, [25, 50, 75]))
    assert quartiles(values[:0]) is None


def test_fixed_steps_name_the_fewest_that_are_good_enough() -> None:
    curve = (0.5, 0.9, 0.989, 0.9895, 0.99, 0.99)
    found = fixed_steps(curve, 0.95, None)
    assert found is not None
    assert (found.best.step, found.t_star.step) == (5, 3)
    assert found.as_accurate is not None
    assert found.as_accurate.step == 3
    unreached = fixed_steps(curve, 0.995, None)
    assert unreached is not None
    assert unreached.as_accurate is None
    assert unreached.as_dict()["step"] is None
    assert fixed_steps(curve, None, None) is None
    assert fixed_steps((), 0.5, None) is None


def test_fixed_steps_behind_rest_cost_nothing() -> None:
    settling = SettlingSums()
    settling.add(np.array([2, 3, 3, -1]))
    found = fixed_steps((0.5, 0.6, 0.7, 0.8, 0.8), 0.8, settling)
    assert found is not None
    assert found.as_accurate is not None
    assert found.as_accurate.step == 4
    assert found.as_accurate.mean_steps == (2 + 3 + 3 + 4) / 4
