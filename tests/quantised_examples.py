"""One small network with quantised activations in every form the driver's tests need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import nets
import numpy as np

from snnc.ir import model as m
from snnc.passes import PASSES
from snnc.passes.base import Context
from snnc.passes.manager import run_pipeline

SHAPE = (2, 6, 6)
CLASSES = 4


def network(levels: int = 3, seed: int = 6) -> m.Network:
    """conv, staircase, max pool, conv, signed staircase of other steps, dense; stage ann."""
    builder = nets.Builder(seed=seed, shape=SHAPE)
    first = builder.conv("first", 3, 2)
    step = 1.2 / levels
    builder.add("first", (3, 6, 6), m.Quantized(step, levels), ("image", (first,)), bias=(3,))
    builder.add("pool", (3, 3, 3), m.MaxPool2d((2, 2), (2, 2)), ("first", ()))
    second = builder.conv("second", 4, 3)
    signed = m.Quantized(2 * step, levels, -levels, ties="even")
    builder.add("second", (4, 3, 3), signed, ("pool", (second,)), bias=(4,))
    dense = builder.dense("fc", CLASSES, 36)
    builder.add("fc", (CLASSES,), m.Identity(), ("second", (m.Flatten(), dense)), bias=(CLASSES,))
    return builder.network("fc")


def continuous() -> m.Network:
    """The same network with ReLUs."""
    ann = network()
    return ann.with_populations(
        replace(p, neuron=m.Relu()) if isinstance(p.neuron, m.Quantized) else p
        for p in ann.populations
    )


def spiking(ann: m.Network, *, mode: str = "qffs", steps: int | None = None) -> m.Network:
    """The network after max-pool and map-quantized, for `steps` or as many as it may need."""
    context = Context(steps=steps or 32, steps_given=steps is not None)
    pool, mapped = PASSES["max-pool"](), PASSES["map-quantized"](mode=mode)  # type: ignore[call-arg]
    return run_pipeline(ann, (pool, mapped), context)


def images(count: int = 20, seed: int = 0) -> np.ndarray:
    """Samples of the network's input, (N, 2, 6, 6) float32 in [0, 1)."""
    return np.random.default_rng(seed).random((count, *SHAPE), dtype=np.float32)


def perturbed(network: m.Network, tensor: str, by: float, index: int = 0) -> m.Network:
    """The network with one element of the first tensor of that beginning changed."""
    name = next(n for n in network.tensors if n.startswith(tensor))
    changed = network.array(m.Ref(name)).copy()
    changed.flat[index] += by
    return network.with_arrays({name: changed})


def with_neuron(network: m.Network, layers: Sequence[str], **changes: Any) -> m.Network:
    """The network with other fields in the neurons of some layers."""
    return network.with_populations(
        replace(p, neuron=replace(p.neuron, **changes)) if p.name in layers else p
        for p in network.populations
    )
