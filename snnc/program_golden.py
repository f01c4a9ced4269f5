"""Golden data of a program: a few inputs and the reference simulator's answer to them.

Any target can check itself against it: the spike counts have to be equal, integer for integer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array

GOLDEN = "golden/golden.safetensors"
_KINDS = ("input", "spike_count", "output", "exit")


class _Readable(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...

    def read(self, name: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Golden:
    """What was simulated.

    Attributes:
        inputs: per input name, (N, *shape); spike events (T, N, *shape).
        spike_counts: net spikes per population, (N, *shape).
        outputs: per head the cumulative read-out, (T, N, K).
        exits: for a network with an exit policy `step`, `head` and `answer` of each sample (N,),
            as `Trace.exits` has them; spikes and read-outs are then those up to that step.
    """

    inputs: Mapping[str, Array]
    spike_counts: Mapping[str, Array]
    outputs: Mapping[str, Array]
    exits: Mapping[str, Array] = field(default_factory=dict)


def golden_files(
    inputs: Mapping[str, Array],
    spike_counts: Mapping[str, Array],
    outputs: Mapping[str, Array],
    exits: Mapping[str, Array] | None = None,
) -> dict[str, bytes]:
    """The files of a program directory that hold golden data (a safetensors file, no pickle)."""
    from safetensors.numpy import save

    tensors = {
        f"{kind}:{name}": np.ascontiguousarray(values)
        for kind, group in zip(_KINDS, (inputs, spike_counts, outputs, exits or {}), strict=True)
        for name, values in sorted(group.items())
    }
    return {GOLDEN: save(tensors)}


def read_golden(program: _Readable) -> Golden:
    """The golden data of a loaded program.

    Raises:
        InputError: SN909, there is none or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if GOLDEN not in program.names:
        raise _unusable(f"the program has no file {GOLDEN}")
    try:
        tensors = load(program.read(GOLDEN))
    except (SafetensorError, KeyError, ValueError) as error:
        raise _unusable(f"{GOLDEN} is damaged: {error}") from error
    groups: dict[str, dict[str, Array]] = {kind: {} for kind in _KINDS}
    for key in sorted(tensors):
        kind, colon, name = key.partition(":")
        if not colon or kind not in groups:
            raise _unusable(f"{GOLDEN} has the unknown entry {key}")
        groups[kind][name] = tensors[key]
    return Golden(groups["input"], groups["spike_count"], groups["output"], groups["exit"])


def _unusable(reason: str) -> InputError:
    message = f"the golden data cannot be used: {reason}"
    return InputError(Diagnostic("SN909", message, help="compile the model again"))
