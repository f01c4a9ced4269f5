"""Core maps as models of NSCS, IBM's simulator of the chip.

The format is known from files that IBM's tools wrote, which lie in open repositories (NeMo's
`libs/model_reader/tests`); nothing here has been run on NSCS or on a chip. It has the cores, their
crossbars and neurons, but no places on the mesh, no layers and no pins. Output line n is axon
`n % 256` of the target `-32 - n // 256`: targets of -32 and below are off the chip.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from snnc.backends.truenorth.core_map import TO_CORE, TO_OUTPUT, CoreMap
from snnc.backends.truenorth.nscs_late import late_map, late_refusal
from snnc.backends.truenorth.nscs_runs import to_runs
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array

SIZE = 256
OUTPUTS = -32
"""The first target off the chip."""
UNCONNECTED = -1


def nscs_refusal(core_map: CoreMap) -> Diagnostic | None:
    """Why a map has no model of NSCS; None where it has one."""
    spec = core_map.spec
    if (spec.axons, spec.neurons, spec.types) != (SIZE, SIZE, 4):
        message = f"NSCS has cores of 256 axons and neurons, not {spec.axons} and {spec.neurons}"
        return Diagnostic("SN577", message, help="use the simulator of snnc")
    return late_refusal(core_map)


def to_nscs(core_map: CoreMap) -> bytes:
    """The model of a legal map; of one that does all a tick later where its pins need that.

    Raises:
        InputError: SN577, see `nscs_refusal`.
    """
    if refusal := nscs_refusal(core_map):
        raise InputError(refusal)
    core_map = late_map(core_map)
    crossbars, crossbar_of = _crossbars(core_map)
    kinds, kind_of = _neuron_types(core_map)
    parts = [
        f'"model":{_text(_model(core_map))}',
        f'"crossbarTypes":[\n{_lines(crossbars)}\n]',
        f'"neuronTypes":[\n{_lines(kinds)}\n]',
        *(f'"core":{_text(core)}' for core in _cores(core_map, crossbar_of, kind_of)),
    ]
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _lines(values: list[dict[str, Any]]) -> str:
    return ",\n".join(_text(value) for value in values)


def _model(core_map: CoreMap) -> dict[str, Any]:
    return {
        "coreCount": core_map.cores,
        "neuronclass": "NeuronGeneral",
        "crossbarSize": SIZE,
        "crossbarclass": "CrossbarBinary",
        "networking": "INTRA",
        "useCrossbarPrototypes": True,
    }


def _crossbars(core_map: CoreMap) -> tuple[list[dict[str, Any]], list[str]]:
    """All different crossbars with their axon types, and the name of each core's."""
    names: dict[bytes, str] = {}
    found, of = [], []
    for core in range(core_map.cores):
        key = core_map.crossbar[core].tobytes() + core_map.axon_types[core].tobytes()
        if key not in names:
            names[key] = f"coreProt{len(names) + 1:07d}"
            rows = [
                {"type": f"S{kind}", "synapses": row.tobytes().hex(" ").upper()}
                for kind, row in zip(
                    core_map.axon_types[core], core_map.crossbar[core], strict=True
                )
            ]
            found.append({"name": names[key], "crossbar": {"rows": rows}})
        of.append(names[key])
    return found, of


def _neuron_types(core_map: CoreMap) -> tuple[list[dict[str, Any]], Array]:
    """All different neurons, and the number of each neuron's type from 1; 0 where unused."""
    columns = [
        core_map.leaks,
        core_map.thresholds,
        core_map.floors,
        core_map.resets,
        core_map.saturates,
        core_map.reset_exponents,
        core_map.potentials,
    ]
    table = np.stack([c.reshape(-1).astype(np.int64) for c in columns], axis=1)
    table = np.concatenate([core_map.strengths.reshape(-1, 4).astype(np.int64), table], axis=1)
    used = core_map.used.reshape(-1)
    rows, numbers = np.unique(table[used], axis=0, return_inverse=True)
    of = np.zeros(used.shape, np.int64)
    of[used] = numbers.reshape(-1) + 1
    kinds = [_neuron_type(i + 1, *row) for i, row in enumerate(rows.tolist())]
    return kinds, of.reshape(core_map.kinds.shape)


def _neuron_type(
    number: int,
    s0: int,
    s1: int,
    s2: int,
    s3: int,
    leak: int,
    alpha: int,
    beta: int,
    gamma: int,
    kappa: int,
    exponent: int,
    start: int,
) -> dict[str, Any]:
    strengths = (s0, s1, s2, s3)
    return {
        "name": f"N{number:08X}",
        "class": "NeuronGeneral",
        **{f"sigma{i}": -1 if s < 0 else 1 for i, s in enumerate(strengths)},
        **{f"s{i}": abs(s) for i, s in enumerate(strengths)},
        **{f"b{i}": False for i in range(4)},
        "sigma_lambda": -1 if leak < 0 else 1,
        "lambda": abs(leak),
        "c_lambda": False,
        "epsilon": False,
        "alpha": alpha,
        "beta": beta,
        "TM": 0,
        "gamma": gamma,
        "kappa": bool(kappa),
        "sigma_VR": -1 if exponent < 0 else 1,
        "VR": abs(exponent),
        "V": start,
    }


def _cores(core_map: CoreMap, crossbars: list[str], kinds: Array) -> Iterator[dict[str, Any]]:
    for core in range(core_map.cores):
        inside, out = (core_map.kinds[core] == k for k in (TO_CORE, TO_OUTPUT))
        target = core_map.targets[core].astype(np.int64)
        cores = np.where(inside, target, np.where(out, OUTPUTS - target // SIZE, UNCONNECTED))
        axons = np.where(inside, core_map.target_axons[core], np.where(out, target % SIZE, 0))
        delays = np.where(inside, core_map.delays[core], 1)
        corelet = int(core_map.corelets[core])
        yield {
            "metadata": {
                "coreletClass": core_map.corelet_names[corelet],
                "coreletId": corelet,
                "coreNumber": core,
                "parentCoreletId": [-1],
            },
            "id": core,
            "timeScaleExponent": 0,
            "rngSeed": core + 1,  # no neuron draws random numbers
            "neurons": {
                "dendrites": ["0:255"],
                "types": to_runs(kinds[core].tolist()),
                "destCores": to_runs(cores.tolist()),
                "destAxons": to_runs(axons.tolist()),
                "destDelays": to_runs(delays.tolist()),
            },
            "crossbar": {"name": crossbars[core]},
        }
