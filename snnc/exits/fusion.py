"""BayesianSpikeFusion: fitting the policy `bayes`, and what fusing changes.

The policy takes the internal heads' spikes as a prior for the firing rates of the last one (Habara,
Sato, Awano 2024); `snnc.ir.scores.fuse` computes the posterior. The strength of the prior is by
default the smallest one with which the answers are clearly most often right. Heads that
`insert-classifiers` trained are an exception: perhaps they were trained on the very samples that
the policy is fitted on, where they look better than they are, and then accuracy alone trusts them
so much that the fused answer falls below that of the last head. So their strength is at most that
of the largest marginal likelihood, which is about rates and not about labels. The likelihood alone
would trust weak heads too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from snnc.diagnostics import Diagnostic, UsageError
from snnc.exits.fit import Fit, grounds, impossible, recorded, thresholded
from snnc.exits.fixed import accuracy_by_step, smallest_step
from snnc.exits.prior import Rule, fit_dispersion, fit_strength
from snnc.exits.recorded import Recorded
from snnc.exits.requests import BayesRequest, class_heads
from snnc.exits.search import Demand, Ground, last_step_choices, search
from snnc.ir import model as m
from snnc.ir.answers import classify, read_out_scale
from snnc.ir.decide import Decider
from snnc.ir.tensors import Array
from snnc.options import format_spec

STRENGTH, DISPERSION = "exit.strength", "exit.dispersion"
"""The names of the two tables."""

TARGET = 0.97
"""The share of the trained network's accuracy whose first step the paper compares."""

ALONE = (
    "the fused answer of the last step was not accurate enough against the last head alone, which "
    "answers there now (strength 0)"
)

SETTLED = 4
"""From this step on fused answers are compared with those of the single heads."""


def spike_counts(network: m.Network, heads: Sequence[str], recording: Recorded) -> list[Array]:
    """The number of spikes (T, N, K) int32 that each head's neurons have fired up to each step.

    Args:
        network: with heads that count spikes.
        heads: their names.
        recording: their read-outs.
    """
    populations = {head.name: head.population for head in network.heads}
    found = []
    for name in heads:
        scale = read_out_scale(network, network.population(populations[name]))
        found.append(np.rint(recording.outputs[name] / scale).astype(np.int32))
    return found


def fit_bayes(
    network: m.Network,
    request: BayesRequest,
    fitting: Recorded,
    choosing: Recorded,
    max_drop: float = 0.0,
) -> Fit:
    """Fit the two tables of the fused posterior, the last step and the threshold for stopping.

    The fitting part gives tables and last step, the choosing part the threshold, by the same scan
    as for all policies. The demanded accuracy is that of the last head's full run.

    Args:
        network: at stage snn or fixed, its heads counting spikes.
        request: what is wanted.
        fitting: full runs of labelled samples.
        choosing: other samples.
        max_drop: percentage points of accuracy that may be lost.

    Raises:
        InputError: SN950 to SN952 and SN955 for labels or samples that do not do.
        UsageError: SN956 for a head that counts no spikes, SN954 where nothing is accurate enough.
    """
    heads = request.heads or class_heads(network)
    _check_heads(network, heads, request)
    labels = grounds(network, fitting, choosing)[0].labels
    rule = strength_rule(network, request)
    counts = spike_counts(network, heads, fitting)
    # What is fitted next must see the strengths as they will be stored.
    strength = fit_strength(counts, labels, rule).astype(np.float32)
    dispersion = fit_dispersion(counts, labels, strength).astype(np.float32)
    template = m.Bayes(
        heads=heads,
        strength=m.Ref(STRENGTH),
        dispersion=m.Ref(DISPERSION),
        threshold=np.inf if request.threshold is None else request.threshold,
        first_step=request.first_step,
        last_step=request.last_step,
    )
    demand = Demand(max_drop, request.luck)
    notes: list[str] = []
    arrays = {STRENGTH: strength, DISPERSION: dispersion}
    parts = grounds(network.with_arrays(arrays), fitting, choosing)
    try:
        policy = _stopping(*parts, request, template, demand)
    except UsageError:
        if request.last_step is not None:
            raise
        # Then the full run is that of the last head alone, so there is a policy that loses nothing.
        strength[-1, -1] = 0.0
        notes.append(ALONE)
        parts = grounds(network.with_arrays(arrays), fitting, choosing)
        policy = _stopping(*parts, request, template, demand)
    record = recorded(*parts, request, demand, policy, notes)
    fused = effect(parts[1].network_with(policy), choosing, parts[1].labels)
    return Fit(policy, arrays, {**record, "fusion": {"strength": rule, **fused}})


def _stopping(
    first: Ground, second: Ground, request: BayesRequest, template: m.Bayes, demand: Demand
) -> m.ExitPolicy:
    """The policy with the last step of the first part and the threshold of the second.

    Raises:
        UsageError: SN954, nothing is accurate enough.
    """
    if request.threshold is not None:
        return template
    found = search(first, [template], _last_steps(request, first.recorded.steps), demand)
    if found is None:
        raise impossible(first, request, demand)
    return thresholded(second, request, found, demand)


def strength_rule(network: m.Network, request: BayesRequest) -> Rule:
    """How the strength is fitted: as requested, else by what trained the heads."""
    if request.strength != "auto":
        return request.strength
    trained_here = any(spec.split("{")[0] == "insert-classifiers" for spec in network.passes)
    return "both" if trained_here else "accuracy"


def _check_heads(network: m.Network, heads: Sequence[str], request: BayesRequest) -> None:
    """Refuse heads whose read-outs are no numbers of spikes, at most one per step."""
    if isinstance(network.schedule, m.Phased):
        text = "bayes counts spikes, and here neurons fire once: the time of a spike is its value"
        advice = "use the policy margin or confidence, or rate code (--coding rate)"
        raise UsageError(Diagnostic("SN956", text, f"exit {format_spec(request)}", advice))
    for head in network.heads:
        if head.name not in heads:
            continue
        reason, advice = _uncounted(network, head)
        if reason:
            text = f"bayes counts spikes, and head {head.name} {reason}"
            raise UsageError(Diagnostic("SN956", text, f"exit {format_spec(request)}", advice))
    if not isinstance(network.schedule, m.Synchronous):
        text = "bayes needs an input that acts in every step, and this network's input ends"
        advice = "use map-quantized{mode=qcfs}, or the policy confidence"
        raise UsageError(Diagnostic("SN956", text, f"exit {format_spec(request)}", advice))


def _uncounted(network: m.Network, head: m.Head) -> tuple[str, str]:
    """Why a head's spikes are no trials of one firing rate per class, and the cure; or empty."""
    population = network.population(head.population)
    neuron = population.neuron
    fires = isinstance(neuron, m.IF) and neuron.negative_spikes == "none"
    if not (fires and isinstance(head.readout, m.SpikeCount)):
        advice = "run the pass spike-heads behind to-spiking or map-quantized{mode=qcfs}"
        return "is not read by its number of spikes", advice
    scale = read_out_scale(network, population)
    advice = "fuse other heads, bayes{heads=[...]}, or use the policy confidence"
    if len(scale) < 2:
        return "has one neuron, where there must be one per class", advice
    if not scale.min() == scale.max() > 0:
        return "counts a spike of one class for more than one of another", advice
    return "", ""


def _last_steps(request: BayesRequest, steps: int) -> Sequence[int]:
    """The last steps to choose from."""
    if request.last_step is not None:
        return [request.last_step]
    return last_step_choices(request.first_step, steps)


def accuracies(network: m.Network, recording: Recorded, labels: Array) -> dict[str, Array]:
    """The accuracy (T,) after each step of the fused heads ("fused") and of each head by its name.

    Args:
        network: with the policy `bayes`.
        recording: a full run.
        labels: (N,).
    """
    decider = Decider(network)
    fused = []
    for t in range(recording.steps):
        outputs = {name: values[t] for name, values in recording.outputs.items()}
        fused.append(decider.fused(t + 1, outputs).answer)
    found = {"fused": accuracy_by_step(np.array(fused), labels)}
    for index in decider.asked:
        head = network.heads[index]
        answers = classify(head, recording.outputs[head.name])
        found[head.name] = accuracy_by_step(answers, labels)
    return found


def effect(network: m.Network, recording: Recorded, labels: Array) -> dict[str, Any]:
    """What fusing changes, as JSON, by the protocol of Habara, Sato, Awano 2024.

    `first_step`: the first step at which each head alone, and all fused, reach `TARGET` times the
    trained network's accuracy (None: never); `fused_behind`: by how many points the fused answer is
    at most less often right than the best head, from step `SETTLED` on, and in which step.

    Args:
        network: with the policy `bayes`.
        recording: a full run; without the trained network's logits there is no `first_step`.
        labels: (N,).
    """
    every = accuracies(network, recording, labels)
    fused = every["fused"]
    best = np.max([values for name, values in every.items() if name != "fused"], axis=0)
    behind: Array = (best - fused)[min(SETTLED, len(fused)) - 1 :]
    found: dict[str, Any] = {
        "fused_behind": {
            "points": float(100 * behind.max()),
            "step": min(SETTLED, len(fused)) + int(behind.argmax()),
        }
    }
    head = network.heads[-1]
    if head.name in recording.logits:
        trained = float((classify(head, recording.logits[head.name]) == labels).mean())
        steps = {name: smallest_step(values, TARGET * trained) for name, values in every.items()}
        found |= {"ann_accuracy": trained, "first_step": steps}
    return found
