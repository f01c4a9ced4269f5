"""What a user asks of an exit policy: what is given, and what is left to be fitted.

Written as an option string: `confidence{threshold=0.6,alpha=30}`, `patience`,
`margin{heads=[ic1,out],order=depth,luck=1}`. Every option may be left out; what is left out is
fitted on labelled data, unless the rest says enough (`complete`).
"""

from __future__ import annotations

from snnc.exits.request_checks import (
    check,
    check_heads,
    check_network,
    class_heads,
    refused,
)
from snnc.exits.request_types import (
    REQUESTS,
    BayesRequest,
    ConfidenceRequest,
    EntropyRequest,
    FixedRequest,
    MarginRequest,
    PatienceRequest,
    Request,
    ScaledRequest,
    Strength,
)
from snnc.ir import model as m
from snnc.ir.exits import Scaled
from snnc.options import build_all, format_spec

__all__ = [
    "REQUESTS",
    "BayesRequest",
    "ConfidenceRequest",
    "EntropyRequest",
    "FixedRequest",
    "MarginRequest",
    "PatienceRequest",
    "Request",
    "ScaledRequest",
    "Strength",
    "check",
    "check_heads",
    "check_network",
    "class_heads",
    "complete",
    "full_drive",
    "given",
    "parse_request",
    "refused",
    "rule_of",
]

_RULES: dict[str, type[Scaled]] = {
    "confidence": m.Confidence,
    "margin": m.Margin,
    "entropy": m.Entropy,
}


def parse_request(text: str) -> Request:
    """The request that an option string makes.

    Raises:
        UsageError: SN700 to SN706 for the string itself; SN954 for no policy, several policies, or
            an option that is out of range or contradicts another.
    """
    found: list[Request] = build_all(text, REQUESTS, "exit policy")
    if len(found) != 1:
        message = (
            f"{len(found)} exit policies are asked for" if found else "no exit policy is named"
        )
        raise refused(message, f"give one of {', '.join(sorted(REQUESTS))}", text)
    check(found[0])
    return found[0]


def complete(request: Request) -> bool:
    """Whether the request says all that a policy needs, so that nothing has to be fitted."""
    if isinstance(request, BayesRequest):
        return False
    if isinstance(request, FixedRequest):
        return request.step is not None
    number = request.repeats if isinstance(request, PatienceRequest) else request.threshold
    return number is not None and (request.order == "time" or request.budgets is not None)


def given(network: m.Network, request: Request) -> m.ExitPolicy:
    """The policy of a request that is complete: no data is looked at.

    Options that are not given: all heads, alpha the number of steps in which the network's input
    acts, temperature 1, no earlier last step.

    Raises:
        UsageError: SN953 for a head that the network lacks, SN954 for a request that is not
            complete or does not fit the network's schedule.
    """
    check_network(network, request)
    if not complete(request):
        advice = f"give {_wanted(request)}, or labelled data to fit it on"
        raise refused(f"{request.name} is not given in full", advice, format_spec(request))
    if isinstance(request, FixedRequest):
        assert request.step is not None
        return m.Fixed(head=request.head or network.heads[-1].name, step=request.step)
    assert not isinstance(request, BayesRequest)
    heads = request.heads or class_heads(network)
    if isinstance(request, PatienceRequest):
        assert request.repeats is not None
        return m.Patience(
            heads=heads,
            first_step=request.first_step,
            last_step=request.last_step,
            order=request.order,
            budgets=request.budgets or (),
            repeats=(request.repeats,) * len(heads),
        )
    assert request.threshold is not None
    return rule_of(request)(
        heads=heads,
        first_step=request.first_step,
        last_step=request.last_step,
        order=request.order,
        budgets=request.budgets or (),
        alpha=full_drive(network) if request.alpha is None else request.alpha,
        temperatures=(request.temperature or 1.0,) * len(heads),
        thresholds=(request.threshold,) * len(heads),
    )


def rule_of(request: ScaledRequest) -> type[Scaled]:
    """The policy of the IR that a request with a given threshold means."""
    if isinstance(request, ConfidenceRequest) and request.score == "margin":
        return m.Margin
    return _RULES[request.name]


def full_drive(network: m.Network) -> float:
    """In how many steps of a whole run input and bias act: the read-out's units per logit."""
    assert network.schedule is not None
    return float(network.schedule.drive(network.schedule.steps))


def _wanted(request: Request) -> str:
    if isinstance(request, BayesRequest):
        return "a policy other than bayes"
    if isinstance(request, FixedRequest):
        return "step"
    number = "repeats" if isinstance(request, PatienceRequest) else "threshold"
    return number if request.order == "time" else f"{number} and budgets"
