"""Invariants SN42x and SN435: exit policies fit the network's heads, read-outs and schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator

from snnc.ir import exits
from snnc.ir import model as m
from snnc.ir.answers import class_count
from snnc.ir.head_windows import head_windows
from snnc.ir.hints import did_you_mean
from snnc.ir.verify_base import SPIKING, STAGES, Finding, Invariant, parameter_values, tensor

_WHERE = "exit"
_ONE = "use margin: the answer is there with the first output spike, and cannot change"
LARGEST = 1e12
"""Of strengths and dispersions: beyond it float64 no longer sees one spike more or less."""


def _stage(network: m.Network) -> Iterator[Finding]:
    if network.exit is not None and network.stage == "ann":
        yield "stage ann has no time and takes no exit", _WHERE, "remove the exit"


def _heads(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    if policy is None:
        return
    known = [head.name for head in network.heads]
    asked = exits.asked_heads(policy)
    unknown = [name for name in asked if name not in known]
    listed = f"the heads are {', '.join(known)}"
    if not asked:
        yield "the exit asks no head", _WHERE, listed
    for name in unknown:
        message = f"the exit asks head {name}, which the network does not have"
        yield message, _WHERE, did_you_mean(name, known) or listed
    if not unknown and list(asked) != [name for name in known if name in asked]:
        message = "the exit does not ask the heads in the network's order, each once"
        yield message, _WHERE, listed
    needs_last = isinstance(policy, m.Bayes) or bool(exits.budgets(policy))
    if needs_last and asked and known and asked[-1] != known[-1]:
        yield f"the last head that is asked must be {known[-1]}", _WHERE, "it always answers"


def _lengths(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    if policy is None or isinstance(policy, m.Fixed | m.Bayes):
        return
    count = len(policy.heads)
    for name in _per_head(policy):
        found = len(getattr(policy, name))
        if found != count:
            yield f"{found} {name} are given for {count} heads", _WHERE, "give one per head"
    wanted = count - 1 if policy.order == "depth" else 0
    if len(policy.budgets) != wanted:
        message = f"{len(policy.budgets)} budgets are given; order={policy.order} takes {wanted}"
        yield message, _WHERE, "with order=depth one per head but the last, else none"
    if policy.order == "depth" and count == 1:
        message = "order=depth asks one head after another, and there is only one"
        yield message, _WHERE, "use order=time, or ask another head"


def _per_head(policy: m.ExitPolicy) -> tuple[str, ...]:
    """The fields of a policy that hold one value per head."""
    if isinstance(policy, m.Confidence | m.Margin | m.Entropy):
        return "temperatures", "thresholds"
    if isinstance(policy, m.IntegerConfidence):
        return "shifts", "limits"
    return ("limits",) if isinstance(policy, m.IntegerMargin) else ("repeats",)


def _positive(policy: m.ExitPolicy) -> dict[str, tuple[float, ...]]:
    """What a policy holds that must be above 0, by what a message calls it."""
    if isinstance(policy, m.Confidence | m.Margin | m.Entropy):
        return {
            "alpha": (policy.alpha,),
            "temperature": policy.temperatures,
            "product of alpha and temperature": tuple(
                policy.alpha * temperature for temperature in policy.temperatures
            ),
        }
    return {"number of repeats": policy.repeats} if isinstance(policy, m.Patience) else {}


def _numbers(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    if policy is None:
        return
    for name, values in _positive(policy).items():
        bad = [v for v in values if not (v > 0 and math.isfinite(v))]
        if bad:
            yield f"the {name} is {bad[0]}; it must be above 0 and finite", _WHERE, ""
    dispersion = policy.dispersion if isinstance(policy, m.Bayes) else 1.0
    if isinstance(dispersion, int | float) and not 0 <= dispersion <= LARGEST:
        message = f"the dispersion is {dispersion:g}, not within 0 to {LARGEST:g}"
        yield message, _WHERE, "1 takes the variance as the model gives it"
    if any(math.isnan(limit) for limit in _thresholds(policy)):
        yield "a threshold is no number", _WHERE, "infinity lets no sample stop early"


def _thresholds(policy: m.ExitPolicy) -> tuple[float, ...]:
    if isinstance(policy, m.Bayes):
        return (policy.threshold,)
    if isinstance(policy, m.Confidence | m.Margin | m.Entropy):
        return policy.thresholds
    return ()


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


def _windows(network: m.Network) -> Iterator[Finding]:
    policy, schedule = network.exit, network.schedule
    whole = len(network.populations)
    if policy is None or not isinstance(schedule, m.Phased):
        return
    if not len(schedule.integrates) == len(schedule.fires) == whole:
        return  # SN433 says so
    if exits.budgets(policy):
        message = "order=depth starts the layers of later heads anew, and phases run them in turn"
        yield message, _WHERE, "use order=time: layers behind a head that answers are spared too"
    known = {p.name for p in network.populations}
    if not all(head.population in known for head in network.heads):
        return  # SN402 says so
    windows = head_windows(network)
    answering = policy.head if isinstance(policy, m.Fixed) else network.heads[-1].name
    if isinstance(policy, m.Patience):
        for head in network.heads:
            if head.name in policy.heads and not isinstance(head.readout, m.Membrane):
                message = f"patience waits for answers, and head {head.name} has one answer"
                yield message, _WHERE, _ONE
    last = exits.deadline(policy, schedule.steps)
    if answering in windows and last < windows[answering].start:
        message = (
            f"head {answering} answers after step {last} at the latest, and its window begins with "
            f"step {windows[answering].start}"
        )
        yield message, _WHERE, "choose a later step: until then its read-out is empty"


def _classes(network: m.Network) -> Iterator[Finding]:
    if network.exit is None:
        return
    known = {p.name for p in network.populations}
    asked = {*exits.asked_heads(network.exit), network.heads[-1].name}
    sizes = {
        h.name: class_count(network, h)
        for h in network.heads
        if h.name in asked and h.population in known
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
        if isinstance(network.schedule, m.Phased):
            message = "bayes counts spikes, and a spike's time is its value under phases"
        yield message, _WHERE, "use schedule = synchronous(...)"
    populations = {p.name: p for p in network.populations}
    for head in network.heads:
        population = populations.get(head.population)
        if head.name in policy.heads and population is not None:
            yield from _counted(network, head, population)


def _counted(network: m.Network, head: m.Head, population: m.Population) -> Iterator[Finding]:
    """What keeps a head's spikes from being trials of one binomial per class."""
    neuron = population.neuron
    binary = isinstance(neuron, m.IF) and neuron.negative_spikes == "none"
    if not (binary and isinstance(head.readout, m.SpikeCount)):
        message = f"bayes needs the spike count of head {head.name}, at most one per step"
        yield message, _WHERE, "run the pass spike-heads"
    if math.prod(population.shape) < 2:
        message = f"bayes compares the rates of two neurons; head {head.name} has one"
        yield message, _WHERE, "use the policy confidence"
    scale = parameter_values(network, population.scale)
    # One spike must be worth the same for all classes, or the largest rate is not the answer.
    if scale is not None and not (scale.min() == scale.max() > 0):
        message = f"bayes compares firing rates; head {head.name} weighs them by its scale"
        yield message, _WHERE, "give the population one positive number as its scale"


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
        elif ref in network.store:
            table = network.store.get(ref)
            bad = table[~((table >= 0) & (table <= LARGEST))]
            if bad.size:
                message = f"the {name} of the exit holds {bad[0]:g}, not within 0 to {LARGEST:g}"
                yield message, _WHERE, ""


INVARIANTS = (
    Invariant("SN420", STAGES, "exits belong to spiking networks", _stage),
    Invariant("SN421", SPIKING, "the exit asks heads of the network, in its order", _heads),
    Invariant("SN422", SPIKING, "the exit has one value per head", _lengths),
    Invariant("SN423", SPIKING, "numbers of the exit are in range", _numbers),
    Invariant("SN424", SPIKING, "the exit's steps lie within the schedule", _steps),
    Invariant("SN425", SPIKING, "heads of the exit have the same classes", _classes),
    Invariant("SN426", SPIKING, "bayes reads spike counts of several heads", _bayes),
    Invariant("SN427", SPIKING, "tables of the exit fit its heads and steps", _tables),
    Invariant("SN435", SPIKING, "the exit asks heads within their windows", _windows),
)
