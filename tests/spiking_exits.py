"""Random spiking networks with internal heads and an exit policy, and what the policy must give.

`expected` works sample by sample on full-length runs and knows nothing of groups, blocks, stages or
archives: it walks through the read-outs with the `Decider`, and takes what each layer did from a
run that is as long as the layer should have run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import spiking_networks
from exit_operations import Sent, direct_macs

from snnc.backends.reference import Simulator, Trace
from snnc.ir import model as m
from snnc.ir.answers import class_values
from snnc.ir.decide import Decider, Verdict
from snnc.ir.exits import Scaled
from snnc.ir.linear import broadcast_parameter
from snnc.ir.phases import phases_of
from snnc.ir.scores import score
from snnc.ir.tensors import Array
from snnc.passes.base import Context
from snnc.passes.integer_exit import IntegerExit

CLASSES = 3
POLICIES = ("confidence", "margin", "entropy", "patience", "fixed", "bayes")
INTEGER_POLICIES = ("integer_confidence", "integer_margin")
DEPTH_POLICIES = ("confidence", "margin", "entropy", "patience")
FIELDS = ("step", "head", "answer", "score", "sure")
STEPS = 10


# ---- networks ------------------------------------------------------------------------------------


def build(
    name: str,
    policy: str,
    seed: int,
    *,
    order: str = "time",
    window: int | None = None,
    whole: bool = False,
    poisson: bool = False,
) -> m.Network:
    """The named network of `spiking_networks` with one to three heads and a random policy."""
    network = spiking_networks.build(name, seed, whole=whole, steps=STEPS, window=window)
    if poisson:
        drawn = (replace(i, coding=m.Poisson(1.0, seed)) for i in network.inputs)
        network = replace(network, inputs=tuple(drawn))
    rng = np.random.default_rng([seed, 99])
    least = 1 if order == "depth" or policy == "bayes" else 0
    network = _with_heads(network, rng, int(rng.integers(least, 3)), policy == "bayes")
    stopping = _with_policy(network, policy.removeprefix("integer_"), rng, order)
    return IntegerExit().run(stopping, Context()) if policy in INTEGER_POLICIES else stopping


def _with_heads(
    network: m.Network, rng: np.random.Generator, count: int, counting: bool
) -> m.Network:
    """`count` internal heads on random populations; where `counting`, all heads count spikes."""
    places = [p for p in network.populations if not isinstance(p.neuron, m.Integrator)]
    chosen = sorted(int(i) for i in rng.choice(len(places), count, replace=len(places) < count))
    kinds = ["count"] if counting else ["membrane", "integrator", "count", "first"]
    final, last = network.heads[-1], network.population(network.heads[-1].population)
    if counting or rng.random() < 0.3:
        neuron, readout = _reading(network, str(rng.choice(kinds)))
        last, final = replace(last, neuron=neuron), replace(final, readout=readout)
    heads, populations, arrays = [], [last], {}
    for index, place in enumerate(chosen):
        source, name = places[place], f"ic{index}"
        values = rng.integers(-24, 33, (CLASSES, int(np.prod(source.shape))))
        whole = network.stage == "fixed"
        arrays[f"{name}.w"] = values.astype(np.int32) if whole else values / 64
        flat: tuple[m.Operator, ...] = (m.Flatten(),) if len(source.shape) > 1 else ()
        incoming = m.Incoming(source.name, (*flat, m.Dense(m.Ref(f"{name}.w"))))
        neuron, readout = _reading(network, str(rng.choice(kinds)))
        populations.append(m.Population(name, (CLASSES,), neuron, incoming=(incoming,)))
        heads.append(m.Head(name, name, readout))
    others = [p for p in network.populations if p.name != last.name]
    changed = replace(
        network, populations=(*others, *populations), heads=(*network.heads[:-1], *heads, final)
    )
    return changed.with_arrays(arrays)


def _reading(network: m.Network, kind: str) -> tuple[m.SpikingNeuron, m.Readout]:
    unit = 64.0 if network.stage == "fixed" else 1.0
    if kind == "integrator":
        return m.Integrator(), m.Membrane()
    readout = {"membrane": m.Membrane(), "count": m.SpikeCount(), "first": m.FirstSpike()}[kind]
    return m.IF(threshold=unit, v_init=unit / 2), readout


def _with_policy(
    network: m.Network, policy: str, rng: np.random.Generator, order: str
) -> m.Network:
    """The network with a random policy of that name, so that exits are spread over the steps."""
    shapes = {p.name: p.shape for p in network.populations}
    names = tuple(h.name for h in network.heads if shapes[h.population] == (CLASSES,))
    if order == "time" and policy != "bayes" and rng.random() < 0.3:
        names = tuple(name for name in names if rng.random() < 0.6) or names[:1]
    first = int(rng.integers(1, 4))
    last = None if rng.random() < 0.5 else int(rng.integers(first, STEPS + 1))
    if policy == "fixed":
        step = int(rng.integers(1, STEPS))
        return replace(network, exit=m.Fixed(head=str(rng.choice(names)), step=step))
    if policy == "bayes":
        fusing = m.Bayes(
            heads=names,
            strength=m.Ref("strength"),
            threshold=float(rng.uniform(0.5, 0.9)),
            dispersion=0.7,
            first_step=first,
            last_step=last,
        )
        strength = rng.uniform(0, 3, (len(names) - 1, STEPS))
        return replace(network, exit=fusing).with_arrays({"strength": strength})
    budgets = tuple(int(b) for b in rng.integers(1, STEPS, len(names) - 1))
    asking = {
        "heads": names,
        "first_step": first,
        "last_step": last,
        "order": order,
        "budgets": budgets if order == "depth" else (),
    }
    if policy == "patience":
        repeats = tuple(int(n) for n in rng.integers(1, 6, len(names)))
        return replace(network, exit=m.Patience(repeats=repeats, **asking))  # type: ignore[arg-type]
    kind = {"confidence": m.Confidence, "margin": m.Margin, "entropy": m.Entropy}[policy]
    loose = kind(
        alpha=float(rng.uniform(1, 6)),
        temperatures=tuple(float(t) for t in rng.uniform(0.5, 2, len(names))),
        thresholds=(0.0,) * len(names),
        **asking,  # type: ignore[arg-type]
    )
    return replace(network, exit=replace(loose, thresholds=_typical(network, loose, rng)))


def _typical(network: m.Network, policy: Scaled, rng: np.random.Generator) -> tuple[float, ...]:
    """Thresholds among the scores that the heads really reach."""
    simulator = Simulator(network, dtype=_wide(network), threads=1)
    trace = simulator.run(spiking_networks.inputs_for(network, 4, 77), exits=False)
    heads = {h.name: h for h in network.heads}
    found = []
    for name, temperature in zip(policy.heads, policy.temperatures, strict=True):
        reached = score(policy, temperature, class_values(heads[name], trace.outputs[name]))
        found.append(float(np.quantile(reached, rng.uniform(0.4, 1))))
    return tuple(found)


def _wide(network: m.Network) -> str:
    return "integer" if network.stage == "fixed" else "float64"


# ---- what must come out --------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """One sample's answer, the steps it took part in, and those of every input and population."""

    exit: dict[str, float]
    steps_run: int
    ran: dict[str, int]
    rested: bool


def cut(network: m.Network, arrays: dict[str, Array], steps: int) -> dict[str, Array]:
    """The inputs of a run of `steps` steps."""
    events = {i.name for i in network.inputs if isinstance(i.coding, m.Events)}
    assert network.schedule is not None
    drive = network.schedule.drive(steps)
    return {name: a[:drive] if name in events else a for name, a in arrays.items()}


def needed_by(network: m.Network, population: str) -> set[str]:
    """The population and everything that it reads, straight or not."""
    found: set[str] = {population}
    before: set[str] = set()
    while found != before:
        before = set(found)
        for p in network.populations:
            if p.name in before:
                found |= {i.source for i in p.incoming}
    return found


def expected(network: m.Network, simulator: Simulator, arrays: dict[str, Array]) -> list[Answer]:
    """The answers of all samples, by asking the read-outs of a full-length run one by one."""
    simulator = unsplit(network, simulator)
    return _answers(network, simulator, arrays, simulator.run(arrays, exits=False))


def unsplit(network: m.Network, simulator: Simulator) -> Simulator:
    """A simulator for the runs without exits: all samples in one group, and the same engine.

    So an error in how `simulator` splits the work cannot hide on both sides of a comparison.
    """
    if isinstance(network.schedule, m.Phased):
        return simulator
    return Simulator(network, dtype=simulator.dtype, threads=1)


def _answers(
    network: m.Network, simulator: Simulator, arrays: dict[str, Array], full: Trace
) -> list[Answer]:
    settled = _settling_steps(network, simulator, arrays, full)
    return [_answer(network, full, int(settled[i]), i) for i in range(full.samples)]


def _settling_steps(
    network: m.Network, simulator: Simulator, arrays: dict[str, Array], full: Trace
) -> Array:
    """The step at which each sample rests, -1 without one; of the last head's layers in `depth`."""
    if full.settled is None:
        return np.full(full.samples, -1)
    if not Decider(network).budgets:
        return full.settled
    names = needed_by(network, network.heads[-1].population)
    part = replace(
        network,
        inputs=tuple(i for i in network.inputs if i.name in names),
        populations=tuple(p for p in network.populations if p.name in names),
        heads=network.heads[-1:],
        exit=None,
    )
    own = {i.name: arrays[i.name] for i in part.inputs}
    settled = Simulator(part, dtype=simulator.dtype, threads=1).run(own, steps=full.steps).settled
    assert settled is not None
    return settled


def _answer(network: m.Network, full: Trace, settled: int, sample: int) -> Answer:
    decider = Decider(network)
    asker = decider.begin(1)
    names = {s.name for s in (*network.inputs, *network.populations)}
    ran = dict.fromkeys(names, 0)
    passed = 0
    limits = [*(min(b, full.steps) for b in decider.budgets), decider.deadline(full.steps)]
    for stage, limit in enumerate(limits):
        last = stage == len(limits) - 1
        head = network.heads[decider.asked[stage]].population
        needed = needed_by(network, head) if decider.budgets else names
        for step in range(1, limit + 1):
            found: Verdict | None = None
            rested = last and 0 <= settled < step
            asked = step - 1 if rested else step
            outputs = {n: v[asked - 1, sample : sample + 1] for n, v in full.outputs.items()}
            if not rested:
                found = asker.ask(step, outputs, stage if decider.budgets else None)
            if rested or (last and step == limit and found is not None and not found.sure[0]):
                found = asker.final(asked, outputs)
            elif found is not None and not found.sure[0]:
                continue
            assert found is not None
            ran |= {name: max(ran[name], step) for name in needed}
            exit_ = {n: getattr(found, n)[0] for n in FIELDS[1:]}
            return Answer({"step": passed + asked, **exit_}, passed + step, ran, rested)
        ran |= {name: max(ran[name], limit) for name in needed}
        passed += limit
    raise AssertionError("the last stage answers")


class Truth:
    """What any run of a network with exits must give for some inputs."""

    def __init__(self, network: m.Network, simulator: Simulator, arrays: dict[str, Array]) -> None:
        simulator = unsplit(network, simulator)
        firing = [p.name for p in network.populations if not isinstance(p.neuron, m.Integrator)]
        full = simulator.run(arrays, record=firing, exits=False)
        self.network = network
        self.answers = _answers(network, simulator, arrays, full)
        self.runs = {
            steps: full
            if steps == full.steps
            else simulator.run(cut(network, arrays, steps), steps=steps, exits=False)
            for steps in sorted({r for answer in self.answers for r in answer.ran.values()} - {0})
        }
        self.sent = Sent(network, full.rasters, arrays, self.runs)

    def check(self, trace: Trace) -> list[Answer]:
        """Assert that `trace`, a run with exits, is what the policy must give."""
        network, answers, runs = self.network, self.answers, self.runs
        assert trace.exits is not None
        for field in FIELDS:
            wanted = [answer.exit[field] for answer in answers]
            _alike(network, getattr(trace.exits, field), wanted, field)
        np.testing.assert_array_equal(trace.steps_run, [answer.steps_run for answer in answers])
        for sample, answer in enumerate(answers):
            _check_sources(trace, runs, sample, answer)
            for name, found in trace.synops.items():
                assert found[sample] == self.sent.operations(name, sample, answer.ran), (
                    f"operations of {name}"
                )
            assert trace.direct_macs[sample] == direct_macs(network, answer.ran)
            _check_populations(network, trace, runs, sample, answer)
            for head in network.heads:
                _check_outputs(network, trace, runs, sample, answer, head)
        return answers


def check(
    network: m.Network, simulator: Simulator, arrays: dict[str, Array], trace: Trace
) -> list[Answer]:
    """Assert that `trace`, a run with exits, is what the policy must give; returns the answers."""
    return Truth(network, simulator, arrays).check(trace)


def _check_sources(trace: Trace, runs: dict[int, Trace], sample: int, answer: Answer) -> None:
    for name, counts in trace.spike_counts.items():
        run = runs.get(answer.ran[name])
        wanted = 0 if run is None else run.spike_counts[name][sample]
        np.testing.assert_array_equal(counts[sample], wanted, f"counts of {name}")
        assert trace.spikes[name][sample] == (0 if run is None else run.spikes[name][sample]), name


def _check_populations(
    network: m.Network, trace: Trace, runs: dict[int, Trace], sample: int, answer: Answer
) -> None:
    timing = phases_of(network)
    for population in network.populations:
        name, neuron = population.name, population.neuron
        acted = answer.ran[name]
        if timing is not None:
            active = timing.active(population)
            acted = len(range(active.start, min(active.stop, max(acted, active.start))))
        updates = int(np.prod(population.shape)) * acted
        assert trace.updates[name][sample] == updates, name
        run = runs.get(answer.ran[name])
        if isinstance(neuron, (m.IF, m.Integrator)):
            start = broadcast_parameter(neuron.v_init, population.shape, network.array)
            wanted = (
                np.broadcast_to(start, population.shape)
                if run is None
                else run.membranes[name][sample]
            )
            _alike(network, trace.membranes[name][sample], wanted, name)
        elif isinstance(neuron, (m.TTFS, m.IntegerTTFS)):
            assert run is not None
            _alike(network, trace.membranes[name][sample], run.membranes[name][sample], name)
            wanted = run.spike_times[name][sample]
            np.testing.assert_array_equal(trace.spike_times[name][sample], wanted, name)


def _check_outputs(
    network: m.Network,
    trace: Trace,
    runs: dict[int, Trace],
    sample: int,
    answer: Answer,
    head: m.Head,
) -> None:
    """Read-outs are those of the run up to the last step, and then stay."""
    ran = answer.ran[head.population]
    found = trace.outputs[head.name][:, sample]
    if not ran:
        assert not found.any()
        return
    wanted = runs[ran].outputs[head.name][:, sample]
    _alike(network, found[:ran], wanted, head.name)
    rows = len(found) - ran
    held = np.repeat(wanted[-1:], rows, axis=0)
    if answer.rested and isinstance(head.readout, m.FirstSpike):
        held += np.arange(1, rows + 1)[:, None] * (held > 0)
    _alike(network, found[ran:], held, head.name)


def _alike(network: m.Network, found: Array, wanted: object, what: str) -> None:
    """Equal bit for bit; but for the last bits where spikes are worth fractions of any kind."""
    if isinstance(network.schedule, m.Phased):
        np.testing.assert_allclose(found, np.array(wanted), rtol=0, atol=1e-12, err_msg=what)
    else:
        np.testing.assert_array_equal(found, wanted, what)
