"""The C program of every network does what the reference simulator does, number for number."""

from __future__ import annotations

from dataclasses import replace

import c_tools
import numpy as np
import pytest
from loihi_exits import policies
from loihi_networks import NETWORKS, build, inputs_for

from snnc.backends.c import build as building
from snnc.backends.c.emit import sources
from snnc.backends.c.simulator import CSimulator
from snnc.backends.reference import Simulator
from snnc.diagnostics import InputError, UsageError
from snnc.ir import model as m
from snnc.ir.tensors import Array

SAMPLES = 7


def compared(network: m.Network, **options: object) -> list[str]:
    """What differs between the C program and the reference simulator."""
    x = inputs_for(network, SAMPLES)
    names = [p.name for p in network.populations]
    ours = c_tools.simulator(network, threads=2).run(x, record=names, **options)  # type: ignore[arg-type]
    theirs = Simulator(network, threads=1).run(x, record=names, **options)  # type: ignore[arg-type]
    return c_tools.differences(ours, theirs)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_program_does_what_the_simulator_does(name: str) -> None:
    assert compared(build(name)) == []


def test_a_program_built_as_users_build_it_does_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """All kernels inlined and optimised for this processor."""
    monkeypatch.setattr(building, "FLAGS", c_tools.FLAGS)
    network = build("lenet")
    x = inputs_for(network, SAMPLES)
    ours = c_tools.simulator(network, optimise="-O3").run(x)
    assert c_tools.differences(ours, Simulator(network, threads=1).run(x)) == []


STOPPING = [
    *(("heads", policy) for policy in ("patience", "fixed", "margin", "confidence")),
    *(("gated_heads", policy) for policy in ("internal", "confidence")),
]


@pytest.mark.parametrize(("base", "policy"), STOPPING)
def test_a_program_stops_where_the_simulator_does(base: str, policy: str) -> None:
    network = policies(build(base))[policy]
    assert compared(network) == []
    if policy == "confidence":
        assert compared(network, exits=False) == []


def test_a_run_can_be_shorter_and_start_elsewhere_in_its_data() -> None:
    network = build("poisson")
    x = inputs_for(network, SAMPLES)
    ours, theirs = c_tools.simulator(network), Simulator(network, threads=1)
    assert c_tools.differences(ours.run(x, steps=3), theirs.run(x, steps=3)) == []
    assert c_tools.differences(ours.run(x, first=5), theirs.run(x, first=5)) == []
    assert c_tools.differences(ours.run(x, first=5), theirs.run(x)) != []


def test_threads_change_nothing() -> None:
    network = build("heads")
    x = inputs_for(network, 40)
    one = c_tools.simulator(network, threads=1).run(x)
    assert c_tools.differences(c_tools.simulator(network, threads=4).run(x), one) == []


def test_one_changed_weight_shows() -> None:
    network = build("lenet")
    ref = next(op.weight for op in network.population("conv2").incoming[0].ops)  # type: ignore[union-attr]
    weight = network.array(ref).copy()
    weight[0, 0, 0, 0] = -weight[0, 0, 0, 0] or 1
    x = inputs_for(network, SAMPLES)
    other = c_tools.simulator(network.with_arrays({ref.name: weight})).run(x)
    assert c_tools.differences(other, Simulator(network, threads=1).run(x)) != []


def wide(network: m.Network, by: int = 190) -> m.Network:
    """The network with weights of 16 bits, and all else in their units."""
    arrays: dict[str, Array] = {}
    populations = []
    for p in network.populations:
        if isinstance(p.neuron, m.RunningMax2d):
            populations.append(p)
            continue
        for incoming in p.incoming:
            for op in incoming.ops:
                if isinstance(op, m.Conv2d | m.Dense):
                    weight = network.array(op.weight).astype(np.int16)
                    arrays[op.weight.name] = weight * by + weight % 3
        if p.bias is not None:
            arrays[p.bias.name] = network.array(p.bias) * by
        neuron = p.neuron
        if isinstance(neuron, m.IF):
            assert isinstance(neuron.threshold, float)
            assert isinstance(neuron.v_init, float)
            neuron = replace(neuron, threshold=neuron.threshold * by, v_init=neuron.v_init * by)
        populations.append(replace(p, neuron=neuron))
    return network.with_arrays(arrays).with_populations(populations)


def test_weights_of_16_bits_are_added_as_they_are() -> None:
    network = wide(build("lenet"))
    largest = max(int(np.abs(network.array(m.Ref(n))).max()) for n in network.tensors)
    assert largest > 127
    assert compared(network) == []


def test_more_rows_than_a_word_of_sums_holds_are_added_in_parts() -> None:
    """A dense layer of 300 inputs that nearly all fire."""
    rng = np.random.default_rng(3)
    arrays = {
        "a": np.full((300, 300), 0, np.int8),
        "b": rng.integers(100, 128, (40, 300)).astype(np.int8),
    }
    np.fill_diagonal(arrays["a"], 100)
    arrays["b"][::2] *= -1
    populations = (
        m.Population("a", (300,), m.IF(100.0), incoming=(via("x", "a"),)),
        m.Population("b", (40,), m.Integrator(), incoming=(via("a", "b"),)),
    )
    network = m.Network(
        "many",
        "fixed",
        (m.Input("x", "f32", (300,), m.Graded(1 / 15, 15)),),
        populations,
        (m.Head("out", "b", m.Membrane()),),
        schedule=m.Synchronous(3),
    ).with_arrays(arrays)
    x = np.ones((2, 300), np.float32)
    ours = c_tools.simulator(network).run(x)
    assert ours.spikes["a"].tolist() == [900, 900]
    assert c_tools.differences(ours, Simulator(network).run(x)) == []


def via(source: str, weight: str) -> m.Incoming:
    return m.Incoming(source, (m.Dense(m.Ref(weight)),))


def test_what_does_not_fit_is_refused() -> None:
    network = build("lenet")
    x = inputs_for(network, 1)
    program = c_tools.simulator(network)
    with pytest.raises(UsageError, match="14 time steps, not for 15") as caught:
        program.run(x, steps=15)
    assert caught.value.diagnostics[0].code == "SN562"
    with pytest.raises(UsageError, match="no population nobody"):
        program.run(x, record=["nobody"])
    with pytest.raises(InputError, match="wrong shape"):
        program.run(np.zeros((1, 3, 3), np.float32))
    with pytest.raises(UsageError, match="threads=0"):
        c_tools.simulator(network, threads=0)
    with pytest.raises(InputError, match="stage snn"):
        CSimulator(replace(network, stage="snn"), compiler="cc")


def test_progress_is_told_in_sample_steps_and_an_interruption_ends_the_run() -> None:
    network = build("lenet")
    x = inputs_for(network, 30)
    seen: list[tuple[int, int]] = []
    program = c_tools.simulator(network, threads=2)
    program.run(x, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (30 * 14, 30 * 14)

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program.run(x, progress=stop)


def test_memory_does_not_depend_on_time_steps_beyond_a_block() -> None:
    network = build("lenet")
    states = set()
    for steps in (400, 500):
        text = sources(replace(network, schedule=m.Synchronous(steps)))["program.h"].decode()
        states.add(text[text.index("struct snn_state {") :])
    assert len(states) == 1
