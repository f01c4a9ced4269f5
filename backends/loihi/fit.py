"""Whether a network fits on a Loihi chip, and what it takes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from snnc.backends.loihi.chips import CHIP_NAMES, Chip, load_chip
from snnc.backends.loihi.partition.budgets import BUDGETS, allowances, layout_of
from snnc.backends.loihi.partition.layers import Layer, layers_of, readers_of
from snnc.backends.loihi.partition.notes import notes_of
from snnc.backends.loihi.partition.reach import entries, reach
from snnc.backends.loihi.partition.results import Finding, Fit, InputFit, LayerFit
from snnc.backends.loihi.partition.search import WIDTH, Partition, Placed, partition
from snnc.backends.loihi.partition.tiles import Tiling, as_image
from snnc.diagnostics import Diagnostic, UsageError
from snnc.ir import model as m
from snnc.ir.tensors import Array


def fits(network: m.Network) -> dict[str, dict[str, Any]]:
    """Whether a network fits on each known chip, a JSON object by chip."""
    return {name: fit(network, load_chip(name)).as_dict() for name in CHIP_NAMES}


def fit(network: m.Network, chip: Chip, *, width: int = WIDTH) -> Fit:
    """Lay a network of stage `fixed` out on a chip.

    A network that does not fit is no error: `findings` says what breaks which limit.

    Args:
        network: Of stage `fixed`, each connection at most one convolution or matrix.
        chip: The chip.
        width: How many of the cheapest partitions are kept after each layer.

    Raises:
        InputError: The network has another stage (SN522), or a connection that no core holds
            (SN523).
        UsageError: `width` is below 1 (SN524).
    """
    if width < 1:
        message = f"{width} partitions cannot be kept; 1 is the least"
        raise UsageError(Diagnostic("SN524", message, "width", "leave it out"))
    layers = layers_of(network, chip)
    found = partition(layers, chip, width)
    findings = (*_findings(found), *_weights(network, chip), *_delays(network, chip))
    utilisation, binding = _utilisation(list(found.placed.values()), chip)
    return Fit(
        chip=chip.name,
        title=chip.title,
        kind=chip.kind,
        fits=not findings,
        layers=tuple(_layer_fit(layer, found.placed.get(layer.name), chip) for layer in layers),
        inputs=tuple(_input_fit(source, layers, found, chip) for source in network.inputs),
        cores=found.cores,
        chips=-(-found.cores // chip.cores_per_chip),
        cores_per_chip=chip.cores_per_chip,
        neurons=sum(layer.neurons for layer in layers),
        utilisation=utilisation,
        binding_utilisation=binding,
        findings=findings,
        notes=notes_of(network, chip),
    )


def _findings(found: Partition) -> tuple[Finding, ...]:
    return tuple(
        Finding(name, excess.limit, excess.count, excess.allowed)
        for name, excess in reversed(tuple(found.unplaced.items()))
    )


def _weights(network: m.Network, chip: Chip) -> tuple[Finding, ...]:
    """Populations with a weight that has too many bits."""
    largest = 2 ** (chip.weight_bits - 1) - 1
    worst = {
        population.name: max(
            (
                _largest(network.array(op.weight))
                for incoming in population.incoming
                for op in incoming.ops
                if isinstance(op, (m.Conv2d, m.Dense))
            ),
            default=0,
        )
        for population in network.populations
    }
    return tuple(
        Finding(name, "absolute value of a weight", value, largest)
        for name, value in worst.items()
        if value > largest
    )


def _largest(weights: Array) -> int:
    return max(int(weights.max(initial=0)), -int(weights.min(initial=0)))


def _delays(network: m.Network, chip: Chip) -> tuple[Finding, ...]:
    worst = {p.name: max((i.delay for i in p.incoming), default=0) for p in network.populations}
    return tuple(
        Finding(name, "delay in time steps", delay, chip.largest_delay)
        for name, delay in worst.items()
        if delay > chip.largest_delay
    )


def _shares(placed: Placed, chip: Chip) -> dict[str, Array]:
    """The share of each budget that every core of a layer uses; none where it is not public."""
    used = placed.used
    counts = (used.compartments, used.axons, placed.entries, used.memory)
    return {
        name: count / allowed
        for name, count, allowed in zip(BUDGETS, counts, allowances(chip), strict=True)
        if allowed is not None
    }


def _utilisation(layers: list[Placed], chip: Chip) -> tuple[Mapping[str, float | None], float]:
    """The mean share of each budget over all cores, and of the fullest budget of each core."""
    shares = [_shares(placed, chip) for placed in layers]
    cores = sum(placed.cores for placed in layers)
    if not cores:
        return dict.fromkeys(BUDGETS), 0.0
    means: dict[str, float | None] = dict.fromkeys(BUDGETS)
    for name in shares[0]:
        means[name] = sum(float(share[name].sum()) for share in shares) / cores
    fullest = sum(float(np.max(list(share.values()), axis=0).sum()) for share in shares)
    return means, fullest / cores


def _layer_fit(layer: Layer, placed: Placed | None, chip: Chip) -> LayerFit:
    row = LayerFit(
        name=layer.name,
        onnx_nodes=layer.origin,
        neurons=layer.neurons,
        compartments_per_neuron=layer.compartments,
        shape=layer.shape,
        tile=None,
        cores=0,
        compartments=0,
        input_axons=0,
        output_axon_entries=0,
        memory_bytes=0,
        memory_words=None,
        thresholds=0,
        utilisation=dict.fromkeys(BUDGETS),
        binds=None,
        binding_share=None,
    )
    return row if placed is None else _filled(row, placed, chip)


def _filled(row: LayerFit, placed: Placed, chip: Chip) -> LayerFit:
    used, bits = placed.used, chip.memory_word_bits
    utilisation, _ = _utilisation([placed], chip)
    peaks = {name: float(share.max()) for name, share in _shares(placed, chip).items()}
    binds = max(peaks, key=lambda name: peaks[name])
    memory = int(used.memory.max())
    return replace(
        row,
        tile=used.tiling.tile,
        cores=placed.cores,
        compartments=int(used.compartments.max()),
        input_axons=int(used.axons.max()),
        output_axon_entries=int(placed.entries.max()),
        memory_bytes=memory,
        memory_words=None if bits is None else memory * 8 // bits,
        thresholds=used.thresholds,
        utilisation=utilisation,
        binds=binds,
        binding_share=peaks[binds],
    )


def _input_fit(
    source: m.Input, layers: tuple[Layer, ...], found: Partition, chip: Chip
) -> InputFit:
    """An input's entries: as if all its neurons were on one core of the chip that reads them."""
    shape = as_image(source.shape)
    whole = Tiling(shape, shape)
    by_name = {layer.name: layer for layer in layers}
    total = 0
    for reader in readers_of(layers, source.name):
        target = found.placed.get(reader.layer)
        if target is None:
            continue
        tiling = target.used.tiling
        layout = layout_of(by_name[reader.layer], tiling, chip, reader.connection)
        fans = reach(reader.connection, reader.population, tiling, layout).fans
        total += int(entries(fans, whole, chip).on_chip.sum())
    return InputFit(source.name, shape[0] * shape[1] * shape[2], total)
