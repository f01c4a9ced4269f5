"""Whole numbers for TrueNorth's cores: few bits, all within the chip's widths, proved."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import labelled_images
import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends.reference.reach import bounds_by_coding
from snnc.backends.reference.simulator import Simulator
from snnc.backends.truenorth.codes_of_weights import spell
from snnc.backends.truenorth.host import chip_populations
from snnc.backends.truenorth.layers import layers_of
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.linear import broadcast_parameter
from snnc.ir.verify import verify
from snnc.passes.base import Context
from snnc.passes.few_bits import nearest, small_multiples
from snnc.passes.quantize_weights import QuantizeWeights

SPIKING = (
    "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking,calibrate-potential,spike-heads,"
    "encode-inputs,fold-chains{pools=spike}"
)
NAMES = ("plain", "residual", "depthwise", "concat", "two_heads", "skip")
AXONS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6}
"""Of an input, by bits: two for a ternary one, 1, 2 and -4 for three bits, and so on."""


def skip(seed: int = 0) -> m.Network:
    """A residual block of ReLU populations: a convolution beside the identity."""
    b = nets.Builder(seed)
    b.add("conv1", (6, 8, 8), m.Relu(), ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.add("conv2", (6, 8, 8), m.Relu(), ("conv1", (b.conv("conv2", 6, 6),)), bias=(6,))
    b.add("sum", (6, 8, 8), m.Relu(), ("conv2", (b.conv("conv3", 6, 6),)), ("conv1", ()))
    b.add("out", (5,), m.Identity(), ("sum", (m.Flatten(), b.dense("out", 5, 384))), bias=(5,))
    return b.network()


NETWORKS = {**nets.NETWORKS, "skip": skip}


@cache
def spiking(name: str, steps: int = 32) -> tuple[m.Network, Context]:
    network = NETWORKS[name]()
    context = make_context(network, steps=steps)
    return run_specs(network, SPIKING, context), Context(calibration=context.calibration)


def pair(name: str, options: str = "", steps: int = 32) -> tuple[m.Network, m.Network]:
    before, context = spiking(name, steps)
    return before, run_specs(before, f"quantize-weights{{target=truenorth {options}}}", context)


def numbers(network: m.Network, population: m.Population, parameter: m.Parameter) -> np.ndarray:
    values = broadcast_parameter(parameter, population.shape, network.array)
    return np.broadcast_to(np.asarray(values), population.shape)


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
@pytest.mark.parametrize("name", NAMES)
def test_everything_fits_the_chip(name, bits):
    _, after = pair(name, f"bits={bits}")
    assert verify(after) == []
    bounds = bounds_by_coding(after)
    for population in chip_populations(after):
        neuron = population.neuron
        assert isinstance(neuron, m.IF)
        assert neuron.saturation is None
        threshold = numbers(after, population, neuron.threshold)
        start = numbers(after, population, neuron.v_init)
        assert threshold.min() >= 1
        assert threshold.max() <= 2**18 - 1
        assert (start < threshold).all()
        if population.bias is not None:
            assert np.abs(numbers(after, population, population.bias)).max() <= 255
        assert bounds[population.name].potential.max() <= 393_215
    for layer in layers_of(after):
        spelling = spell(layer.weights, 255)
        assert spelling is not None, layer.name
        if name not in ("residual", "skip"):  # whose identities may take more
            assert spelling.axons.mean() <= AXONS[bits], layer.name


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_fractions_and_more_bits_are_nearer(name):
    x = nets.images(40, seed=9)
    before, _ = spiking(name)
    expected = Simulator(before).run(x).logits()
    errors = []
    for bits in (2, 3, 5):
        _, after = pair(name, f"bits={bits}")
        errors.append(float(np.abs(Simulator(after).run(x).logits() - expected).mean()))
    assert errors[2] < 0.25 * np.abs(expected).mean()
    assert errors[2] < min(errors[:2])


def test_pools_have_weight_1_and_the_size_of_their_window_as_threshold():
    _, after = pair("plain")
    pool = after.population("conv2.pool")
    assert pool.neuron == m.IF(threshold=4.0, v_init=2.0)
    (op,) = pool.incoming[0].ops
    assert isinstance(op, m.Conv2d)
    assert (after.array(op.weight) == 1).all()


def test_what_the_host_computes_keeps_8_bits():
    _, after = pair("plain", "bits=2")
    encoder = after.populations[0]
    assert encoder.name not in {p.name for p in chip_populations(after)}
    weights = after.array(encoder.incoming[0].ops[0].weight)
    assert np.abs(weights).max() > 7
    network = nets.plain()
    context = make_context(network)
    spec = SPIKING.replace("encode-inputs,", "") + ",quantize-weights{target=truenorth,bits=2}"
    first = run_specs(network, spec, context).populations[0]
    assert first.name == "conv1"
    assert np.abs(_of_conv(run_specs(network, spec, make_context(network)), first)).max() > 63


def _of_conv(network: m.Network, population: m.Population) -> np.ndarray:
    (op,) = [op for op in population.incoming[0].ops if isinstance(op, m.Conv2d)]
    return network.array(op.weight).astype(int)


def test_an_identity_beside_weights_is_exact_to_half_a_level():
    before, after = pair("skip", "bits=2")
    was, now = before.population("sum"), after.population("sum")
    # In units of the threshold, which is what both have in common.
    given, whole = (
        _effective(n, p.incoming[1]) / numbers(n, p, p.neuron.threshold)[:, 0, 0]
        for n, p in ((before, was), (after, now))
    )
    conv = np.abs(_effective(after, now.incoming[0])).reshape(6, -1).max(axis=1)
    level = conv / numbers(after, now, now.neuron.threshold)[:, 0, 0]
    multiples = np.rint(np.abs(whole) / level)
    np.testing.assert_allclose(multiples * level, np.abs(whole), rtol=1e-6)
    assert 1 < multiples.max() <= 15
    # What is not rounded like weights is half a level off at most; levels would be off by more.
    assert np.abs(given - whole).max() <= 0.55 * level.max()
    assert np.abs(given - np.clip(multiples, -1, 1) * level).max() > level.max()


def _effective(network: m.Network, incoming: m.Incoming) -> np.ndarray:
    factor = np.prod([op.factor for op in incoming.ops if isinstance(op, m.Scale)])
    (op,) = [op for op in incoming.ops if isinstance(op, m.Conv2d)]
    return network.array(op.weight).astype(np.float64).reshape(-1) * factor


def test_cutting_outliers_off_helps_where_bits_are_few():
    network = labelled_images.bundled()
    images = labelled_images.digits("test", 150)
    context = labelled_images.context_with(labelled_images.digits("train", 128), network, steps=16)
    right = {}
    for rounding in ("mse", "largest"):
        spec = f"{SPIKING},quantize-weights{{target=truenorth bits=3 rounding={rounding}}}"
        after = run_specs(network, spec.replace("normalize,", "normalize{method=mmse},"), context)
        predictions = Simulator(after).run(images.x).predictions()[-1]
        right[rounding] = float((predictions == images.y).mean())
    assert right["mse"] > 0.93
    assert right["mse"] > right["largest"] + 0.05


def test_the_best_step_of_a_row_is_found():
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (5, 200))
    rows[:, 0] = 8.0
    for most in (1, 3, 7):
        clipped, plain = nearest(rows, most, clip=True), nearest(rows, most, clip=False)
        errors = [
            ((rows - found.levels * found.worth[:, None]) ** 2).sum(axis=1)
            for found in (clipped, plain)
        ]
        assert (errors[0] < 0.9 * errors[1]).all()
        assert np.abs(clipped.levels).max() == np.abs(plain.levels).max() == most
        # Least squares: no other worth of the same levels is better.
        for factor in (0.98, 1.02):
            other = ((rows - clipped.levels * clipped.worth[:, None] * factor) ** 2).sum(axis=1)
            assert (other > errors[0]).all()
    silent = nearest(np.zeros((2, 3)), 7, clip=True)
    assert not silent.levels.any()
    assert not silent.worth.any()


def test_small_multiples_are_as_small_as_they_can_be():
    found = small_multiples(np.array([[0.25, 0.0], [0.4, 0.2], [0.3, 0.9], [0.5, 0.35]]), 60)
    np.testing.assert_array_equal(found.levels, [[1, 0], [2, 1], [1, 3], [10, 7]])
    np.testing.assert_allclose(found.worth, [0.25, 0.2, 0.3, 0.05])


def test_one_bit_is_on_or_off_and_takes_one_sign_a_channel():
    before, context = spiking("plain")
    with pytest.raises(InputError, match=r"(?s)SN784.*both signs.*bits=2"):
        QuantizeWeights(target="truenorth", bits=1).run(before, context)
    arrays = {}
    for population in before.populations:
        for incoming in population.incoming:
            for op in incoming.ops:
                if isinstance(op, m.Conv2d | m.Dense):
                    values = np.abs(before.array(op.weight))
                    signs = np.where(np.arange(len(values)) % 2, -1, 1)
                    arrays[op.weight.name] = values * signs.reshape(-1, *(1,) * (values.ndim - 1))
    after = run_specs(
        before.with_arrays(arrays), "quantize-weights{target=truenorth bits=1}", context
    )
    for layer in layers_of(after):
        spelling = spell(layer.weights, 255)
        assert spelling is not None
        assert spelling.axons.max() == 1


def test_a_potential_that_could_leave_its_register_takes_coarser_units_then_is_refused():
    before, context = spiking("plain")
    fine = QuantizeWeights(target="truenorth").run(before, context)
    longer = replace(before, schedule=m.Synchronous(800))
    coarse = QuantizeWeights(target="truenorth").run(longer, context)
    assert _finest(coarse) < _finest(fine)
    bounds = bounds_by_coding(coarse)
    assert all(bounds[p.name].potential.max() <= 393_215 for p in chip_populations(coarse))
    long = replace(before, schedule=m.Synchronous(100_000))
    with pytest.raises(InputError, match=r"(?s)SN783.*393215.*--timesteps"):
        QuantizeWeights(target="truenorth").run(long, context)


def _finest(network: m.Network) -> float:
    population = network.population("out")
    return float(numbers(network, population, population.neuron.threshold).max())


def test_a_bias_beyond_a_leak_takes_coarser_units_then_is_refused():
    before, context = spiking("plain")
    conv = before.population("conv2")
    size = np.abs(_of_weights(before, conv)).reshape(conv.shape[0], -1).max(axis=1)
    for factor, fits in ((8.0, True), (2000.0, False)):
        biases = (factor * size).astype(np.float32)
        changed = before.with_arrays({conv.bias.name: biases})
        if fits:
            after = QuantizeWeights(target="truenorth").run(changed, context)
            found = numbers(after, conv, after.population("conv2").bias)
            assert 60 < np.abs(found).max() <= 255
        else:
            with pytest.raises(InputError, match=r"(?s)SN783.*bias of conv2.*255"):
                QuantizeWeights(target="truenorth").run(changed, context)


def _of_weights(network: m.Network, population: m.Population) -> np.ndarray:
    (op,) = [op for op in population.incoming[0].ops if isinstance(op, m.Conv2d)]
    factors = [op.factor for op in population.incoming[0].ops if isinstance(op, m.Scale)]
    return network.array(op.weight) * float(np.prod(factors))


def test_heads_that_read_potentials_and_mixed_readers_are_refused():
    network = nets.plain()
    context = make_context(network)
    spec = SPIKING.replace("spike-heads,", "")
    integrating = run_specs(network, spec, context)
    with pytest.raises(InputError, match=r"(?s)SN782.*out.*spike-heads"):
        QuantizeWeights(target="truenorth").run(integrating, context)
    network = skip()
    first = network.population("sum")
    reads = m.Incoming("image", network.population("conv1").incoming[0].ops)
    mixed = network.with_populations(
        [
            replace(p, incoming=(*p.incoming, reads)) if p is first else p
            for p in network.populations
        ]
    )
    without = run_specs(mixed, SPIKING.replace("encode-inputs,", ""), make_context(mixed))
    with pytest.raises(InputError, match=r"(?s)SN785.*sum reads an analog input"):
        QuantizeWeights(target="truenorth").run(without, make_context(mixed))
    spec = f"{SPIKING},quantize-weights{{target=truenorth}}"
    assert run_specs(mixed, spec, make_context(mixed)).stage == "fixed"


@pytest.mark.parametrize("options", [{"bits": 6}, {"bits": -1}, {"thresholds": 8}])
def test_options_of_other_targets_are_refused(options):
    before, context = spiking("plain")
    with pytest.raises(InputError, match="SN721"):
        QuantizeWeights(target="truenorth", **options).run(before, context)


def test_one_step_of_weights_for_a_layer():
    network = nets.plain()
    spec = SPIKING.replace("normalize,", "normalize{per=layer},")
    spec += ",quantize-weights{target=truenorth per=layer}"
    after = run_specs(network, spec, make_context(network))
    for population in chip_populations(after):
        assert isinstance(population.neuron.threshold, float)
    for layer in layers_of(after):
        spelling = spell(layer.weights, 255)
        assert spelling is not None
        assert spelling.axons.mean() <= 4
