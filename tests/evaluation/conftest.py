"""Networks that exit early, compiled once, and what evaluations say of them."""

from __future__ import annotations

import pytest
from exit_cases import POLICIES, STEPS, Case, case_of

from snnc.evaluation.result import Evaluation
from snnc.ir import model as m


@pytest.fixture(scope="session")
def multi() -> Case:
    return case_of("multi_exit.onnx", steps=STEPS)


@pytest.fixture(scope="session")
def gated() -> Case:
    return case_of("quantised.onnx")


@pytest.fixture(scope="session", params=list(POLICIES))
def found(request: pytest.FixtureRequest, multi: Case) -> tuple[m.ExitPolicy, Evaluation]:
    policy = POLICIES[request.param]
    return policy, multi.evaluate(policy)
