"""Reads models of NSCS: those that `to_nscs` writes, and others of deterministic neurons.

Comments are left out, the key `core` comes once for each core. Types of neurons are numbered from
1 by their place in the list; where all names are N and eight hexadecimal digits, by that number, as
in files of IBM's tools that list them in another order.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.core_map import TO_CORE, TO_OUTPUT, CoreMap, OutputGroup
from snnc.backends.truenorth.nscs import OUTPUTS, SIZE
from snnc.backends.truenorth.nscs_runs import from_runs
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array

_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|/\*.*?\*/|//[^\n]*', re.DOTALL)
_NUMBERED = re.compile(r"N([0-9A-Fa-f]{8})")


def from_nscs(content: bytes) -> CoreMap:
    """The cores of a model, without pins and layers, side by side on the mesh.

    Unused neurons have threshold 1 and nothing else. Output lines are those of targets -32 and
    below.

    Raises:
        InputError: SN579, it is not of the form, or has what core maps do not have.
    """
    try:
        return _map(_parsed(content))
    except (KeyError, TypeError, IndexError, OverflowError, RecursionError, ValueError) as error:
        reason = f"there is no entry {error}" if isinstance(error, KeyError) else str(error)
        message = f"the model of NSCS cannot be read: {reason}"
        raise InputError(Diagnostic("SN579", message)) from error


def _parsed(content: bytes) -> dict[str, Any]:
    def keep_strings(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith('"') else " "

    text = _STRING_OR_COMMENT.sub(keep_strings, content.decode("utf-8"))
    root = json.loads(text, object_pairs_hook=_with_cores)
    if not isinstance(root, dict):
        raise ValueError("it is no JSON object")
    return root


def _with_cores(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; the values of all keys `core` are one list."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name == "core":
            found.setdefault(name, []).append(value)
        elif name in found:
            raise ValueError(f"the key {name} comes twice")
        else:
            found[name] = value
    return found


def _map(root: dict[str, Any]) -> CoreMap:
    if root["model"]["crossbarSize"] != SIZE:
        raise ValueError(f"its cores have {root['model']['crossbarSize']} axons")
    crossbars = {
        kind["name"]: _crossbar(kind["crossbar"]["rows"]) for kind in root["crossbarTypes"]
    }
    kinds = _neuron_types(root["neuronTypes"])
    cores = sorted(root.get("core", []), key=lambda core: int(core["id"]))
    if [core["id"] for core in cores] != list(range(root["model"]["coreCount"])):
        raise ValueError(f"it has {len(cores)} cores, not 0 to {root['model']['coreCount'] - 1}")
    arrays = _empty(len(cores))
    for number, core in enumerate(cores):
        if core["timeScaleExponent"] != 0:
            raise ValueError("a core has another tick than the others")
        types, rows = crossbars[core["crossbar"]["name"]]
        arrays["axon_types"][number] = types
        dendrites = from_runs(core["neurons"]["dendrites"], SIZE)
        arrays["crossbar"][number] = np.packbits(rows[:, dendrites], axis=-1)
        _fill_neurons(arrays, number, core["neurons"], kinds)
    lines = arrays["targets"][arrays["kinds"] == TO_OUTPUT]
    outputs = int(lines.max(initial=-1)) + 1
    names = [str(core["metadata"]["coreletClass"]) for core in cores]
    corelets = list(dict.fromkeys(names))
    count = np.arange(len(cores))
    return CoreMap(
        name="nscs",
        positions=np.stack([count % 64, count // 64], axis=1).astype(np.int16),
        corelets=np.array([corelets.index(name) for name in names], np.int32),
        corelet_names=tuple(corelets),
        outputs=outputs,
        heads=(OutputGroup("outputs", 0, outputs),) if outputs else (),
        layers=(),
        pins=(),
        ticks_per_step=1,
        spec=TRUENORTH,
        **arrays,
    )


def _empty(cores: int) -> dict[str, Array]:
    shape = (cores, SIZE)
    return {
        "axon_types": np.zeros(shape, np.uint8),
        "crossbar": np.zeros((cores, SIZE, SIZE // 8), np.uint8),
        "strengths": np.zeros((*shape, 4), np.int16),
        "leaks": np.zeros(shape, np.int16),
        "thresholds": np.ones(shape, np.int32),
        "floors": np.zeros(shape, np.int32),
        "resets": np.zeros(shape, np.uint8),
        "saturates": np.zeros(shape, bool),
        "reset_exponents": np.zeros(shape, np.int8),
        "potentials": np.zeros(shape, np.int32),
        "kinds": np.zeros(shape, np.uint8),
        "targets": np.full(shape, -1, np.int32),
        "target_axons": np.full(shape, -1, np.int16),
        "delays": np.zeros(shape, np.uint8),
        "roles": np.zeros(cores, np.uint8),
        "layer_of": np.full(shape, -1, np.int32),
        "unit_of": np.full(shape, -1, np.int32),
        "pin_starts": np.zeros(1, np.int64),
        **{name: np.zeros(0, np.int32) for name in ("pin_cores", "pin_axons", "pin_delays")},
    }


def _crossbar(rows: list[dict[str, Any]]) -> tuple[Array, Array]:
    """Axon types (256,) and bits, bool (256 axons, 256 dendrites)."""
    if len(rows) != SIZE:
        raise ValueError(f"a crossbar has {len(rows)} rows")
    types = [["S0", "S1", "S2", "S3"].index(row["type"]) for row in rows]
    packed = [np.frombuffer(bytes.fromhex(row["synapses"]), np.uint8) for row in rows]
    if any(len(row) != SIZE // 8 for row in packed):
        raise ValueError("a row of a crossbar has not 32 bytes")
    return np.array(types, np.uint8), np.unpackbits(np.stack(packed), axis=-1).astype(bool)


def _neuron_types(kinds: list[dict[str, Any]]) -> dict[int, dict[str, int]]:
    """The parameters of each type by its number."""
    matches = [_NUMBERED.fullmatch(str(kind["name"])) for kind in kinds]
    found = {}
    for place, (kind, match) in enumerate(zip(kinds, matches, strict=True)):
        number = int(match[1], 16) if match and all(matches) else place + 1
        found[number] = _parameters(kind)
    if len(found) != len(kinds):
        raise ValueError("two types of neurons have one name")
    return found


def _parameters(kind: dict[str, Any]) -> dict[str, int]:
    """By name of the arrays; `strengths0` to 3.

    Raises:
        ValueError: the type is stochastic or reverses its leak, or a number has no room.
    """
    random = [name for name in ("b0", "b1", "b2", "b3", "c_lambda", "TM") if kind[name]]
    if random:
        raise ValueError(f"neuron type {kind['name']} is stochastic ({', '.join(random)})")
    if kind["epsilon"] and kind["lambda"]:
        raise ValueError(f"neuron type {kind['name']} reverses its leak")
    return {
        **{f"strengths{i}": _signed(kind, f"sigma{i}", f"s{i}", 255) for i in range(4)},
        "leaks": _signed(kind, "sigma_lambda", "lambda", 255),
        "thresholds": _whole(kind, "alpha", 0, 2**18 - 1),
        "floors": _whole(kind, "beta", 0, 2**18 - 1),
        "resets": _whole(kind, "gamma", 0, 2),
        "saturates": int(bool(kind["kappa"])),
        "reset_exponents": _signed(kind, "sigma_VR", "VR", 63),
        "potentials": _whole(kind, "V", -(2**19), 2**19 - 1),
    }


def _whole(kind: dict[str, Any], name: str, low: int, high: int) -> int:
    value = kind[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} of neuron type {kind['name']} is not {low} to {high}")
    return value


def _signed(kind: dict[str, Any], sign: str, size: str, most: int) -> int:
    if kind[sign] not in (1, -1):
        raise ValueError(f"{sign} of neuron type {kind['name']} is not 1 or -1")
    return int(kind[sign]) * _whole(kind, size, 0, most)


def _fill_neurons(
    arrays: dict[str, Array],
    core: int,
    neurons: dict[str, Any],
    kinds: dict[int, dict[str, int]],
) -> None:
    columns = ("types", "destCores", "destAxons", "destDelays")
    table = [from_runs(neurons[name], SIZE) for name in columns]
    for neuron, (number, target, axon, delay) in enumerate(zip(*table, strict=True)):
        if number == 0 or OUTPUTS < target < 0:
            continue
        place = (core, neuron)
        for name, value in kinds[number].items():
            if name.startswith("strengths"):
                arrays["strengths"][core, neuron, int(name[-1])] = value
            else:
                arrays[name][place] = value
        if not (0 <= axon < SIZE and 1 <= delay <= 15 and abs(target) < 1 << 20):
            raise ValueError(f"neuron {neuron} of core {core} has an impossible target")
        inside = target >= 0
        arrays["kinds"][place] = TO_CORE if inside else TO_OUTPUT
        arrays["targets"][place] = target if inside else (OUTPUTS - target) * SIZE + axon
        arrays["target_axons"][place] = axon if inside else -1
        arrays["delays"][place] = delay if inside else 0
