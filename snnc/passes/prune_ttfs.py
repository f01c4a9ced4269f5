"""Fewer spikes: the least value that a layer sends, raised as far as accuracy allows.

A neuron that may fire in fewer steps of its window sends nothing below a larger value. What is
left out costs the next layer about the sum of the squares of the values dropped. With `E_l` the
sum of squares of all that layer l sends, the most spikes are saved for a given sum of relative
costs where dropping one more costs the same everywhere: where the least value is a common bar
times `sqrt(E_l)`. So the bar is raised first, by bisection; what the allowance has left is spent
layer by layer from the input on, where most spikes are. Trials are held to more than the bound: see
`ttfs_trials.Trial`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.spike_times import Timed, thresholds, values
from snnc.ir.tensors import Array
from snnc.passes.base import Context, no_calibration
from snnc.passes.layerwise import affordable_samples
from snnc.passes.ttfs_kernels import Group, is_early, kernel_of, sharing_steps, with_steps
from snnc.passes.ttfs_trials import Measured, Trial, measured

Fine: TypeAlias = Callable[[m.Network], bool]

SAMPLES = 500
"""Labelled calibration samples that accuracy is measured on, at most."""
_SAMPLES_STEPPED = 100
"""As many where neurons fire early, which takes a simulation step by step."""
_BYTES = 4
_ROUNDS = 8
_LAYER_ROUNDS = 4


def pruned(network: m.Network, context: Context, points: float) -> m.Network:
    """The network with fewer steps to fire in, layer by layer.

    Args:
        network: of stage snn with a schedule of phases.
        context: brings the labelled calibration samples, and takes the notes.
        points: of accuracy on those samples that may be lost, in percent of them. The bound holds
            for the returned network, simulated; on other samples it may lose more or less.

    Raises:
        InputError: there are no labelled calibration samples (SN705).
    """
    x, labels = _labelled(network, context)
    before = measured(network, x, labels)
    allowed = points / 100 * len(labels) + 1e-9
    trial = Trial(network, x, labels)

    def fine(candidate: m.Network) -> bool:
        return trial.lost(candidate) <= allowed

    found = _by_layer(_by_bar(network, trial, fine), trial, fine)
    found, after = _within_bound(network, found, before, allowed, (x, labels))
    _note(context, (network, found), (before, after), points)
    return found


def _labelled(network: m.Network, context: Context) -> tuple[Array, Array]:
    if context.labelled is None or not len(context.labelled):
        missing = no_calibration("schedule-ttfs{prune=...}")
        raise InputError(replace(missing, help="pass --calibration DATA with labels"))
    wanted = _SAMPLES_STEPPED if is_early(network) else SAMPLES
    count = affordable_samples(network, _BYTES, wanted)
    x, labels = next(iter(context.labelled.batches(count)))
    return x, labels


def _senders(network: m.Network) -> list[Group]:
    """Who may be pruned: all but the populations that heads read, which are the answers."""
    read = {head.population for head in network.heads}
    return [g for g in sharing_steps(network) if not read & set(g)]


def _by_bar(network: m.Network, trial: Trial, fine: Fine) -> m.Network:
    """All layers at once: the highest common bar that loses no more than is allowed."""
    energies = trial.energies(network)
    groups = [g for g in _senders(network) if energies[g[0]] > 0]
    if not groups:
        return network
    tables = {g: thresholds(kernel_of(network, g[0])) / math.sqrt(energies[g[0]]) for g in groups}
    low = math.log(min(float(t[-1]) for t in tables.values()))
    high = math.log(max(float(t[0]) for t in tables.values()))
    best = network
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        steps = {g: max(1, int((t >= math.exp(middle)).sum())) for g, t in tables.items()}
        raised = network
        for group in groups:
            raised = with_steps(raised, group, steps[group])
        if fine(raised):
            low, best = middle, raised
        else:
            high = middle
    return best


def _by_layer(network: m.Network, trial: Trial, fine: Fine) -> m.Network:
    """One layer after the other, from the input on, as far as the rest of the allowance goes."""
    for group in _senders(network):
        trial.advance(network, group[0])
        low, high = 1, kernel_of(network, group[0]).steps
        for _ in range(_LAYER_ROUNDS):
            if low >= high:
                break
            # Nearer to what is known to do: it has been raised once already.
            middle = max(low, high - max(1, (high - low) // 4))
            raised = with_steps(network, group, middle)
            if fine(raised):
                network, high = raised, middle
            else:
                low = middle + 1
    return network


def _within_bound(
    network: m.Network,
    found: m.Network,
    before: Measured,
    allowed: float,
    samples: tuple[Array, Array],
) -> tuple[m.Network, Measured]:
    """`found`, or steps between it and `network` where the simulator sees more than that lost."""
    while True:
        after = measured(found, *samples)
        if after.hits >= before.hits - allowed:
            return found, after
        nearer = network
        for group in _senders(network):
            there = kernel_of(network, group[0]).steps
            steps = (there + kernel_of(found, group[0]).steps + 1) // 2
            nearer = with_steps(nearer, group, steps)
        found = nearer


def _note(
    context: Context,
    networks: tuple[m.Network, m.Network],
    results: tuple[Measured, Measured],
    points: float,
) -> None:
    (network, found), (before, after) = networks, results
    for group in _senders(network):
        old, new = kernel_of(network, group[0]), kernel_of(found, group[0])
        if old.steps == new.steps:
            continue
        counts = [sum(result.spikes[name] for name in group) for result in results]
        context.note(
            f"prune: {', '.join(group)} fires in {new.steps} steps instead of {old.steps}, its "
            f"least value {_least(old):.3g} is {_least(new):.3g}: {counts[0]:.1f} spikes a sample "
            f"become {counts[1]:.1f}"
        )
    totals = [sum(result.spikes.values()) for result in results]
    context.note(
        f"prune: {totals[0]:.1f} spikes a sample become {totals[1]:.1f}; of {before.samples} "
        f"labelled calibration samples {before.hits} were right and {after.hits} are "
        f"({100 * (before.hits - after.hits) / before.samples:.2f} points lost, {points:g} allowed)"
    )


def _least(kernel: Timed) -> float:
    return float(values(kernel)[-1])
