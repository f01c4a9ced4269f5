"""The processes of emitted programs by themselves, each in a Python with Lava."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lava_tools
import numpy as np
import pytest
from lava_tools import needs_lava
from loihi_exits import policies
from loihi_networks import build, inputs_for

from snnc.backends.loihi.describe import describe
from snnc.backends.loihi.golden import reference_run, whole_outputs
from snnc.backends.loihi.names import _TAKEN
from snnc.backends.reference import Simulator
from snnc.ir import model as m

pytestmark = needs_lava


def in_lava(folder: Path, code: str, given: object = None) -> Any:
    """What a piece of code that has the program's modules at hand prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(given),
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


JUDGE = """
import json, sys
import numpy as np
from snn_readout import Judge
answers = []
for policy, heads, limit, samples in json.load(sys.stdin):
    if "tables" in policy:
        policy["tables"] = np.array(policy["tables"])
    for values in samples:
        judge, answer = Judge(policy, heads), None
        for t in range(1, limit + 1):
            answer = answer or judge.ask(t, np.array(values[t - 1], np.int32))
        answers.append(answer or judge.final(limit))
print(json.dumps(answers))
"""


def case(network: m.Network, samples: int) -> tuple[list[Any], list[list[int]]]:
    """A policy with read-outs for `JUDGE`, and what the simulator decides on them."""
    found, _ = describe(network)
    policy = ast.literal_eval(found["exit"])
    if "tables" in policy:
        assert isinstance(network.exit, m.IntegerConfidence)
        policy["tables"] = network.array(network.exit.tables).tolist()
    heads = [ast.literal_eval("{" + "".join(found["heads"]) + "}")[h.name] for h in network.heads]
    given = inputs_for(network, samples)
    trace = reference_run(Simulator(network), network, given)
    outputs = whole_outputs(network, trace)
    values = np.concatenate([outputs[h.name] for h in network.heads], axis=2)
    limit = policy["last_step"] or trace.steps
    exits = Simulator(network).run(given).exits
    assert exits is not None
    wanted = zip(exits.step, exits.head, exits.answer, exits.sure, strict=True)
    rows = values.transpose(1, 0, 2).tolist()
    return [policy, heads, limit, rows], [[int(n) for n in row] for row in wanted]


def test_the_judge_decides_as_the_simulator_for_every_policy(tmp_path: Path) -> None:
    network = build("heads", 3)
    folder = lava_tools.write(network, tmp_path)
    cases = {name: case(n, 12) for name, n in policies(network).items()}
    found = in_lava(folder, JUDGE, [given for given, _ in cases.values()])
    wanted = [row for _, rows in cases.values() for row in rows]
    assert found == wanted
    assert len({tuple(row[:2]) for row in wanted}) > 10
    # The control: with another limit it decides otherwise.
    given, rows = cases["margin"]
    given[0]["limits"] = [limit * 4 for limit in given[0]["limits"]]
    assert in_lava(folder, JUDGE, [given]) != rows


RESERVED = """
import json
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.process import AbstractProcess
process = AbstractProcess(name="x")
names = {*dir(process), *dir(AbstractSubProcessModel)}
print(json.dumps(sorted(n for n in names if not n.startswith("_"))))
"""


def test_names_of_lava_are_not_given_to_layers(tmp_path: Path) -> None:
    assert set(in_lava(tmp_path, RESERVED)) <= _TAKEN


BOUNDED = """
import importlib, json, pathlib
import numpy as np
for path in sorted(pathlib.Path(".").glob("*.py")):
    importlib.import_module(path.stem)  # Lava does so: it must not run anything
from snn_processes import V_MAX, bounded
found = [bounded(np.array([V_MAX, -V_MAX]), "x").tolist()]
for values in ([V_MAX + 1, 0], [0, -V_MAX - 1]):
    try:
        bounded(np.array(values), "layer")
    except OverflowError as error:
        found.append(str(error))
print(json.dumps(found))
"""


def test_files_can_be_imported_and_a_sum_beyond_24_bits_is_an_error(tmp_path: Path) -> None:
    folder = lava_tools.write(build("hard"), tmp_path)
    exact, *errors = in_lava(folder, BOUNDED)
    assert exact == [2**23 - 1, -(2**23) + 1]
    assert len(errors) == 2
    assert all("layer: a sum left 24 bits" in error for error in errors)


FAILING = """
import json, sys
from types import SimpleNamespace
from snn_inputs import UsageError
from snn_run import Graph, RunError
killed = []
actor = SimpleNamespace(kill=lambda: killed.append(1))
infrastructure = SimpleNamespace(actors=[actor], smm=SimpleNamespace(_manager=object()))
runtime = SimpleNamespace(_messaging_infrastructure=infrastructure)

def run(*arguments, **options):
    try:
        raise json.load(sys.stdin)["wrong"] and UsageError("wrong weights") or OSError("no memory")
    except Exception:
        raise ValueError("cannot compile")

graph = Graph.__new__(Graph)
graph.network = SimpleNamespace(runtime=runtime, run=run)
graph.program, graph.models, graph.stopping = SimpleNamespace(latest=1), {}, False
graph.steps = 3
try:
    with graph:
        graph._start(0)
except (RunError, UsageError) as error:
    print(json.dumps([type(error).__name__, str(error), len(killed)]))
"""


def test_a_failed_start_is_told_with_what_led_to_it_whatever_ending_it_meets(
    tmp_path: Path,
) -> None:
    folder = lava_tools.write(build("hard"), tmp_path)
    kind, text, killed = in_lava(folder, FAILING, {"wrong": False})
    assert (kind, killed) == ("RunError", 1)
    assert "ValueError('cannot compile'), because of OSError('no memory')" in text
    assert in_lava(folder, FAILING, {"wrong": True}) == ["UsageError", "wrong weights", 1]


@pytest.mark.parametrize("name", ["a", "a-b", "1st", "if", "run", "é"])
def test_an_identifier_is_made_of_any_name(name: str) -> None:
    from snnc.backends.loihi.names import Names

    names = Names()
    found = [names.new(name) for _ in range(3)]
    assert len(set(found)) == 3
    assert all(f.isidentifier() and f not in _TAKEN for f in found)
