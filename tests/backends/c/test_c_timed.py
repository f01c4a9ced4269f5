"""Networks of spike times as C programs: spikes, read-outs, counts, exits are the simulator's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import c_tools
import numpy as np
import pytest
from loihi_networks import inputs_for
from loihi_timed import TIMED, build_timed, timed_policies
from phased_networks import phased

from snnc.backends import TARGETS
from snnc.backends.c.emit import emit
from snnc.backends.reference import Simulator
from snnc.ir import model as m
from snnc.passes.base import Context
from snnc.passes.fold_chains import FoldChains
from snnc.passes.quantize_weights import QuantizeWeights

SEEDS = {"timed_early": 1, "timed_analog": 4}
"""With these samples stop at different steps and heads."""

SAMPLES = 7


def compared(network: m.Network, **options: object) -> list[str]:
    x = inputs_for(network, SAMPLES)
    names = [p.name for p in network.populations]
    ours = c_tools.simulator(network, threads=2).run(x, record=names, **options)  # type: ignore[arg-type]
    theirs = Simulator(network, threads=1).run(x, record=names, **options)  # type: ignore[arg-type]
    assert sum(int(sent.sum()) for sent in theirs.spikes.values()) > 50
    return c_tools.differences(ours, theirs)


@pytest.mark.parametrize("name", TIMED)
def test_a_program_fires_when_the_simulator_does(name: str) -> None:
    assert TARGETS["c"].check(build_timed(name)) == []
    assert compared(build_timed(name)) == []


@pytest.mark.parametrize(
    ("name", "policy"),
    [("timed_early", "margin"), *(("timed_analog", p) for p in ("patience", "fixed"))],
)
def test_a_program_stops_in_the_windows_of_its_heads(name: str, policy: str) -> None:
    network = timed_policies(build_timed(name, SEEDS[name]))[policy]
    assert compared(network) == []
    if policy == "margin":
        assert compared(network, exits=False) == []


def test_a_run_can_end_before_the_last_windows() -> None:
    for steps in (3, 17):
        assert compared(build_timed("timed_residual"), steps=steps) == []


def test_spike_counts_are_read_of_neurons_and_of_pools() -> None:
    network = build_timed("timed_lenet")
    heads = tuple(
        m.Head(f"{kind.__name__}_{name}", name, kind())
        for name in ("fc1", "pool1")
        for kind in (m.SpikeCount, m.FirstSpike)
    )
    potential = m.Head("potential", "fc1", m.Membrane())
    assert compared(replace(network, heads=(*heads, potential, *network.heads))) == []


def test_quantize_weights_leaves_what_the_target_takes() -> None:
    network = phased()
    rng = np.random.default_rng(2)
    arrays = {name: network.array(m.Ref(name)) for name in network.tensors}
    arrays = {n: rng.normal(0.2, 0.5, a.shape).astype(np.float32) for n, a in arrays.items()}
    folded = FoldChains().run(network.with_arrays(arrays), Context())
    made = QuantizeWeights(target="c").run(folded, Context())
    assert TARGETS["c"].check(made) == []
    assert compared(made) == []


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network with signed spikes, thresholds by channel and a pool."""
    network = build_timed("timed_lenet")
    files = emit(network, inputs_for(network, 2))
    return c_tools.write(tmp_path_factory.mktemp("timed"), files)


def test_the_golden_check_passes_under_the_sanitizers_and_encodes_floats(program: Path) -> None:
    done = c_tools.build(program, *c_tools.SANITIZED)
    assert done.returncode == 0, done.stderr
    done = c_tools.check(program)
    assert (done.returncode, done.stderr) == (0, "")
    assert "every spike equal" in done.stdout
    network = build_timed("timed_lenet")
    x = inputs_for(network, 5)
    np.save(program / "x.npy", x["image"])
    done = c_tools.check(program, "x.npy")
    answers = Simulator(network).run(x).predictions()[-1]
    lines = [f"sample {n}: class {c} by" for n, c in enumerate(answers)]
    assert [" ".join(line.split()[:5]) for line in done.stdout.splitlines()] == lines


def test_another_entry_of_a_table_fails_the_golden_check(program: Path, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in program.glob("*.[ch]")}
    files |= {f"golden/{p.name}": p.read_bytes() for p in (program / "golden").iterdir()}
    text = files["weights.c"].decode()
    begin = text.index("{\n", text.index("worth_conv2_from_pool1")) + 2
    number = text[begin : text.index(",", begin)]
    changed = text[:begin] + str(int(number) // 2) + text[begin + len(number) :]
    files["weights.c"] = changed.encode()
    folder = c_tools.write(tmp_path, files)
    assert c_tools.build(folder, *c_tools.ELSEWHERE).returncode == 0
    done = c_tools.check(folder)
    assert (done.returncode, "differs" in done.stderr) == (1, True)


def test_what_could_leave_32_bits_is_refused() -> None:
    network = build_timed("timed_lenet")
    coding = network.inputs[0].coding
    assert isinstance(coding, m.IntegerSpikeTime)
    values = tuple(n * 1_000_000 for n in coding.values)
    image = replace(network.inputs[0], coding=replace(coding, values=values))
    found = TARGETS["c"].check(replace(network, inputs=(image,)))
    assert {d.code for d in found} == {"SN556"}
    assert "32 bits hold" in found[0].message
