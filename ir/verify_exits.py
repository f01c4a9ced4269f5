"""Invariants SN42x: exit policies fit the network's heads, read-outs and schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from snnc.ir import exits
from snnc.ir import model as m
from snnc.ir.verify_base import SPIKING, STAGES, Finding, Invariant, tensor

_WHERE = "exit"


def _stage(network: m.Network) -> Iterator[Finding]:
    if network.exit is not None and network.stage == "ann":
        yield "stage ann has no time and takes no exit", _WHERE, "remove the exit"


def _heads(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    if policy is None:
        return
    known = [head.name for head in network.heads]
    asked = exits.asked_heads(policy)
    if not asked:
        yield "the exit asks no head", _WHERE, f"the heads are {', '.join(known)}"
    for name in asked:
        if name not in known:
            message = f"the exit asks head {name}, which the network does not have"
            yield message, _WHERE, f"the heads are {', '.join(known)}"
    if list(asked) != [name for name in known if name in asked]:
        yield "the exit does not ask the heads in the network's order", _WHERE, ""
    needs_last = isinstance(policy, m.Bayes) or bool(exits.budgets(policy))
    if needs_last and asked and known and asked[-1] != known[-1]:
        yield f"the last head that is asked must be {known[-1]}", _WHERE, "it always answers"


def _lengths(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    if policy is None or isinstance(policy, m.Fixed | m.Bayes):
        return
    per_head = ("repeats",) if isinstance(policy, m.Patience) else ("temperatures", "thresholds")
    count = len(policy.heads)
    for name in per_head:
        found = len(getattr(policy, name))
        if found != count:
            yield f"{found} {name} are given for {count} heads", _WHERE, "give one per head"
    wanted = count - 1 if policy.order == "depth" else 0
    if len(policy.budgets) != wanted:
        message = f"{len(policy.budgets)} budgets are given; order={policy.order} takes {wanted}"
        yield message, _WHERE, "with order=depth one per head but the last, else none"


def _numbers(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    positive: dict[str, tuple[float, ...]] = {}
    limits: tuple[float, ...] = ()
    if isinstance(policy, m.Confidence | m.Margin | m.Entropy):
        positive = {"alpha": (policy.alpha,), "temperature": policy.temperatures}
        limits = policy.thresholds
    elif isinstance(policy, m.Patience):
        positive = {"number of repeats": policy.repeats}
    elif isinstance(policy, m.Bayes):
        limits = (policy.threshold,)
        if isinstance(policy.dispersion, int | float):
            positive = {"dispersion": (policy.dispersion,)}
    for name, values in positive.items():
        bad = [v for v in values if not (v > 0 and math.isfinite(v))]
        if bad:
            yield f"the {name} is {bad[0]}; it must be above 0 and finite", _WHERE, ""
    if any(math.isnan(limit) for limit in limits):
        yield "a threshold is no number", _WHERE, "infinity lets no sample stop early"


def _steps(network: m.Network) -> Iterator[Finding]:
    policy, schedule = network.exit, network.schedule
    if policy is None or schedule is None:
        return
    steps = schedule.steps
    if isinstance(policy, m.Fixed):
        ranges = {"step": (policy.step, 1, steps)}
    else:
        last = steps if policy.last_step is None else policy.last_step
        ranges = {
            "first_step": (policy.first_step, 1, steps),
            "last_step": (last, policy.first_step, steps),
        }
    ranges |= {f"budget {i + 1}": (b, 1, steps) for i, b in enumerate(exits.budgets(policy))}
    for name, (value, low, high) in ranges.items():
        if not low <= value <= high:
            yield f"the {name} of the exit is {value}, not within {low} to {high}", _WHERE, ""


def _classes(network: m.Network) -> Iterator[Finding]:
    if network.exit is None:
        return
    shapes = {p.name: p.shape for p in network.populations}
    asked = {*exits.asked_heads(network.exit), network.heads[-1].name}
    sizes = {
        h.name: math.prod(shapes[h.population])
        for h in network.heads
        if h.name in asked and h.population in shapes
    }
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {size}" for name, size in sizes.items())
        yield f"the heads of the exit have different numbers of classes: {found}", _WHERE, ""


def _bayes(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    if not isinstance(policy, m.Bayes):
        return
    if len(policy.heads) < 2:
        message = f"bayes fuses {len(policy.heads)} heads; it needs an internal one"
        yield message, _WHERE, "insert a classifier, or use the policy confidence"
    if not isinstance(network.schedule, m.Synchronous):
        message = "bayes needs as many input steps as time steps"
        yield message, _WHERE, "use schedule = synchronous(...)"
    neurons = {p.name: p.neuron for p in network.populations}
    for head in network.heads:
        neuron = neurons.get(head.population)
        if head.name not in policy.heads or neuron is None:
            continue
        binary = isinstance(neuron, m.IF) and neuron.negative_spikes == "none"
        if not (binary and isinstance(head.readout, m.SpikeCount)):
            message = f"bayes needs the spike count of head {head.name}, at most one per step"
            yield message, _WHERE, "run the pass spike-heads"


def _tables(network: m.Network) -> Iterator[Finding]:
    policy, schedule = network.exit, network.schedule
    if not isinstance(policy, m.Bayes) or schedule is None:
        return
    shapes = {"strength": (len(policy.heads) - 1, schedule.steps), "dispersion": (schedule.steps,)}
    for name, shape in shapes.items():
        ref = tensor(network, getattr(policy, name))
        if ref is None:
            continue
        if ref.shape != shape:
            message = f"the {name} of the exit has shape {list(ref.shape)}, not {list(shape)}"
            yield message, _WHERE, ""
        elif ref in network.store and not np.all(network.store.get(ref) >= 0):
            yield f"the {name} of the exit has a negative value", _WHERE, ""


INVARIANTS = (
    Invariant("SN420", STAGES, "exits belong to spiking networks", _stage),
    Invariant("SN421", SPIKING, "the exit asks heads of the network, in its order", _heads),
    Invariant("SN422", SPIKING, "the exit has one value per head", _lengths),
    Invariant("SN423", SPIKING, "numbers of the exit are in range", _numbers),
    Invariant("SN424", SPIKING, "the exit's steps lie within the schedule", _steps),
    Invariant("SN425", SPIKING, "heads of the exit have the same classes", _classes),
    Invariant("SN426", SPIKING, "bayes reads spike counts of several heads", _bayes),
    Invariant("SN427", SPIKING, "tables of the exit fit its heads and steps", _tables),
)
