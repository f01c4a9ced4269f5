"""Fitting an exit policy to recorded read-outs of labelled samples.

Two parts of the data have different tasks. The fitting part calibrates temperatures and chooses the
score, alpha, heads, budgets and the earliest last step; the choosing part then chooses the
threshold, and whether to wait longer than that for samples that nobody is sure of. So the accuracy
that the threshold is chosen by is that of samples which the rest was not fitted to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.diagnostics import Diagnostic, UsageError
from snnc.exits import summary
from snnc.exits.calibration import at_end, fit_temperature
from snnc.exits.candidates import templates
from snnc.exits.choose import standard_error, within_drop
from snnc.exits.labels import checked_labels
from snnc.exits.recorded import Recorded
from snnc.exits.requests import (
    BayesRequest,
    FixedRequest,
    PatienceRequest,
    Request,
    ScaledRequest,
    check_network,
    complete,
    given,
    refused,
)
from snnc.exits.search import (
    Demand,
    Found,
    Ground,
    last_step_choices,
    search,
    search_budgets,
    silent_steps,
    with_point,
)
from snnc.ir import model as m
from snnc.ir.answers import class_values
from snnc.ir.head_windows import head_windows
from snnc.ir.tensors import Array
from snnc.options import format_spec


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted policy.

    Attributes:
        policy: for `Network.exit`.
        arrays: tensors that it names, to be added to the network.
        record: what was fitted, on how many samples, and what it does to the choosing part; JSON.
    """

    policy: m.ExitPolicy
    arrays: dict[str, Array]
    record: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """A policy with notes on how it came about."""

    policy: m.ExitPolicy
    notes: list[str] = field(default_factory=list)


def fit(
    network: m.Network,
    request: Request,
    fitting: Recorded,
    choosing: Recorded,
    max_drop: float = 0.0,
) -> Fit:
    """Fit what a request leaves open.

    Of all scores, alphas, heads, last steps and thresholds the cheapest is taken whose accuracy is
    no more than `max_drop` points below that of the full run, by a margin of `request.luck`
    standard errors of the paired difference; see `choose.standard_error` for the reason.

    Args:
        network: at stage snn or fixed, with a schedule.
        request: what is wanted.
        fitting: samples that calibrate and choose all but the threshold; full runs with labels.
        choosing: other samples that choose the threshold.
        max_drop: percentage points of accuracy that may be lost.

    Raises:
        InputError: SN950 to SN952 and SN955 for labels or samples that do not do.
        UsageError: SN953 for a head that the network lacks; SN954 for options that do not fit the
            network, or with which nothing is accurate enough.
        ValueError: the recordings are not runs of the network's whole schedule.
    """
    check_network(network, request)
    if not max_drop >= 0:
        raise refused(f"max_drop is {max_drop}", "it must be at least 0", format_spec(request))
    if isinstance(request, BayesRequest):
        from snnc.exits.fusion import fit_bayes

        return fit_bayes(network, request, fitting, choosing, max_drop)
    first, second = grounds(network, fitting, choosing)
    demand = Demand(max_drop, request.luck)
    if complete(request):
        chosen = _Chosen(given(network, request))
    elif isinstance(request, FixedRequest):
        chosen = _Chosen(_fixed(second, request, demand))
    else:
        chosen = _dynamic(first, second, request, demand)
    record = recorded(first, second, request, demand, chosen.policy, chosen.notes)
    return Fit(chosen.policy, {}, record)


def grounds(network: m.Network, fitting: Recorded, choosing: Recorded) -> tuple[Ground, Ground]:
    """Both parts with their labels checked.

    Raises:
        InputError: SN950 to SN952 and SN955.
        ValueError: the recordings are not runs of the network's whole schedule.
    """
    assert network.schedule is not None
    for part in (fitting, choosing):
        if part.steps != network.schedule.steps:
            raise ValueError(f"{part.steps} recorded steps of {network.schedule.steps}")
    labels = checked_labels(network, fitting, choosing)
    return Ground(network, fitting, labels[0]), Ground(network, choosing, labels[1])


def recorded(
    first: Ground,
    second: Ground,
    request: Request,
    demand: Demand,
    policy: m.ExitPolicy,
    notes: list[str],
) -> dict[str, Any]:
    """The record of a fit, plain JSON: see `Fit`.

    Args:
        first: the fitting part.
        second: the choosing part.
        request: what was wanted.
        demand: what was demanded.
        policy: what came of it, if it names tensors then with a network that has them.
        notes: on how it came about.
    """
    figures = summary.measured(second, policy)
    error = standard_error(
        np.array(figures["accuracy"] - figures["accuracy_full"]),
        np.array(figures["changed"]),
        second.recorded.samples,
    )
    return {
        "policy": request.name,
        "request": format_spec(request),
        **summary.described(policy),
        "max_drop": demand.max_drop,
        "luck": demand.luck,
        "margin": demand.luck * float(error),
        "fitting": summary.measured(first, policy),
        "choosing": figures,
        "pareto": [] if isinstance(policy, m.Fixed) else summary.front(second, policy),
        "fixed": summary.fixed_steps(second, demand),
        "notes": [*notes, *summary.remarks(second, policy, demand, figures)],
    }


def _dynamic(
    first: Ground, second: Ground, request: ScaledRequest | PatienceRequest, demand: Demand
) -> _Chosen:
    """Choose the policy on the first part, and then its threshold on the second."""
    notes: list[str] = []
    temperatures: Mapping[str, float] = {}
    if not isinstance(request, PatienceRequest):
        temperatures = _temperatures(first, request, notes)
    policies = list(templates(first.network, request, temperatures))
    steps = first.recorded.steps
    depth = request.order == "depth" and request.budgets is None
    if request.last_step is not None:
        lasts = [request.last_step]
    else:
        lasts = last_step_choices(request.first_step, steps, silent_steps(first.network))
    found = (search_budgets if depth else search)(first, policies, lasts, demand)
    if found is None:
        raise impossible(first, request, demand)
    return _Chosen(thresholded(second, request, found, demand), notes)


def thresholded(
    ground: Ground,
    request: ScaledRequest | PatienceRequest | BayesRequest,
    found: Found,
    demand: Demand,
) -> m.ExitPolicy:
    """Choose the threshold on the choosing part, and the last step anew.

    The last step is that of the fitting part or a later one, which costs more and loses less. To
    choose earlier ones too would fit the choosing part more than its labels bear.

    Raises:
        UsageError: SN954, no threshold is accurate enough.
    """
    steps, last = ground.recorded.steps, found.point.last_step
    lasts = [last] if request.last_step is not None else range(last, steps + 1)
    point = ground.table(found.policy).best(lasts, demand)
    if point is None:
        raise impossible(ground, request, demand)
    return with_point(found.policy, point, steps)


def _temperatures(ground: Ground, request: ScaledRequest, notes: list[str]) -> Mapping[str, float]:
    """The temperature of each head, from the trained network's logits."""
    found = {}
    for head in ground.network.heads:
        logits = ground.recorded.logits.get(head.name)
        if request.temperature is not None:
            found[head.name] = request.temperature
        elif logits is None or isinstance(head.readout, m.FirstSpike):
            found[head.name] = 1.0
            why = "its logits are not known" if logits is None else "it reads times, not logits"
            notes.append(f"the temperature of head {head.name} is 1: {why}")
        else:
            fitted = fit_temperature(class_values(head, logits), ground.labels)
            found[head.name] = fitted
            if at_end(fitted):
                notes.append(
                    f"the temperature of head {head.name} is {fitted:g}, an end of the range that "
                    "is searched: all its answers are right, or its logits say nothing or little"
                )
    return found


def _fixed(ground: Ground, request: FixedRequest, demand: Demand) -> m.Fixed:
    """The fewest steps for all samples that are accurate enough."""
    name = request.head or ground.network.heads[-1].name
    policy = m.Fixed(head=name, step=1)
    rows = ground.opinions(policy)
    opens = head_windows(ground.network)[name].start
    steps = np.arange(opens, ground.recorded.steps + 1)[:, None]
    right = np.take_along_axis(
        rows.final == ground.labels,
        np.minimum(rows.rest, steps) - 1 - rows.skipped,
        axis=0,
    )
    gain = right.mean(axis=1) - ground.full
    changed = (right != ground.reference).mean(axis=1)
    samples = ground.recorded.samples
    enough = np.flatnonzero(within_drop(gain, changed, samples, demand.max_drop, demand.luck))
    if len(enough) == 0:
        raise impossible(ground, request, demand)
    return m.Fixed(head=name, step=opens + int(enough[0]))


def impossible(ground: Ground, request: Request, demand: Demand) -> UsageError:
    """The error that nothing within a request is accurate enough."""
    message = (
        f"with exit {format_spec(request)} no threshold stays within {demand.max_drop:g} points of "
        f"the full run's accuracy ({100 * ground.full:.2f} %) on "
        f"{ground.recorded.samples} samples"
    )
    advice = "leave the last step to be searched, ask the last head, or raise --max-drop"
    return UsageError(Diagnostic("SN954", message, f"exit {format_spec(request)}", advice))
