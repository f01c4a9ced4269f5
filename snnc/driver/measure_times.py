"""How far layers of spike times are from the ANN's: the comparison `times` of `--check-passes`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from snnc.driver.differences import Expected, Found, largest_difference
from snnc.evaluation.reference import answered
from snnc.frontend.spike_edges import compare_spikes
from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.ir.interpret import activate, summed_input
from snnc.ir.tensors import Array
from snnc.passes.layerwise import unit_map
from snnc.passes.ttfs_values import worth

BAND = 1e-4


def times(network: m.Network, expected: Expected) -> Iterator[Found]:
    """Each layer's spikes, given the ANN's activations in front of it, against those it should say.

    A neuron should fire when its activation in the ANN would make it. The kernel's own error, of
    rounding and of what is too large or too small for it, is on both sides and so left out: a wrong
    weight, threshold or unit shows. A population that the ANN does not have passes on its own
    answer.
    """
    wanted = expected.of(network)
    given = _inputs(network, expected)
    for population in network.populations:
        name, neuron = population.name, population.neuron
        received = summed_input(network, population, given).astype(np.float64)
        given[name] = activate(worth(neuron), received, network)
        if name not in wanted:
            continue
        target = wanted[name].astype(np.float64) / unit_map(network, population)
        answer, given[name] = given[name], target
        if isinstance(neuron, m.TTFS):
            said = _said(neuron, expected.network.population(name).neuron, target)
            if said is not None:
                verdict = compare_spikes(neuron, received, said)
                error = verdict.error / (float(said.max(initial=0.0)) or 1.0)
                yield Found(name, error, BAND, verdict.at_edge, verdict.fault)
        else:
            answer = answered(expected.network, population, answer)
            yield Found(name, largest_difference(answer, target), BAND)


def _said(neuron: m.TTFS, trained: m.Neuron, target: Array) -> Array | None:
    """What a neuron should send where the ANN's activation is `target`.

    None where the ANN has a kernel of its own there and a pass chose another one.
    """
    if not isinstance(trained, m.TTFS):
        return spike_times.surrogate(neuron, target)
    mine = (neuron.tau, neuron.delay, neuron.threshold, neuron.rounding)
    if mine != (trained.tau, trained.delay, trained.threshold, trained.rounding):
        return None
    least = spike_times.values(neuron)[-1] * (1 - BAND)  # a shorter window sends less
    return np.where(target >= least, target, 0.0)


def _inputs(network: m.Network, expected: Expected) -> dict[str, Array]:
    """The inputs as the ANN has them: encoded where a population of it does that alone."""
    ann = expected.network
    found: dict[str, Array] = {}
    for entry in network.inputs:
        found[entry.name] = expected.x.astype(np.float64)
        readers = ann.consumers(entry.name)
        if len(readers) == 1 and _gone(readers[0], network, expected.values):
            encoded = expected.values[readers[0].name].astype(np.float64)
            found[entry.name] = encoded.reshape(len(encoded), *entry.shape)
    return found


def _gone(reader: m.Population, network: m.Network, values: Mapping[str, Array]) -> bool:
    """Whether a population that encodes an input was taken over by the input."""
    there = {p.name for p in network.populations}
    encodes = isinstance(reader.neuron, m.TTFS)
    return encodes and reader.name not in there and reader.name in values
