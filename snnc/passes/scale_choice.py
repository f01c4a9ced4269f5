"""Choosing the activation scale of every population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from snnc.data.statistics import ActivationStatistics
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.interpret import activate, evaluate
from snnc.ir.tensors import Array
from snnc.passes.base import Context, no_calibration
from snnc.passes.layerwise import Layerwise, affordable_samples, unit_map
from snnc.passes.read_out import spiking_pool
from snnc.passes.tensors import NewTensors, values_of

Method = Literal["percentile", "max", "mmse", "balance"]

SMALLEST_SHARE = 1e-3
"""No channel's scale is below this share of its layer's: a channel that is (nearly) silent on
the calibration set would otherwise get huge weights."""

_MMSE_SHARES = np.linspace(1.0, 0.06, 95)


def chosen_scales(
    network: m.Network,
    context: Context,
    method: Method,
    per: str,
    percentile: float,
    steps: int,
    *,
    wanted_by: str = "normalize",
) -> dict[str, Array]:
    """Scales from the activations' distribution, for every population that will spike.

    Max pooling keeps its source's scale; populations that are only read out keep ANN units.

    Raises:
        InputError: SN705, statistics of a population are missing and there is no calibration data.
    """
    statistics = _complete_statistics(network, context, wanted_by)
    scales: dict[str, Array] = {}
    for population in network.populations:
        if isinstance(population.neuron, m.MaxPool2d):
            scales[population.name] = scales[population.incoming[0].source]
        elif will_spike(network, population):
            own = statistics[population.name]
            scale = _one_scale(own, method, per, percentile, steps)
            scales[population.name] = _limited(network, population, scale)
    return _in_current_units(network, scales)


def will_spike(network: m.Network, population: m.Population) -> bool:
    """Whether to-spiking gives a population spikes: all but linear or ReLU outputs."""
    read_out_only = isinstance(population.neuron, m.Identity | m.Relu)
    return bool(network.consumers(population.name)) or not read_out_only


def _one_scale(
    own: ActivationStatistics, method: Method, per: str, percentile: float, steps: int
) -> Array:
    """The scale of one population; of a signed one (linear, leaky) by its absolute values."""
    signed = bool(own.minimum.min() < 0)
    largest = np.maximum(own.maximum, -own.minimum if signed else 0.0)
    if method == "max":
        scale = largest if per == "channel" else np.asarray(largest.max())
    elif method == "mmse":
        scale = _least_squares(own, largest, signed, per, steps)
    else:
        scale = _percentile(own, signed, per, percentile)
    return guarded(scale, float(largest.max()))


def _percentile(own: ActivationStatistics, signed: bool, per: str, percentile: float) -> Array:
    if per == "layer":
        scale = own.layer_percentile(percentile)
        return np.asarray(
            max(scale, own.layer_percentile(percentile, absolute=True)) if signed else scale
        )
    channels = own.percentile(percentile)
    return np.maximum(channels, own.absolute_percentile(percentile)) if signed else channels


def guarded(scale: Array, layer_maximum: float) -> Array:
    """Scales bounded away from zero; 1 for a layer that is silent on all of the data."""
    reference = float(scale.max()) if scale.size and scale.max() > 0 else layer_maximum
    if reference <= 0:
        return np.ones_like(scale, dtype=np.float64)
    return np.maximum(scale.astype(np.float64), SMALLEST_SHARE * reference)


def _least_squares(
    own: ActivationStatistics, largest: Array, signed: bool, per: str, steps: int
) -> Array:
    """The scale v that minimises the mean of (y - round(clip(T y / v, 0, T)) v / T)^2.

    Li et al. 2021 (find_threshold_mse) search v = max * (1 - 0.01 i); the rounding replaces
    their floor because the neurons start at half the threshold. Signed neurons round and clip
    negative values as positive ones.
    """
    counts, edges = own.histogram(absolute=signed)
    edges = np.broadcast_to(edges, (len(counts), edges.shape[-1]))
    centres = (edges[:, 1:] + edges[:, :-1]) / 2
    if per == "layer":
        counts, centres = counts.reshape(1, -1), centres.reshape(1, -1)
    top = largest if per == "channel" else largest.max(keepdims=True)
    best = np.full(len(counts), np.inf)
    scale = top.astype(np.float64).copy()
    for share in _MMSE_SHARES:
        v = np.maximum(top * share, 1e-30)[:, None]
        coded = np.floor(np.clip(steps * centres / v + 0.5, 0, steps)) * v / steps
        error = (counts * (centres - coded) ** 2).sum(axis=1)
        better = (error < best) & (top > 0)  # a silent channel has no scale of its own
        best[better], scale[better] = error[better], v[better, 0]
    return scale if per == "channel" else scale[0]


def _limited(network: m.Network, population: m.Population, scale: Array) -> Array:
    """At most the upper bound of a clip, so that the rate saturates where the clip does."""
    if not isinstance(population.neuron, m.Clip):
        return scale
    high = population.neuron.high
    bound = values_of(high, network)
    if bound.ndim > 1:
        bound = bound.reshape(len(bound), -1).min(axis=1)
    limited: Array = np.minimum(scale, bound * _units(network, population))
    return limited


def _units(network: m.Network, population: m.Population) -> Array:
    return values_of(population.scale, network)


def _in_current_units(network: m.Network, scales: Mapping[str, Array]) -> dict[str, Array]:
    """Scales from ANN units into the units the network is in now (normalising twice is fine)."""
    return {
        name: scale / _units(network, network.population(name)) for name, scale in scales.items()
    }


def _complete_statistics(
    network: m.Network, context: Context, wanted_by: str
) -> Mapping[str, ActivationStatistics]:
    """Statistics of every population that needs a scale; missing ones from the interpreter."""
    needed = {
        p.name
        for p in network.populations
        if will_spike(network, p) and not isinstance(p.neuron, m.MaxPool2d)
    }
    missing = sorted(needed - set(context.statistics))
    if not missing:
        return context.statistics
    samples = context.samples(wanted_by)
    found = {name: ActivationStatistics() for name in missing}
    total = len(next(iter(samples.values())))
    for start in range(0, total, 32):
        part = {name: x[start : start + 32] for name, x in samples.items()}
        for name, values in evaluate(network, part, keep=missing).items():
            units = unit_map(network, network.population(name))
            found[name].update((values * units).astype(np.float32))
    return {**context.statistics, **found}


def balanced_scales(
    network: m.Network, context: Context, per: str, steps: int, factor: float
) -> dict[str, Array]:
    """Threshold balancing: the largest input current that spiking sources cause.

    Layer by layer, with the thresholds of all earlier layers already set, the scale is the
    maximum over samples, steps and neurons of `W s(t) + b` (Sengupta et al. 2019), times
    `factor`.

    Raises:
        InputError: SN705 without calibration data.
    """
    samples = context.samples("normalize{method=balance}")
    tensors = NewTensors(network)
    run = Layerwise(network, _first(samples, affordable_samples(network, steps, 256)), steps)
    scales: dict[str, Array] = {}
    for population in network.populations:
        if not will_spike(network, population):
            continue
        spiking = _amplitude_form(network, population, scales, tensors)
        if isinstance(population.neuron, m.MaxPool2d):
            scales[population.name] = scales[population.incoming[0].source]
        else:
            largest = _largest_current(run, spiking, tensors.attach(network), per)
            scale = guarded(largest * factor, float(largest.max()))
            limited = _limited(network, population, scale * _units(network, population))
            scales[population.name] = limited / _units(network, population)
            spiking = _with_threshold(spiking, scales[population.name], tensors)
        run.advance(spiking, tensors.attach(network))
    return scales


def _first(samples: Mapping[str, Array], count: int) -> dict[str, Array]:
    return {name: x[:count] for name, x in samples.items()}


def _amplitude_form(
    network: m.Network,
    population: m.Population,
    scales: Mapping[str, Array],
    tensors: NewTensors,
) -> m.Population:
    """The population among spiking sources whose spikes carry their thresholds."""
    incoming = []
    for connection in population.incoming:
        scale = scales.get(connection.source)
        if scale is not None and not isinstance(population.neuron, m.MaxPool2d):
            amplitude = m.Scale(tensors.put_parameter(f"{connection.source}.amplitude", scale))
            connection = replace(connection, ops=(amplitude, *connection.ops))
        incoming.append(connection)
    pool = population.neuron
    if isinstance(pool, m.MaxPool2d):
        return replace(population, neuron=spiking_pool(pool), incoming=tuple(incoming))
    return replace(population, incoming=tuple(incoming))


def _with_threshold(
    population: m.Population, threshold: Array, tensors: NewTensors
) -> m.Population:
    neuron = m.IF(
        threshold=tensors.put_parameter(f"{population.name}.threshold", threshold),
        v_init=tensors.put_parameter(f"{population.name}.v_init", threshold / 2),
    )
    if isinstance(population.neuron, m.Identity):
        neuron = replace(neuron, negative_spikes="retract")
    elif isinstance(population.neuron, m.LeakyRelu):
        neuron = replace(neuron, negative_spikes="leaky", slope=population.neuron.slope)
    return replace(population, neuron=neuron)


def _largest_current(
    run: Layerwise, population: m.Population, tensors: m.Network, per: str
) -> Array:
    """The largest summed input over samples, steps and positions, per channel or in all.

    Of a signed neuron what counts is the largest value of either sign that it passes on.
    """
    largest: Array | None = None
    for currents in run.currents(population, tensors):
        over = tuple(axis for axis in range(currents.ndim) if axis != 2 or per == "layer")
        found = _magnitude(population.neuron, currents, tensors).max(axis=over)
        largest = found if largest is None else np.maximum(largest, found)
    if largest is None:
        raise InputError(no_calibration("normalize{method=balance}"))
    return np.maximum(largest, 0.0).astype(np.float64)


def _magnitude(neuron: m.Neuron, currents: Array, tensors: m.Network) -> Array:
    """What a neuron makes of currents (T, n, *shape), without its sign."""
    if not isinstance(neuron, m.Identity | m.LeakyRelu):
        return currents
    flat = currents.reshape(-1, *currents.shape[2:])
    values: Array = np.abs(activate(neuron, flat, tensors)).reshape(currents.shape)
    return values
