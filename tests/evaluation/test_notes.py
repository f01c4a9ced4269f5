"""What is said beside the figures of exits."""

from __future__ import annotations

import pytest

from snnc.evaluation.exits import ExitReport, FixedStep, FixedSteps, RunCost
from snnc.evaluation.notes import exit_notes
from snnc.ir import model as m

COST = RunCost(2.5, 2.5, 1.0, 1.0, 1.0, ())
CONFIDENCE = m.Confidence(heads=("b",), alpha=8.0, temperatures=(1.0,), thresholds=(0.5,))
BAYES = m.Bayes(heads=("a", "b"), strength=m.Ref("s"), threshold=0.9)


def notes(policy: m.ExitPolicy, ece: float | None = None, fixed: FixedSteps | None = None) -> str:
    network = m.Network("n", "snn", (), (), (), schedule=m.Synchronous(8), exit=policy)
    report = ExitReport(
        "policy", "policy()", (0.5,), "time", COST, COST, 0.9, 0.9, 1.0, 1.0, ece,
        ((2, 1),), (), (), (), fixed, None,
    )  # fmt: skip
    return "\n".join(exit_notes(network, report))


@pytest.mark.parametrize(("ece", "said"), [(0.4, True), (0.11, True), (0.1, False), (None, False)])
def test_a_confidence_far_from_accuracy_is_called_a_score(ece: float | None, said: bool) -> None:
    assert ("not a probability" in notes(CONFIDENCE, ece)) == said


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (CONFIDENCE, False),
        (m.IntegerConfidence(heads=("b",), shifts=(0,), tables=m.Ref("t"), limits=(9,)), False),
        (m.IntegerMargin(heads=("b",), limits=(9,)), True),
        (BAYES, True),
    ],
)
def test_policies_without_a_confidence_have_no_calibration_error(
    policy: m.ExitPolicy, said: bool
) -> None:
    assert ("has no confidence, so no calibration error" in notes(policy)) == said


def test_of_fused_heads_it_is_said_whose_answer_is_given() -> None:
    assert "bayes fuses a and b" in notes(BAYES)
    assert "fuses" not in notes(CONFIDENCE)


@pytest.mark.parametrize(("mean", "said"), [(2.0, True), (2.5, True), (2.6, False)])
def test_a_fixed_step_that_is_not_slower_is_told(mean: float, said: bool) -> None:
    rival = FixedStep(3, mean, 0.9)
    assert ("is as accurate" in notes(CONFIDENCE, fixed=FixedSteps(rival, rival, rival))) == said
