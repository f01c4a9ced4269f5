"""The policies among which a fit searches, before they have thresholds and last steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from snnc.exits.requests import (
    ConfidenceRequest,
    PatienceRequest,
    ScaledRequest,
    class_heads,
    full_drive,
    rule_of,
)
from snnc.exits.search import Ordered
from snnc.ir import model as m
from snnc.ir.exits import Scaled

OCTAVES = range(-5, 4)
"""Alphas that are tried: the steps with input of a full run times 2 to the power of these."""


def head_sets(
    network: m.Network, request: ScaledRequest | PatienceRequest
) -> list[tuple[str, ...]]:
    """The heads that may be asked: those that were named, or all, or the last one alone.

    One threshold holds for all heads, so that asking a weak internal head can cost accuracy; hence
    the last head alone is tried too. The spatial exit asks all.
    """
    names = class_heads(network)
    if request.heads is not None:
        return [request.heads]
    if request.order == "depth" or len(names) == 1:
        return [names]
    return [names, names[-1:]]


def templates(
    network: m.Network,
    request: ScaledRequest | PatienceRequest,
    temperatures: Mapping[str, float],
) -> Iterator[Ordered]:
    """Policies with all but budgets, thresholds and last steps, which are placeholders.

    Args:
        network: with a schedule.
        request: what is given holds for all of them.
        temperatures: of each head by name.
    """
    for heads in head_sets(network, request):
        count = len(heads)
        budgets = (1,) * (count - 1) if request.order == "depth" else ()
        budgets = budgets if request.budgets is None else request.budgets
        if isinstance(request, PatienceRequest):
            yield m.Patience(
                heads=heads,
                first_step=request.first_step,
                order=request.order,
                budgets=budgets,
                repeats=(1,) * count,
            )
            continue
        for rule, alpha in _rules(network, request):
            yield rule(
                heads=heads,
                first_step=request.first_step,
                order=request.order,
                budgets=budgets,
                alpha=alpha,
                temperatures=tuple(temperatures[name] for name in heads),
                thresholds=(0.0,) * count,
            )


def _rules(network: m.Network, request: ScaledRequest) -> Iterator[tuple[type[Scaled], float]]:
    """Scores with their alphas.

    The margin takes the steps with input of a full run alone: another alpha is another threshold.
    """
    drive = full_drive(network)
    chosen = rule_of(request)
    rules = [chosen]
    if isinstance(request, ConfidenceRequest) and request.score == "any" and request.alpha is None:
        rules.append(m.Margin)
    for rule in rules:
        if request.alpha is not None:
            yield rule, request.alpha
        elif rule is m.Margin:
            yield rule, drive
        else:
            yield from ((rule, drive * 2.0**octave) for octave in OCTAVES)
