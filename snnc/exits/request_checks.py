"""What an exit request must be like, by itself and for a network."""

from __future__ import annotations

import math
from collections.abc import Iterator

from snnc.diagnostics import Diagnostic, UsageError
from snnc.exits.request_types import (
    BayesRequest,
    ConfidenceRequest,
    Dynamic,
    EntropyRequest,
    FixedRequest,
    MarginRequest,
    Ordered,
    PatienceRequest,
    Request,
    ScaledRequest,
)
from snnc.ir import model as m
from snnc.ir.answers import class_count
from snnc.ir.head_windows import head_windows
from snnc.options import format_spec


def check(request: Request) -> None:
    """Refuse a request that no network could meet.

    Raises:
        UsageError: SN954, an option is out of range or contradicts another.
    """
    for message, advice in _faults(request):
        raise refused(message, advice, request.name)


def check_network(network: m.Network, request: Request) -> None:
    """Refuse a request that this network cannot meet.

    Raises:
        UsageError: SN953 for a head that the network lacks, SN954 for steps beyond its schedule or,
            with phases, before the answering head's window, a number of budgets that is not one per
            internal head, or order=depth under a schedule of phases.
    """
    check(request)
    check_heads(network, request)
    assert network.schedule is not None
    if isinstance(network.schedule, m.Phased):
        _check_windows(network, request)
    steps = network.schedule.steps
    limits: dict[str, int | None] = {}
    if isinstance(request, FixedRequest):
        limits["step"] = request.step
    else:
        limits |= {"first-step": request.first_step, "last-step": request.last_step}
    budgets = getattr(request, "budgets", None) or ()
    limits |= {f"budget {i + 1}": budget for i, budget in enumerate(budgets)}
    for name, value in limits.items():
        if value is not None and value > steps:
            message = f"{name} is {value}, but the network runs {steps} time steps"
            raise refused(message, f"at most {steps}", format_spec(request))
    asked = getattr(request, "heads", None) or class_heads(network)
    if budgets and len(budgets) != len(asked) - 1:
        message = f"{len(budgets)} budgets are given for {len(asked)} heads"
        raise refused(message, "one for each head but the last", format_spec(request))


def _check_windows(network: m.Network, request: Request) -> None:
    """Refuse what has no meaning under a schedule of phases."""
    if getattr(request, "order", "time") == "depth":
        message = "order=depth starts layers anew, and here they run one after the other anyway"
        advice = "leave it out: layers behind a head that answers are spared as well"
        raise refused(message, advice, format_spec(request))
    if isinstance(request, PatienceRequest):
        _check_patience(network, request)
    fixed = isinstance(request, FixedRequest)
    name = (request.head if isinstance(request, FixedRequest) else None) or network.heads[-1].name
    last = request.step if isinstance(request, FixedRequest) else request.last_step
    opens = head_windows(network)[name].start
    if last is not None and last < opens:
        message = f"{'step' if fixed else 'last-step'} is {last}, and head {name} is empty until"
        raise refused(f"{message} step {opens}", f"at least {opens}", format_spec(request))


def _check_patience(network: m.Network, request: PatienceRequest) -> None:
    """Refuse to wait for the same answer several times where output neurons fire once."""
    for head in network.heads:
        asked = request.heads or class_heads(network)
        if head.name in asked and not isinstance(head.readout, m.Membrane):
            message = f"patience waits until an answer stays, and head {head.name} gives one answer"
            advice = "use margin or entropy: they stop when the first output neuron fires"
            raise refused(message, advice, format_spec(request))


def class_heads(network: m.Network) -> tuple[str, ...]:
    """The heads that tell the same classes apart as the last one, in order, the last one included.

    Other outputs (of another task, with another number of values) give no answer for it.
    """
    classes = class_count(network, network.heads[-1])
    return tuple(h.name for h in network.heads if class_count(network, h) == classes)


def check_heads(network: m.Network, request: Request) -> None:
    """Refuse a request that asks heads which a network of any stage does not have.

    Raises:
        UsageError: SN953.
    """
    names = [head.name for head in network.heads]
    if isinstance(request, FixedRequest):
        asked: tuple[str, ...] = () if request.head is None else (request.head,)
    else:
        asked = request.heads or ()
    for name in asked:
        if name not in names:
            message = f"exit {request.name} asks head {name}, which the network does not have"
            raise _headless(message, f"its heads are {', '.join(names)}", request)
    if list(asked) != [name for name in names if name in asked]:
        message = f"exit {request.name} does not name each head once, in the network's order"
        raise _headless(message, f"the order is {', '.join(names)}", request)
    answering = class_heads(network)
    for name in asked:
        if name not in answering:
            message = f"head {name} does not tell the same classes apart as {names[-1]}"
            raise _headless(message, f"heads that do: {', '.join(answering)}", request)
    several = isinstance(request, BayesRequest) or getattr(request, "order", "time") == "depth"
    if not several:
        return
    if len(answering) < 2 or len(asked) == 1:
        message = f"exit {format_spec(request)} needs an internal head besides the last one"
        advice = "insert classifiers (--classifiers auto), or name the internal heads too"
        raise _headless(message, advice, request)
    if asked and asked[-1] != names[-1]:
        message = f"exit {format_spec(request)} does not ask the last head, {names[-1]}"
        raise _headless(message, f"name {names[-1]} too: it always answers", request)


def _faults(request: Request) -> Iterator[tuple[str, str]]:
    """What is wrong with a request by itself, each with what to do."""
    if not (request.luck >= 0 and math.isfinite(request.luck)):
        yield f"luck is {request.luck}", "0 for no margin, 0.5 or 1 standard errors are usual"
    if isinstance(request, FixedRequest):
        yield from _below_one("step", request.step)
        return
    yield from _step_faults(request)
    if isinstance(request, PatienceRequest):
        yield from _below_one("repeats", request.repeats)
    elif request.threshold is not None and math.isnan(request.threshold):
        yield "the threshold is no number", "inf lets no sample stop early"
    if not isinstance(request, BayesRequest):
        yield from _order_faults(request)
    if isinstance(request, ConfidenceRequest | MarginRequest | EntropyRequest):
        yield from _scale_faults(request)


def _step_faults(request: Dynamic) -> Iterator[tuple[str, str]]:
    yield from _below_one("first-step", request.first_step)
    yield from _below_one("last-step", request.last_step)
    if request.last_step is not None and request.last_step < request.first_step:
        message = f"last-step={request.last_step} lies before first-step={request.first_step}"
        yield message, "somebody must be asked"
    if request.heads is not None and not request.heads:
        yield "heads is an empty list", "leave it out to ask all heads"


def _order_faults(request: Ordered) -> Iterator[tuple[str, str]]:
    if request.budgets is None:
        return
    if request.order != "depth":
        yield "budgets are given without order=depth", "add order=depth, or leave budgets out"
    for budget in request.budgets:
        yield from _below_one("a budget", budget)


def _scale_faults(request: ScaledRequest) -> Iterator[tuple[str, str]]:
    for name, value in (("alpha", request.alpha), ("temperature", request.temperature)):
        if value is not None and not (value > 0 and math.isfinite(value)):
            yield f"the {name} is {value:g}", "it must be above 0 and finite"
    if request.threshold is not None and request.order == "depth" and request.budgets is None:
        yield "a threshold is given without budgets", "give budgets too, or leave both out"


def _below_one(name: str, value: int | None) -> Iterator[tuple[str, str]]:
    if value is not None and value < 1:
        yield f"{name} is {value}", "it must be at least 1"


def refused(message: str, advice: str, where: str) -> UsageError:
    """SN954: an option of the exit `where` cannot hold."""
    return UsageError(Diagnostic("SN954", message, f"exit {where}".rstrip(), advice))


def _headless(message: str, advice: str, request: Request) -> UsageError:
    return UsageError(Diagnostic("SN953", message, f"exit {format_spec(request)}", advice))
