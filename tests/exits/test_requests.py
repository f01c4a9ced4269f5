from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import recordings

from snnc.diagnostics import UsageError
from snnc.exits.requests import (
    REQUESTS,
    BayesRequest,
    ConfidenceRequest,
    FixedRequest,
    Request,
    check_network,
    complete,
    given,
    parse_request,
)
from snnc.ir import model as m
from snnc.ir.verify import verify
from snnc.options import format_spec

FULL = (
    "confidence{threshold=0.6,alpha=30,temperature=2,order=depth,heads=[a,b,last],budgets=[3,4],"
    "first-step=2,last-step=6,luck=0.25,score=margin}"
)


def code_of(text: str, network: m.Network | None = None) -> str:
    """The code of the one diagnostic; those of exits say what to do."""
    if network is None:
        with pytest.raises(UsageError) as caught:
            parse_request(text)
    else:
        request = parse_request(text)
        with pytest.raises(UsageError) as caught:
            check_network(network, request)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message
    assert diagnostic.help or not diagnostic.code.startswith("SN95")
    return diagnostic.code


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_a_bare_name_asks_for_everything_to_be_fitted(name: str) -> None:
    request = parse_request(name)
    assert request == REQUESTS[name]()
    assert not complete(request)
    assert format_spec(request) == name


def test_every_option_is_read_and_written_back() -> None:
    request = parse_request(FULL)
    assert request == ConfidenceRequest(
        heads=("a", "b", "last"),
        first_step=2,
        last_step=6,
        luck=0.25,
        order="depth",
        budgets=(3, 4),
        threshold=0.6,
        alpha=30.0,
        temperature=2.0,
        score="margin",
    )
    assert parse_request(format_spec(request)) == request


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "SN954"),
        ("confidence,margin", "SN954"),
        ("confidense", "SN701"),
        ("confidence{treshold=1}", "SN702"),
        ("confidence{threshold=often}", "SN703"),
        ("confidence{luck=-1}", "SN954"),
        ("confidence{luck=inf}", "SN954"),
        ("confidence{alpha=0}", "SN954"),
        ("margin{alpha=inf}", "SN954"),
        ("entropy{temperature=-2}", "SN954"),
        ("confidence{first-step=0}", "SN954"),
        ("confidence{last-step=0}", "SN954"),
        ("bayes{first-step=5,last-step=4}", "SN954"),
        ("confidence{heads=[]}", "SN954"),
        ("confidence{budgets=[3]}", "SN954"),
        ("confidence{order=depth,budgets=[0]}", "SN954"),
        ("confidence{order=depth,threshold=0.5}", "SN954"),
        ("patience{repeats=0}", "SN954"),
        ("fixed{step=0}", "SN954"),
        ("fixed{luck=-0.5}", "SN954"),
    ],
)
def test_options_that_cannot_hold_are_refused(text: str, code: str) -> None:
    assert code_of(text) == code


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="SN954"):
        check_network(recordings.network(), ConfidenceRequest(threshold=float("nan")))


@pytest.mark.parametrize(
    ("text", "heads", "code"),
    [
        ("confidence{heads=[other]}", 2, "SN953"),
        ("fixed{head=other}", 2, "SN953"),
        ("confidence{heads=[last,b]}", 2, "SN953"),
        ("confidence{heads=[b,b]}", 2, "SN953"),
        ("confidence{order=depth}", 1, "SN953"),
        ("confidence{order=depth,heads=[last]}", 2, "SN953"),
        ("confidence{order=depth,heads=[a,b]}", 3, "SN953"),
        ("bayes", 1, "SN953"),
        ("bayes{heads=[last]}", 2, "SN953"),
        ("bayes{heads=[a,b]}", 3, "SN953"),
        ("confidence{last-step=9}", 2, "SN954"),
        ("confidence{first-step=9}", 2, "SN954"),
        ("fixed{step=9}", 2, "SN954"),
        ("confidence{order=depth,budgets=[9]}", 2, "SN954"),
        ("confidence{order=depth,budgets=[1,2]}", 2, "SN954"),
    ],
)
def test_requests_that_a_network_cannot_meet_are_refused(text: str, heads: int, code: str) -> None:
    assert code_of(text, recordings.network(heads=heads)) == code


def two_tasks() -> m.Network:
    """Three heads, of which the first tells four classes apart instead of three."""
    network = recordings.network(heads=3)
    populations = tuple(
        replace(p, shape=(4,)) if p.name == "a-out" else p for p in network.populations
    )
    return replace(network, populations=populations)


def test_outputs_of_another_task_are_not_asked() -> None:
    policy = given(two_tasks(), parse_request("patience{repeats=3}"))
    assert policy == m.Patience(heads=("b", "last"), repeats=(3, 3))


@pytest.mark.parametrize("text", ["confidence{heads=[a,last]}", "fixed{head=a}"])
def test_an_output_of_another_task_cannot_be_asked(text: str) -> None:
    assert code_of(text, two_tasks()) == "SN953"


def test_a_missing_internal_head_has_a_cure() -> None:
    with pytest.raises(UsageError, match="--classifiers auto"):
        check_network(recordings.network(), BayesRequest())


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (
            "confidence{threshold=0.6}",
            m.Confidence(
                heads=("b", "last"), alpha=8.0, temperatures=(1.0, 1.0), thresholds=(0.6, 0.6)
            ),
        ),
        (
            "margin{threshold=0.5,alpha=4,temperature=2,heads=[last],last-step=6}",
            m.Margin(
                heads=("last",), last_step=6, alpha=4.0, temperatures=(2.0,), thresholds=(0.5,)
            ),
        ),
        (
            "confidence{threshold=0.5,score=margin,heads=[last]}",
            m.Margin(heads=("last",), alpha=8.0, temperatures=(1.0,), thresholds=(0.5,)),
        ),
        (
            "entropy{threshold=0.5,order=depth,budgets=[3]}",
            m.Entropy(
                heads=("b", "last"),
                order="depth",
                budgets=(3,),
                alpha=8.0,
                temperatures=(1.0, 1.0),
                thresholds=(0.5, 0.5),
            ),
        ),
        (
            "patience{repeats=3,first-step=2}",
            m.Patience(heads=("b", "last"), first_step=2, repeats=(3, 3)),
        ),
        ("fixed{step=4}", m.Fixed(head="last", step=4)),
        ("fixed{step=4,head=b}", m.Fixed(head="b", step=4)),
    ],
)
def test_a_complete_request_is_a_valid_policy_without_data(text: str, policy: m.ExitPolicy) -> None:
    network = recordings.network(heads=2)
    request = parse_request(text)
    assert complete(request)
    assert given(network, request) == policy
    found = verify(replace(network, exit=given(network, request)))
    assert [d for d in found if d.severity == "error"] == []


def test_alpha_is_the_window_of_a_gated_network_unless_told() -> None:
    network = recordings.network(window=3)
    policy = given(network, parse_request("confidence{threshold=0.6}"))
    assert isinstance(policy, m.Confidence)
    assert policy.alpha == 3.0


@pytest.mark.parametrize(
    "request_",
    [
        ConfidenceRequest(),
        ConfidenceRequest(alpha=3.0),
        parse_request("patience{order=depth,repeats=3}"),
        FixedRequest(),
        BayesRequest(threshold=0.9),
    ],
)
def test_a_request_that_leaves_something_open_is_no_policy(request_: Request) -> None:
    assert not complete(request_)
    with pytest.raises(UsageError, match="SN954") as caught:
        given(recordings.network(heads=2), request_)
    assert "labelled data" in str(caught.value)


def test_requests_are_frozen() -> None:
    request: Any = ConfidenceRequest()
    with pytest.raises(AttributeError):
        request.luck = 3.0
