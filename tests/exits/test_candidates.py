from __future__ import annotations

from dataclasses import replace

import pytest
import recordings

from snnc.exits.candidates import OCTAVES, head_sets, templates
from snnc.exits.requests import ScaledRequest, parse_request
from snnc.ir import model as m
from snnc.ir.verify import verify

NETWORK = recordings.network(heads=3)
TEMPERATURES = {"a": 1.0, "b": 2.0, "last": 3.0}


def listed(text: str, network: m.Network = NETWORK) -> list[m.ExitPolicy]:
    request = parse_request(text)
    assert isinstance(request, ScaledRequest) or request.name == "patience"
    return list(templates(network, request, TEMPERATURES))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "confidence",
        "confidence{order=depth}",
        "margin",
        "entropy{heads=[a,last]}",
        "patience",
        "patience{order=depth,budgets=[2,3],first-step=2}",
    ],
)
def test_every_candidate_is_a_valid_policy(text: str) -> None:
    for policy in listed(text):
        found = verify(replace(NETWORK, exit=policy))
        assert [d for d in found if d.severity == "error"] == []


def test_all_heads_and_the_last_one_alone_are_tried() -> None:
    assert head_sets(NETWORK, parse_request("margin")) == [("a", "b", "last"), ("last",)]  # type: ignore[arg-type]
    assert {p.heads for p in listed("confidence")} == {("a", "b", "last"), ("last",)}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "heads"),
    [
        ("margin{heads=[a,b]}", {("a", "b")}),
        ("margin{order=depth}", {("a", "b", "last")}),
    ],
)
def test_named_heads_and_the_spatial_exit_leave_no_choice(
    text: str, heads: set[tuple[str, ...]]
) -> None:
    assert {p.heads for p in listed(text)} == heads  # type: ignore[union-attr]


def test_confidence_tries_a_grid_of_alphas_and_the_margin() -> None:
    found = listed("confidence{heads=[last]}")
    alphas = [p.alpha for p in found if isinstance(p, m.Confidence)]
    assert alphas == [8.0 * 2.0**octave for octave in OCTAVES]
    assert 8.0 in alphas
    (margin,) = [p for p in found if isinstance(p, m.Margin)]
    assert margin.alpha == 8.0


def test_a_given_alpha_means_the_softmax_with_that_alpha() -> None:
    (policy,) = listed("confidence{alpha=5,heads=[b,last]}")
    assert isinstance(policy, m.Confidence)
    assert policy.alpha == 5.0
    assert policy.temperatures == (2.0, 3.0)


def test_a_named_score_is_the_only_one() -> None:
    assert {type(p) for p in listed("confidence{score=softmax}")} == {m.Confidence}
    assert {type(p) for p in listed("confidence{score=margin}")} == {m.Margin}


def test_alphas_are_in_units_of_the_window_of_a_gated_network() -> None:
    gated = recordings.network(heads=3, window=2)
    (policy,) = listed("margin{heads=[last]}", gated)
    assert isinstance(policy, m.Margin)
    assert policy.alpha == 2.0
