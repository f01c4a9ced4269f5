"""An energy estimate that depends on the network's shape and on time alone, not on its spikes.

The model of SpikeSim (crossbars of resistive memory) with the constants that BayesianSpikeFusion
(Habara, Sato, Awano 2024) uses for its figures, in picojoules. Nothing was measured on a device.
"""

from __future__ import annotations

import math

from snnc.ir import model as m
from snnc.ir.shapes import operator_shape

CROSSBAR = 64
_ROWS = CROSSBAR / 8
_XBAR, _TILE_BUFFER, _TEMPORARY_BUFFER, _SUBTRACT = 1.76423, 397.0, 0.2, 1.15e-6
_ADC, _HTREE, _MUX, _MEMBRANE, _NEURON = 2.03084, 19.64, 0.094245, 4.64, 1.274


def cycle_picojoules(kernel: int) -> float:
    """Energy of one processing element for one output position in one time step.

    Args:
        kernel: number of cells of the convolution's kernel.
    """
    array = kernel * _XBAR + _ROWS * (_ADC + _MUX)
    return (
        8 * _HTREE
        + _MEMBRANE
        + 4 * _NEURON
        + _ROWS * (array + 16 * _SUBTRACT + _TEMPORARY_BUFFER)
        + _TILE_BUFFER
    )


def step_picojoules(network: m.Network) -> float:
    """Energy of one time step of a network: all convolutions, average pools and dense layers."""
    total = 0.0
    for population in network.populations:
        for incoming in population.incoming:
            shape = network.source_shape(incoming.source)
            for op in incoming.ops:
                after = operator_shape(op, shape, lambda ref: network.tensors[ref.name].shape)
                total += _operator(network, op, shape, after)
                shape = after
    return total


def _operator(
    network: m.Network, op: m.Operator, before: tuple[int, ...], after: tuple[int, ...]
) -> float:
    if isinstance(op, m.Conv2d):
        kernel = math.prod(network.tensors[op.weight.name].shape[2:])
        return _layer(after[0], before[0] // op.groups, math.prod(after[1:]), kernel)
    if isinstance(op, m.AvgPool2d):
        return _layer(after[0], before[0], math.prod(after[1:]), math.prod(op.kernel))
    if isinstance(op, m.Dense):  # folded: four inputs share a column, a kernel of 4 x 1
        return _layer(after[0], math.ceil(before[0] / 4), 1, 4)
    return 0.0


def _layer(outputs: int, inputs: int, positions: int, kernel: int) -> float:
    elements = math.ceil(outputs / CROSSBAR) * math.ceil(inputs / CROSSBAR) * positions
    return elements * cycle_picojoules(kernel)
