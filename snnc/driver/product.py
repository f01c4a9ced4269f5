"""What compiling leaves behind: the files of a program directory and its manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snnc.driver.exits import manifest_entry
from snnc.driver.report import window_of
from snnc.ir import model as m
from snnc.ir.storage import to_bytes
from snnc.ir.tensors import Array

if TYPE_CHECKING:
    from snnc.driver.compiled import Compiled

GOLDEN_SAMPLES = 4


def program_files(compiled: Compiled) -> dict[str, bytes]:
    """Every file of the program directory but the manifest, as path and bytes.

    `network.snn` is the final network, `ann.snn` the imported one (so that evaluation can
    compare without the ONNX file), `quantised.snn` the network of stage ann whose integers the
    final one settles to where a pass quantised it, `fractions.snn` the spiking network that one of
    whole numbers was made from, `golden/` a few inputs and what the reference
    simulator makes of them.
    """
    files = dict(to_bytes(compiled.network, "network.snn"))
    if compiled.ann is not None:
        files.update(to_bytes(compiled.ann, "ann.snn"))
    if compiled.quantised is not None:
        files.update(to_bytes(compiled.quantised, "quantised.snn"))
    if compiled.fractions is not None:
        files.update(to_bytes(compiled.fractions, "fractions.snn"))
    if compiled.network.stage != "ann":
        files.update(golden_of(compiled.network, compiled.golden_inputs))
        files.update(_target_files(compiled))
    files["report.json"] = json_bytes(compiled.report)
    return files


def _target_files(compiled: Compiled) -> Mapping[str, bytes]:
    from snnc.driver.targets import find_target

    target = find_target(compiled.target)
    if target.check(compiled.network):  # a compilation that was stopped half-way has no program
        return {}
    return target.emit(compiled.network, compiled.golden_inputs)


def golden_of(network: m.Network, inputs: Mapping[str, Array]) -> dict[str, bytes]:
    """A few inputs and what the reference simulator makes of them, as files of `golden/`.

    Samples stop as the network's exit policy says; what it made of each sample is there, too.
    """
    from snnc.backends.reference.simulator import Simulator
    from snnc.program import golden_files

    trace = Simulator(network, threads=1).run(dict(inputs))
    found = trace.exits
    stopped = {} if found is None else {n: getattr(found, n) for n in ("step", "head", "answer")}
    return golden_files(inputs, trace.spike_counts, trace.outputs, stopped)


def json_bytes(payload: Mapping[str, Any]) -> bytes:
    """A JSON file: indented, no NaN, one line feed at the end."""
    return (json.dumps(payload, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def manifest_of(compiled: Compiled) -> dict[str, Any]:
    """What the manifest says beside versions and digests (which the writer adds)."""
    network = compiled.network
    return {
        "target": compiled.target,
        "stage": network.stage,
        "model": {"name": network.name, "sha256": compiled.model_sha256},
        "pipeline": list(network.passes),
        "choice": compiled.report.get("choice"),
        "steps": compiled.steps,
        "window": window_of(network),
        "seed": compiled.seed,
        "inputs": [
            {
                "name": i.name,
                "dtype": i.dtype,
                "shape": list(i.shape),
                "coding": type(i.coding).__name__.lower(),
            }
            for i in network.inputs
        ],
        "outputs": [
            {
                "name": h.name,
                "population": h.population,
                "shape": list(network.population(h.population).shape),
                "host_operators": list(h.readout.host),
            }
            for h in network.heads
        ],
        "preprocessing": compiled.preprocessing.as_dict(),
        "calibration": dict(compiled.calibration_record),
        "exit": manifest_entry(compiled.report),
        "evidence": "simulated",
    }
