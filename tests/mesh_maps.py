"""Core maps that matter only by who drives whom, for tests of placement and of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.truenorth.core_map import TO_CORE, TO_OUTPUT, CoreMap, Layer
from snnc.ir.tensors import Array


def wired_map(counts: Any, **given: Any) -> CoreMap:
    """A map in which core i has `counts[i][j]` neurons that drive axons of core j.

    Any further neurons up to `own[i]` fire off the chip. Cores lie side by side, and core i stands
    for layer `layers_of[i]` (its neurons all do); axons of a core are driven from the first on.
    """
    counts = np.asarray(counts)
    cores = len(counts)
    shape = (cores, 256)
    own = given.pop("own", counts.sum(axis=1))
    layers_of = given.pop("layers_of", np.zeros(cores, int))
    kinds, targets = np.zeros(shape, np.uint8), np.full(shape, -1, np.int32)
    axons, layer_of = np.full(shape, -1, np.int16), np.full(shape, -1, np.int32)
    used = np.zeros(cores, int)
    lines = 0
    for core, row in enumerate(counts):
        sent = np.repeat(np.arange(cores), row)
        for neuron in range(max(len(sent), int(own[core]))):
            layer_of[core, neuron] = layers_of[core]
            if neuron < len(sent):
                target = sent[neuron]
                kinds[core, neuron], targets[core, neuron] = TO_CORE, target
                axons[core, neuron] = used[target]
                used[target] += 1
            else:
                kinds[core, neuron], targets[core, neuron] = TO_OUTPUT, lines
                lines += 1
    numbers = np.arange(cores)
    names = given.pop(
        "names", tuple(f"layer{n}" for n in range(int(max(layers_of, default=0)) + 1))
    )
    fields: dict[str, Any] = {
        "name": "wired",
        "axon_types": np.zeros(shape, np.uint8),
        "crossbar": np.zeros((cores, 256, 32), np.uint8),
        "strengths": np.ones((*shape, 4), np.int16),
        "leaks": np.zeros(shape, np.int16),
        "thresholds": np.ones(shape, np.int32),
        "floors": np.zeros(shape, np.int32),
        "resets": np.ones(shape, np.uint8),
        "saturates": np.zeros(shape, bool),
        "reset_exponents": np.zeros(shape, np.int8),
        "potentials": np.zeros(shape, np.int32),
        "kinds": kinds,
        "targets": targets,
        "target_axons": axons,
        "delays": (kinds == TO_CORE).astype(np.uint8),
        "positions": np.stack([numbers % 64, numbers // 64], axis=1).astype(np.int16),
        "roles": np.zeros(cores, np.uint8),
        "corelets": np.zeros(cores, np.int32),
        "layer_of": layer_of,
        "unit_of": np.where(layer_of >= 0, np.arange(256), -1).astype(np.int32),
        "pin_starts": np.zeros(1, np.int64),
        "pin_cores": np.zeros(0, np.int32),
        "pin_axons": np.zeros(0, np.int32),
        "pin_delays": np.zeros(0, np.int32),
        "outputs": lines,
        "layers": tuple(Layer(name, n + 1) for n, name in enumerate(names)),
        "corelet_names": ("wired/all",),
        "pins": (),
        "heads": (),
    }
    return CoreMap(**(fields | given))


def random_counts(seed: int, cores: int, links: int = 40) -> Array:
    """How many neurons of each core drive each other core, at random; some drive their own."""
    random = np.random.default_rng(seed)
    counts = np.zeros((cores, cores), int)
    np.add.at(counts, (random.integers(cores, size=links), random.integers(cores, size=links)), 1)
    return counts
