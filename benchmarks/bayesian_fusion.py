"""BayesianSpikeFusion against the final classifier alone, by the protocol of its paper.

    python benchmarks/bayesian_fusion.py
    python benchmarks/bayesian_fusion.py --models mnist_multi_exit --images 1000 --steps 16

Each network runs once at full length. Classifiers that are inserted are trained on the first
quarter of the test set, and the strength of the prior is fitted on the rest of the first half,
which no network was trained on; every figure is taken on the second half. A method's steps are the
first after which it has 97 % of the ANN's accuracy; its energy is that of its own layers up to this
step: for the final classifier alone, the network without internal ones.

Exits with 1 where fusing saves less than 20 % of the steps on both networks, or where the fused
answer is more than 0.1 points below the better of its heads at a step from 4 on (5,000 images
only).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from models import CALIBRATION, MODELS, MULTI_EXIT, Model
from numpy.typing import NDArray
from spikesim import step_picojoules

import snnc
from snnc.backends.reference.simulator import Simulator
from snnc.driver.exits import record
from snnc.driver.samples import open_samples
from snnc.evaluation.energy import OperationCounts, estimates
from snnc.exits.asked import opinions
from snnc.exits.fit import fit
from snnc.exits.recorded import Recorded
from snnc.exits.requests import parse_request
from snnc.ir import model as m
from snnc.ir.answers import classify
from snnc.passes import DEFAULT_PIPELINE

HALF = 5_000
SHARE = 0.97
LARGEST_LOSS = 0.1
LEAST_SAVING = 20.0
FIRST_JUDGED = 4
ENERGY_IMAGES = 500
SHOWN = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Study:
    """A network, the classifiers it is given, and time steps."""

    model: Model
    classifiers: str | None
    steps: int


STUDIES = {
    "mnist_multi_exit": Study(MULTI_EXIT["mnist_multi_exit"], None, 32),
    "cifar10_vgg": Study(MODELS["cifar10_vgg"], "auto", 48),
}


def main() -> int:
    """Print the tables as Markdown; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=sorted(STUDIES), default=list(STUDIES))
    parser.add_argument("--images", type=int, default=HALF, help="of each half")
    parser.add_argument("--steps", type=int, help="time steps")
    parser.add_argument("--max-drop", type=float, default=0.0, help="points, for early stopping")
    options = parser.parse_args()
    savings, losses = [], []
    for name in options.models:
        study = STUDIES[name]
        if options.steps is not None:
            study = replace(study, steps=options.steps)
        saving, loss = _report(name, study, options)
        savings.append(saving)
        losses.append(loss)
    missed = max(savings) < LEAST_SAVING or max(losses) > LARGEST_LOSS + 1e-9
    return int(missed and options.images >= HALF)


def _report(name: str, study: Study, options: argparse.Namespace) -> tuple[float, float]:
    """Print one network's tables; the largest saving of steps in percent, the largest loss."""
    print(f"\n## {name}, {study.steps} steps, {options.images:,} images in each half\n")
    # Classifiers that are trained here see other images than the fit of the prior.
    trained = options.images // 2 if study.classifiers is not None else 0
    begin, end = f"test[{trained}:{options.images}]", f"test[{HALF}:{HALF + options.images}]"
    silent = _compiled(study, f"test[:{trained}]", "")
    compiled = _compiled(study, f"test[:{trained}]", ",spike-heads")
    network = compiled.network
    fitting, held = (_recorded(compiled, study, part) for part in (begin, end))
    curves = {f"{h.name} alone": _alone(held, h) for h in network.heads}
    membrane = silent.network.heads[-1]
    curves[f"{membrane.name}, membrane"] = _alone(_recorded(silent, study, end), membrane)
    final = network.heads[-1].name
    target = SHARE * float((held.logits[final].argmax(axis=1) == held.labels).mean())
    exits = []
    losses = []
    for heads in _subsets(network):
        label = " + ".join(heads)
        fused, stopped = _fused(network, heads, fitting, held, options.max_drop)
        curves[label] = fused
        better = np.max([curves[f"{head} alone"] for head in heads], axis=0)
        losses.append(100 * float((better - fused)[FIRST_JUDGED - 1 :].max()))
        exits.append(f"| {label} | {stopped} | {losses[-1]:.2f} |")
    _print_curves(curves, study.steps)
    saving = _print_savings(network, study, curves, target, end)
    print("\n| fused heads | mean steps with exits, % with, % without ", end="")
    print(f"| most points below the better head from step {FIRST_JUDGED} on |\n|---|---|---|")
    print("\n".join(exits))
    return saving, max(losses)


def _compiled(study: Study, labelled: str, more: str) -> snnc.Compiled:
    """The network for `steps` steps; classifiers, if any, are trained on the labelled images."""
    inserted = study.classifiers is not None
    return snnc.compile(
        study.model.path,
        calibration=study.model.split(labelled if inserted else CALIBRATION),
        preprocessing=study.model.preprocessing,
        steps=study.steps,
        passes=DEFAULT_PIPELINE + more,
        classifiers=study.classifiers,
    )


def _recorded(compiled: snnc.Compiled, study: Study, part: str) -> Recorded:
    model = study.model
    data = open_samples(model.split(part), compiled.network.inputs[0].shape, model.preprocessing)
    reference = compiled.ann_reference()
    assert reference is not None
    return record(compiled.network, reference, data)


def _alone(held: Recorded, head: m.Head) -> Floats:
    """The accuracy of one head after each step."""
    correct: Floats = (classify(head, held.outputs[head.name]) == held.labels).mean(axis=1)
    return correct


def _subsets(network: m.Network) -> Iterator[tuple[str, ...]]:
    """Each internal head with the last one, then all."""
    *internal, last = (head.name for head in network.heads)
    yield from ((name, last) for name in internal)
    if len(internal) > 1:
        yield (*internal, last)


def _fused(
    network: m.Network,
    heads: Sequence[str],
    fitting: Recorded,
    held: Recorded,
    max_drop: float,
) -> tuple[Floats, str]:
    """The fused answers' accuracy after each step, and what stopping early does."""
    request = parse_request(f"bayes{{heads=[{','.join(heads)}]}}")
    chosen = np.arange(fitting.samples) % 2 == 1
    found = fit(network, request, fitting.part(~chosen), fitting.part(chosen), max_drop)
    exited = replace(network.with_arrays(found.arrays), exit=found.policy)
    said = opinions(exited, held)
    right = said.answer[0] == held.labels
    rows = said.score[0] > said.limits[0]
    assert isinstance(found.policy, m.Bayes)
    last = found.policy.last_step or len(rows)
    stop = np.where(rows[:last].any(axis=0), rows[:last].argmax(axis=0), last - 1)
    early = float(right[stop, np.arange(len(stop))].mean())
    text = f"{(stop + 1).mean():.2f}, {100 * early:.2f}, {100 * right[-1].mean():.2f}"
    return right.mean(axis=1), text


def _print_curves(curves: dict[str, Floats], steps: int) -> None:
    shown = [step for step in SHOWN if step <= steps]
    print(f"| accuracy in % after step | {' | '.join(map(str, shown))} |")
    print("|---|" + "---|" * len(shown))
    for label, curve in curves.items():
        print(f"| {label} | {' | '.join(f'{100 * curve[s - 1]:.2f}' for s in shown)} |")


def _print_savings(
    network: m.Network, study: Study, curves: dict[str, Floats], target: float, part: str
) -> float:
    """The protocol's table; the largest saving of steps in percent."""
    final = network.heads[-1].name
    base: tuple[int, float, float] | None = None
    best = 0.0
    print(f"\nThe target is {100 * target:.2f} %, {SHARE:.0%} of the ANN's accuracy.\n")
    print("| method | first step | fewer | uJ, 45nm-cmos estimate | less ", end="")
    print("| uJ, SpikeSim estimate | less |\n|---|---|---|---|---|---|---|")
    for label, curve in curves.items():
        if "membrane" in label or (label.endswith(" alone") and label != f"{final} alone"):
            continue
        reached = np.flatnonzero(curve >= target)
        if not len(reached):
            print(f"| {label} | not within {len(curve)} | | | | | |")
            continue
        step = int(reached[0]) + 1
        used = _only(network, label.removesuffix(" alone").split(" + "))
        energy = (step, _cmos(used, study, part, step), step_picojoules(used) * step)
        base = base or energy
        less = [100 * (1 - mine / theirs) for mine, theirs in zip(energy, base, strict=True)]
        best = max(best, less[0])
        print(
            f"| {label} | {step} | {less[0]:.0f} % | {energy[1] / 1e6:.3f} | {less[1]:.0f} % "
            f"| {energy[2] / 1e6:.3f} | {less[2]:.0f} % |"
        )
    return best


def _only(network: m.Network, heads: Sequence[str]) -> m.Network:
    """The network with some of its heads, without what only the others need."""
    kept = tuple(head for head in network.heads if head.name in heads)
    needed = frozenset[str]().union(*(network.needed_by(head.population) for head in kept))
    populations = [p for p in network.populations if p.name in needed]
    return replace(network, heads=kept, exit=None).with_populations(populations)


def _cmos(network: m.Network, study: Study, part: str, steps: int) -> float:
    """Picojoules per image by the first table, from spikes counted over `steps` steps."""
    model = study.model
    data = open_samples(model.split(part), network.inputs[0].shape, model.preprocessing)
    x, _ = next(iter(data.batches(ENERGY_IMAGES)))
    trace = Simulator(network).run(x, steps=steps)
    counts = OperationCounts(
        spikes=sum(float(n.mean()) for n in trace.spikes.values()),
        synops=sum(float(n.mean()) for n in trace.synops.values()),
        direct_macs=float(trace.direct_macs.mean()),
        updates=sum(float(n.mean()) for n in trace.updates.values()),
        driven=float(steps),
    )
    return estimates(counts)[0].picojoules


if __name__ == "__main__":
    sys.exit(main())
