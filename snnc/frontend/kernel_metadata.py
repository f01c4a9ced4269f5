"""Kernels of spike times named in a model's metadata: `snnc.ttfs`, a JSON object.

`{"window": 32, "rounding": "round", "kernels": {"relu1": {"tau": 9.7, "delay": 0.3,
"threshold": 1.0}}, "inputs": {"x": {"tau": 10}}}`: the Relu nodes of these names, and the inputs,
were trained as surrogates of spike times (Park and Yoon 2021, section 3) and exported without.
`rounding` is "round" where it is left out, `delay` 0, `threshold` 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import onnx

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend.fit_surrogate import MOST_STEPS
from snnc.frontend.loader import Loaded
from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.text import one_of

KEY = "snnc.ttfs"
"""The key in the model's `metadata_props`."""

_EXAMPLE = '{"window": 32, "kernels": {"relu1": {"tau": 9.7, "delay": 0.3, "threshold": 1.0}}}'
_LARGEST, _LEAST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class Kernels:
    """Kernels by the name of a node and by that of an input."""

    nodes: Mapping[str, m.TTFS]
    inputs: Mapping[str, m.TTFS]

    def note(self) -> str:
        """What is worth telling."""
        names = ", ".join((*self.nodes, *self.inputs))
        return (
            f"the file computes Relu, or takes the input as it is, where its metadata ({KEY}) says "
            f"that spike times were trained: {names}. The network, and all that it is compared "
            "with, has the trained function there"
        )


def read_kernels(loaded: Loaded) -> Kernels | None:
    """The kernels that a model's metadata names; None where it has no such entry.

    Raises:
        InputError: SN617, the entry is malformed.
    """
    entries = [entry.value for entry in loaded.proto.metadata_props if entry.key == KEY]
    if not entries:
        return None
    parser = _Parser(loaded.name)
    if len(entries) > 1:
        parser.fail("it stands there more than once")
    return parser.kernels(entries[0])


@dataclass(frozen=True, slots=True)
class _Parser:
    """Reads the JSON object; every fault is one clear error."""

    model: str

    def fail(self, message: str) -> NoReturn:
        """Raise SN617."""
        cure = f"write it like {_EXAMPLE}"
        text = f"metadata {KEY}: {message}"
        raise InputError(Diagnostic("SN617", text, self.model, cure))

    def kernels(self, text: str) -> Kernels:
        """All kernels of the entry."""
        try:
            data = json.loads(
                text, object_pairs_hook=self._unique, parse_constant=self._not_a_number
            )
        except (ValueError, RecursionError) as error:
            self.fail(f"it is no JSON ({error})")
        data = self._object(data, "it", ("window", "rounding", "kernels", "inputs"))
        if "window" not in data:
            self.fail("it names no window")
        steps = data["window"]
        if type(steps) is not int or not 2 <= steps <= MOST_STEPS:
            self.fail(f"window is {_short(steps)}, not a whole number from 2 to {MOST_STEPS}")
        rounding = data.get("rounding", "round")
        if rounding not in ("round", "ceil"):
            self.fail(f'rounding is {_short(rounding)}, not "round" or "ceil"')
        plain = m.TTFS(1.0, steps, rounding=rounding)
        nodes, inputs = (self._group(data, name, plain) for name in ("kernels", "inputs"))
        if not nodes and not inputs:
            self.fail("it names no kernels")
        return Kernels(nodes, inputs)

    def _group(self, data: dict[str, Any], group: str, plain: m.TTFS) -> dict[str, m.TTFS]:
        entries = self._object(data.get(group, {}), group, None)
        return {
            name: self._kernel(f'{group} "{name}"', given, plain) for name, given in entries.items()
        }

    def _kernel(self, where: str, given: object, plain: m.TTFS) -> m.TTFS:
        numbers = self._object(given, where, ("tau", "delay", "threshold"))
        if "tau" not in numbers:
            self.fail(f"{where} names no tau")
        for name, value in numbers.items():
            if type(value) not in (int, float) or not abs(value) <= _LARGEST:
                self.fail(f"{where}: {name} is {_short(value)}, not a number")
            if name != "delay" and value <= 0:
                self.fail(f"{where}: {name} is {_short(value)}, not above 0")
        tau, delay, threshold = (
            float(numbers.get(name, default))
            for name, default in (("tau", 1.0), ("delay", 0.0), ("threshold", 1.0))
        )
        kernel = m.TTFS(tau, plain.steps, delay, threshold, plain.rounding)
        with np.errstate(over="ignore", under="ignore"):
            high = float(spike_times.values(kernel)[0])
            low = float(spike_times.thresholds(kernel)[-1])
        if not (low >= _LEAST and high <= _LARGEST):
            self.fail(f"{where}: values from {high:.3g} to {low:.3g} are beyond 32-bit floats")
        return kernel

    def _object(self, data: object, where: str, keys: tuple[str, ...] | None) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail(f"{where} is {_short(data)}, not a JSON object")
        for key in data:
            if keys is not None and key not in keys:
                self.fail(f'{where} has the unknown key "{key}"{one_of(key, keys)}')
        return data

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            self.fail(f'the key "{twice}" stands there twice')
        return data

    def _not_a_number(self, text: str) -> NoReturn:
        self.fail(f"{text} is not a number")


def _short(value: object) -> str:
    """A JSON value, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def unknown_names(loaded: Loaded, wanted: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse names that the model does not have.

    Raises:
        InputError: SN618, one diagnostic for each of them.
    """
    names = list(known)
    cure = "name it as the file does; `snnc inspect` lists the ONNX nodes"
    wrong = [
        Diagnostic(
            "SN618",
            f'metadata {KEY}: the model has no {what} "{name}"{one_of(name, names)}',
            loaded.name,
            cure,
        )
        for name in wanted
        if name not in names
    ]
    if wrong:
        raise InputError(wrong)


def check_relu(loaded: Loaded, node: onnx.NodeProto) -> None:
    """Refuse a kernel for a node that is no Relu.

    Raises:
        InputError: SN618.
    """
    if node.op_type != "Relu" or node.domain not in ("", "ai.onnx"):
        raise InputError(
            Diagnostic(
                "SN618",
                f'metadata {KEY}: node "{node.name}" is {node.op_type}, and only a Relu can have '
                "been trained as spike times",
                f'{loaded.name} node "{node.name}"',
                "name Relu nodes; an input's kernel stands under inputs",
            )
        )
