"""A newly built program proves on its first sample that it does what the network says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import c_tools
import numpy as np
import pytest
from loihi_exits import policies
from loihi_networks import build, inputs_for

from snnc.backends.c import build as building
from snnc.backends.c import proof
from snnc.backends.c.emit import emit, sources
from snnc.backends.c.proof import differing
from snnc.backends.reference import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In which nothing is proved."""
    monkeypatch.setenv("SNNC_CACHE", str(tmp_path / "cache"))


def libraries(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in (tmp_path / "cache").rglob("program.*"))


def miscompiled(network: m.Network) -> dict[str, bytes]:
    """Sources without the call of a layer."""
    files = sources(network)
    text = files["program.c"].decode()
    assert text.count("    layer_conv2(s, steps);\n") == 1
    return {**files, "program.c": text.replace("    layer_conv2(s, steps);\n", "").encode()}


def test_a_program_that_differs_is_refused_and_thrown_away(tmp_path: Path) -> None:
    network = build("lenet")
    x = inputs_for(network, 3)
    program = c_tools.simulator(network, files=miscompiled(network))
    with pytest.raises(
        InputError, match=r"differs from the network: outputs of head\.out"
    ) as caught:
        program.run(x)
    (found,) = caught.value.diagnostics
    assert found.code == "SN599"
    assert "--engine reference" in (found.help or "")
    assert libraries(tmp_path) == []


def test_a_program_is_simulated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    class Counting(Simulator):
        def run(self, x, **options):  # type: ignore[no-untyped-def]
            runs.append(len(next(iter(x.values()))))
            return super().run(x, **options)

    monkeypatch.setattr(proof, "Simulator", Counting)
    network = build("lenet")
    x = inputs_for(network, 3)
    program = c_tools.simulator(network)
    program.run(x)
    program.run(x)
    c_tools.simulator(network).run(x)
    assert runs == [1]
    assert libraries(tmp_path) == ["program.proved", "program.so"]


def test_exits_are_compared_as_well() -> None:
    network = policies(build("heads"))["margin"]
    x = inputs_for(network, 2)
    ours, theirs = c_tools.simulator(network).run(x), Simulator(network).run(x)
    assert ours.exits is not None
    assert differing(ours, theirs) is None
    later = replace(ours, exits=replace(ours.exits, step=ours.exits.step + 1))
    assert differing(later, theirs) == "exits"
    fewer = {name: count - 1 for name, count in ours.spike_counts.items()}
    assert "spike_counts of" in (differing(replace(ours, spike_counts=fewer), theirs) or "")


def test_no_layer_is_dropped_where_layers_are_functions_of_their_own(tmp_path: Path) -> None:
    """GCC 12 drops their calls with these options, unless it is told not to look into them."""
    network = build("lenet")
    folder = c_tools.write(tmp_path / "out", emit(network, inputs_for(network, 2)))
    done = c_tools.build(folder, "-O3", *building._native(c_tools.COMPILER or ""), *APART)
    assert done.returncode == 0, done.stderr
    done = c_tools.check(folder)
    assert (done.returncode, done.stderr) == (0, "")


APART = ("-fno-inline-functions-called-once", "-Wno-unknown-warning-option", "-Wno-error")


def test_no_samples_prove_nothing() -> None:
    network = build("lenet")
    x = {name: values[:0] for name, values in inputs_for(network, 1).items()}
    program = c_tools.simulator(network)
    assert program.run(x).samples == 0
    assert program._proof.needed
    assert np.all(program.run(inputs_for(network, 1)).steps_run > 0)
    assert not program._proof.needed
