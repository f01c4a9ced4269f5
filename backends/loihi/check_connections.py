"""Which connections target loihi takes: one weighted operator, 8 bits, an exponent, a delay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from snnc.backends.loihi.checks_base import finding, is_whole
from snnc.backends.loihi.layout import MOST_INT8, lava_kernel
from snnc.diagnostics import Diagnostic
from snnc.ir import model as m

MOST_WEIGHT = 127
MOST_DELAY = 62
"""What Loihi holds in the 6 bits of a synaptic delay: NengoLoihi, Lava's DelayDense."""

_TAKEN = (m.Dense, m.Conv2d, m.Flatten, m.Reshape, m.Scale)


def _chains(network: m.Network) -> Iterator[Diagnostic]:
    for p, incoming in _connections(network):
        ops = incoming.ops
        what = f"the connection from {incoming.source}"
        strange = [type(op).__name__ for op in ops if not isinstance(op, _TAKEN)]
        if strange:
            text = f"{what} holds {', '.join(strange)}"
            yield finding("SN533", p, text, "write the chain as one matrix (pass fold-chains)")
        weighted = [op for op in ops if isinstance(op, m.Dense | m.Conv2d)]
        if len(weighted) > 1:
            text = f"{what} chains {len(weighted)} operators with weights"
            yield finding("SN533", p, text, "join them with the pass fold-chains")
        if any(isinstance(op, m.Scale) for op in ops[:-1]):
            text = f"{what} scales before its end"
            yield finding("SN533", p, text, "move the exponent to the end of the chain")


def _exponents(network: m.Network) -> Iterator[Diagnostic]:
    for p, incoming in _connections(network):
        for op in incoming.ops:
            if isinstance(op, m.Scale) and not _is_exponent(op.factor):
                text = f"the connection from {incoming.source} is scaled by {op.factor}"
                cure = "use a power of two from 2 on: a weight exponent"
                yield finding("SN535", p, text, cure)


def _is_exponent(factor: m.Parameter) -> bool:
    if isinstance(factor, m.Ref) or factor <= 0:
        return False
    return factor >= 1 and math.log2(factor).is_integer()


def _weights(network: m.Network) -> Iterator[Diagnostic]:
    for p, incoming in _connections(network):
        for op in incoming.ops:
            if not isinstance(op, m.Dense | m.Conv2d):
                continue
            values = network.array(op.weight)
            most = float(np.abs(values.astype(np.float64)).max(initial=0))
            if not is_whole(values) or most > MOST_WEIGHT:
                text = f"weights from {incoming.source} are no whole numbers of 8 bits"
                text += f" (largest {most:g}, {MOST_WEIGHT} is allowed)"
                yield finding(
                    "SN534", p, text, "run quantize-weights with the chip's own width (bits=0)"
                )


def _delays(network: m.Network) -> Iterator[Diagnostic]:
    if isinstance(network.schedule, m.Phased):
        return  # whole windows wait, longer than a synapse does; a fit on a chip says so
    for p, incoming in _connections(network):
        if incoming.delay > MOST_DELAY:
            text = (
                f"spikes from {incoming.source} wait {incoming.delay} steps, at most {MOST_DELAY}"
            )
            yield finding("SN538", p, text, "put a layer of relay neurons in between")


def _kernels(network: m.Network) -> Iterator[Diagnostic]:
    for p, incoming in _connections(network):
        for op in incoming.ops:
            if isinstance(op, m.Conv2d):
                largest = lava_kernel(op, network.array(op.weight)).largest
                if largest > MOST_INT8:
                    text = f"its convolution has a kernel, stride, pad or dilation of {largest}"
                    cure = f"Lava's Conv counts to {MOST_INT8}; use a smaller one"
                    yield finding("SN540", p, text, cure)


def _connections(network: m.Network) -> Iterator[tuple[m.Population, m.Incoming]]:
    for p in network.populations:
        for incoming in p.incoming:
            yield p, incoming


CONNECTION_CHECKS: tuple[Callable[[m.Network], Iterator[Diagnostic]], ...] = (
    _chains,
    _exponents,
    _weights,
    _delays,
    _kernels,
)
"""Every condition on a connection."""
