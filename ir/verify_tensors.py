"""Invariants SN30x: the table of tensors, the store, and the values in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snnc.ir import model as m
from snnc.ir.hints import did_you_mean
from snnc.ir.tensors import DTYPES
from snnc.ir.values import DIGEST
from snnc.ir.verify_base import STAGES, Finding, Invariant, place


def _named(network: m.Network) -> Iterator[tuple[str, str]]:
    """Every mention of a tensor with the population or exit that makes it."""
    for population in network.populations:
        nodes: list[object] = [population.neuron, population.bias, population.scale]
        nodes += [op for i in population.incoming for op in i.ops]
        for node in nodes:
            yield from ((name, place(population)) for name in m.references(node))
    yield from ((name, "exit") for name in m.references(network.exit))


def _in_table(network: m.Network) -> Iterator[Finding]:
    for name, where in dict.fromkeys(_named(network)):
        if name not in network.tensors:
            message = f"the tensor @{name} is not in the table"
            yield message, where, did_you_mean(name, network.tensors)


def _used(network: m.Network) -> Iterator[Finding]:
    used = {name for name, _ in _named(network)}
    for name in sorted(set(network.tensors) - used):
        message = f"nothing mentions the tensor @{name}"
        yield message, f"tensor @{name}", "remove it from the table"


def _table(network: m.Network) -> Iterator[Finding]:
    for name, ref in sorted(network.tensors.items()):
        if ref.dtype not in DTYPES:
            message = f"unknown element type {ref.dtype!r} (known: {', '.join(DTYPES)})"
            yield message, f"tensor @{name}", did_you_mean(str(ref.dtype), DTYPES)
        if not DIGEST.fullmatch(ref.sha256):
            yield f"{ref.sha256!r} is no SHA-256 digest", f"tensor @{name}", ""


def _stored(network: m.Network) -> Iterator[Finding]:
    for name, ref in sorted(network.tensors.items()):
        if ref not in network.store:
            message = f"the array of the tensor @{name} is not in the store"
            yield message, f"tensor @{name}", "load the network with its .safetensors file"


def _agree(network: m.Network) -> Iterator[Finding]:
    for name, ref in sorted(network.tensors.items()):
        if ref in network.store and ref.dtype in DTYPES:
            array = network.store.get(ref)
            if array.dtype != DTYPES[ref.dtype] or array.shape != ref.shape:
                found = f"{array.dtype}{list(array.shape)}"
                message = f"the table says {ref.dtype}{list(ref.shape)}, the array is {found}"
                yield message, f"tensor @{name}", ""


def _finite(network: m.Network) -> Iterator[Finding]:
    for name, ref in sorted(network.tensors.items()):
        if ref not in network.store:
            continue
        array = network.store.get(ref)
        bad = 0 if array.dtype.kind != "f" else array.size - np.count_nonzero(np.isfinite(array))
        if bad:
            yield (
                f"{bad} of {array.size} values of the tensor @{name} are NaN or infinite",
                f"tensor @{name}",
                "train or export the model again; such a weight makes every output meaningless",
            )


INVARIANTS = (
    Invariant("SN302", STAGES, "every tensor mentioned is in the table", _in_table),
    Invariant("SN303", STAGES, "every tensor in the table is mentioned", _used),
    Invariant("SN304", STAGES, "the store holds every array", _stored),
    Invariant("SN305", STAGES, "arrays are what the table says", _agree),
    Invariant("SN306", STAGES, "all values are finite", _finite),
    Invariant("SN307", STAGES, "element types and digests are well formed", _table),
)
