"""Corrections measured on the calibration set (Li et al. 2021, "A free lunch from ANN").

Layer by layer, with all earlier layers already corrected, the firing rates of the spiking
network are brought to the activations of the ANN: on average per channel through the bias, or
per neuron through the initial membrane potential.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.correct_bias import correct_biases
from snnc.passes.layerwise import Layerwise, affordable_samples, mean_activations, unit_map
from snnc.passes.properties import ANN_OR_SNN, SNN
from snnc.passes.tensors import NewTensors, compress, full
from snnc.passes.trained_times import refuse_spike_times


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratePotential:
    """Set each neuron's initial potential so that its mean rate meets the mean activation.

    `V(0) += T * (mean activation / scale - mean rate)` (Li et al. 2021, potential calibration).
    `samples`: calibration samples to simulate. `iterations`: repetitions per layer.
    """

    name: ClassVar[str] = "calibrate-potential"
    requires: ClassVar[tuple[Property, ...]] = (SNN,)
    ensures: ClassVar[tuple[Property, ...]] = (SNN,)
    samples: int = 256
    iterations: int = 1

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with corrected initial potentials.

        Raises:
            InputError: no calibration data (SN705), no ANN to compare with (SN723), a network whose
                spike counts are exact already (SN732), or one of spike times (SN772).
        """

        def correct(population: m.Population, error: Array, tensors: NewTensors) -> m.Population:
            neuron = population.neuron
            if not isinstance(neuron, m.IF):
                return population
            value = neuron.v_init
            start = tensors.array(value) if isinstance(value, m.Ref) else np.asarray(value)
            potential = full(start, population.shape) + _steps(network) * error
            ref = tensors.put(f"{population.name}.v_init", potential)
            return replace(population, neuron=replace(neuron, v_init=ref))

        return _calibrate(self.name, network, context, correct, self.samples, self.iterations)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateBias:
    """Shift each channel's bias so that its mean rate meets the mean activation.

    `b += mean activation / scale - mean rate`, per channel (Li et al. 2021, light pipeline). At
    stage ann, behind requantize, it corrects the rounded network: each channel's mean input
    becomes that of the network before (Nagel et al. 2019). `samples`: calibration samples to
    run. `iterations`: repetitions per layer of a spiking network (at stage ann one is exact).
    """

    name: ClassVar[str] = "calibrate-bias"
    requires: ClassVar[tuple[Property, ...]] = (ANN_OR_SNN,)
    ensures: ClassVar[tuple[Property, ...]] = (ANN_OR_SNN,)
    samples: int = 256
    iterations: int = 1

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with corrected biases.

        Raises:
            InputError: no calibration data (SN705), no ANN to compare with (SN723), a network whose
                spike counts are exact already (SN732), or one of spike times (SN772).
        """
        if network.stage == "ann":
            return _requantised(self.name, network, context, self.samples, self.iterations)

        def correct(population: m.Population, error: Array, tensors: NewTensors) -> m.Population:
            shape = summed_shape(network, population)
            shift = error.reshape(len(error), -1).mean(axis=1)
            bias = np.zeros(shape)
            if population.bias is not None:
                bias = full(tensors.array(population.bias), shape)
            ref = tensors.put(f"{population.name}.bias", compress(bias + full(shift, shape)))
            return replace(population, bias=ref)

        return _calibrate(self.name, network, context, correct, self.samples, self.iterations)


_Correct: TypeAlias = Callable[[m.Population, Array, NewTensors], m.Population]
"""A correction: population, rate error per neuron, where new tensors go."""


def _calibrate(
    name: str,
    network: m.Network,
    context: Context,
    correct: _Correct,
    samples: int,
    iterations: int,
) -> m.Network:
    _check_options(name, samples, iterations)
    _refuse_gated(name, network)
    refuse_spike_times(name, network)
    reference = _reference(name, context)
    steps = _steps(network)
    inputs = _limited(context.samples(name), network, steps, samples, context)
    targets = mean_activations(reference, inputs)
    run = Layerwise(network, inputs, steps)
    tensors = NewTensors(network)
    populations = []
    for index, population in enumerate(network.populations):
        if context.progress is not None:
            context.progress(name, index, len(network.populations))
        if isinstance(population.neuron, m.IF) and population.name in targets:
            goal = targets[population.name] / unit_map(network, population)
            for _ in range(iterations):
                rate = run.mean_rate(population, tensors.attach(network))
                population = correct(population, goal - rate, tensors)
        run.advance(population, tensors.attach(network))
        populations.append(population)
    return tensors.attach(network).with_populations(populations)


def _requantised(
    name: str, network: m.Network, context: Context, samples: int, iterations: int
) -> m.Network:
    """Bias correction at stage ann."""
    _check_options(name, samples, iterations)
    if not context.approximated or context.reference is None:
        raise InputError(
            Diagnostic(
                "SN723",
                f"pass {name} at stage ann corrects a requantised network, and nothing before it "
                "changed this one",
                help="run requantize before it, or map-quantized or to-spiking",
            )
        )
    if replace(network, passes=()) == replace(context.reference, passes=()):
        context.note(f"{name}: requantize changed nothing, so there is nothing to correct")
        return network
    # A value of float32 takes the room of four steps of a spike train.
    inputs = _limited(context.samples(name), network, 4, samples, context)
    return correct_biases(network, context.reference, inputs)


def _check_options(name: str, samples: int, iterations: int) -> None:
    if samples < 1 or iterations < 1:
        raise InputError(Diagnostic("SN721", f"{name}: samples and iterations must be 1 or more"))


def _refuse_gated(name: str, network: m.Network) -> None:
    if isinstance(network.schedule, m.Gated):
        raise InputError(
            Diagnostic(
                "SN732",
                f"pass {name} would break the network: its spike counts come to rest exactly at "
                "the quantised activations",
                help="leave it out; for a requantised network run calibrate-bias before "
                "map-quantized, or use map-quantized{mode=qcfs}",
            )
        )


def _reference(name: str, context: Context) -> m.Network:
    if context.reference is None:
        raise InputError(
            Diagnostic(
                "SN723",
                f"pass {name} compares with the network before to-spiking, which is not here",
                help="run it in the same pipeline as to-spiking, from an ONNX file or an IR text "
                "of stage ann",
            )
        )
    return context.reference


def _limited(
    samples: Mapping[str, Array], network: m.Network, steps: int, wanted: int, context: Context
) -> dict[str, Array]:
    count = affordable_samples(network, steps, wanted)
    if count < wanted:
        context.note(f"calibration uses {count} of {wanted} samples to bound memory")
    return {name: x[:count] for name, x in samples.items()}


def _steps(network: m.Network) -> int:
    if network.schedule is None:
        raise ValueError("a spiking network has a schedule")
    return network.schedule.steps
