"""Encoded inputs: what readers get over all steps is the value, rounded to whole spikes."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends.reference.reach import Reach, bounds_of
from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.verify import verify
from snnc.passes.base import Context
from snnc.passes.encode_inputs import EncodeInputs

SPIKING = "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking,calibrate-potential"


def spiking(name: str = "plain", steps: int = 32) -> tuple[m.Network, Context]:
    network = nets.NETWORKS[name]()
    context = make_context(network, steps=steps)
    signed = {key: x - 0.4 for key, x in (context.calibration or {}).items()}
    return run_specs(network, SPIKING, context), Context(calibration=signed)


def positive(context: Context) -> Context:
    samples = {name: np.abs(x) for name, x in (context.calibration or {}).items()}
    return Context(calibration=samples)


def currents(network: m.Network, name: str, x: np.ndarray) -> np.ndarray:
    """What a population has received of the image after all steps."""
    population = network.population(name)
    incoming = tuple(i for i in population.incoming if i.source.startswith("image"))
    probe = replace(population, neuron=m.Integrator(), bias=None, incoming=incoming)
    before = [p for p in network.populations if p.name != name]
    kept = [p for p in before if p.name.startswith("image")]
    part = replace(network, heads=(m.Head("probe", name, m.Membrane()),))
    part = part.with_populations((*kept, probe))
    return Simulator(part, dtype="float64").run(x, record_membrane=[name]).membrane_traces[name][-1]


def test_one_population_fires_at_the_rate_of_its_value():
    network, context = spiking()
    context = positive(context)
    after = run_specs(network, "encode-inputs", context)
    largest = float(context.calibration["image"].max())
    encoder = after.populations[0]
    assert encoder.name == "image.spikes"
    assert encoder.neuron == m.IF(threshold=largest, v_init=largest / 2)
    assert encoder.scale == largest
    assert verify(after) == []
    x = np.abs(nets.images(5, seed=3))
    counts = Simulator(after, dtype="float64").run(x).spike_counts["image.spikes"]
    np.testing.assert_array_equal(counts, np.floor(np.minimum(x / largest, 1) * 32 + 0.5))
    assert not np.array_equal(counts, np.floor(np.minimum(x / largest, 1) * 32))


@pytest.mark.parametrize("name", ["plain", "residual", "concat", "depthwise"])
def test_readers_receive_the_values_through_two_rails(name):
    network, context = spiking(name)
    after = run_specs(network, "encode-inputs", context)
    assert [p.name for p in after.populations[:2]] == ["image.positive", "image.negative"]
    x = np.asarray(context.calibration["image"][:6], np.float32)
    for reader in network.consumers("image"):
        given, found = (currents(n, reader.name, x) for n in (network, after))
        # Each of the (at most 27 * 2) inputs of a window is off by half a spike at most.
        bound = 0.5 * max(float(p.scale) for p in after.populations[:2])
        row = float(_rows(network, reader).max())
        assert np.abs(given - found).max() <= bound * row
        assert np.abs(given - found).mean() < 0.1 * np.abs(given).mean()
        # The rails with equal signs would be far off.
        wrong = after.with_populations([_same_sign(p) for p in after.populations])
        assert np.abs(given - currents(wrong, reader.name, x)).mean() > 0.5 * np.abs(given).mean()


def _rows(network: m.Network, reader: m.Population) -> np.ndarray:
    """The sum of absolute weights of every neuron."""
    reach = {"image": Reach(1.0, 1.0)}
    probe = replace(
        reader, bias=None, incoming=tuple(i for i in reader.incoming if i.source == "image")
    )
    return bounds_of(network, probe, reach, 1).current


def _same_sign(population: m.Population) -> m.Population:
    if population.name == "image.negative":
        return replace(population, incoming=(m.Incoming("image"),))
    return population


def test_delays_stay_where_they_were_and_no_reader_is_left():
    network, context = spiking()
    first = network.populations[0]
    late = replace(first, incoming=tuple(replace(i, delay=2) for i in first.incoming))
    network = network.with_populations((late, *network.populations[1:]))
    after = run_specs(network, "encode-inputs", context)
    assert {p.name for p in after.consumers("image")} == {"image.positive", "image.negative"}
    assert all(i.delay == 0 for p in after.populations[:2] for i in p.incoming)
    assert [i.delay for i in after.populations[2].incoming] == [2, 2]
    assert after.populations[3:] == network.populations[1:]


def test_twice_is_once_also_behind_fold_chains():
    network, context = spiking()
    once = run_specs(network, "encode-inputs", context)
    twice = run_specs(once, "encode-inputs", context)
    assert (once.populations, once.inputs) == (twice.populations, twice.inputs)
    folded = run_specs(once, "fold-chains", context)
    again = run_specs(folded, "encode-inputs", context)
    assert again.populations == folded.populations


def test_bernoulli_spikes_are_worth_the_largest_value():
    network, context = spiking()
    context = positive(context)
    context.seed = 7
    after = run_specs(network, "encode-inputs{method=bernoulli}", context)
    largest = float(context.calibration["image"].max())
    assert after.inputs[0].coding == m.Poisson(largest, 7)
    x = context.calibration["image"]
    given, found = (currents(n, "conv1", x) for n in (network, after))
    assert abs((found - given).mean()) < 0.05 * np.abs(given).mean()
    assert np.corrcoef(given.ravel(), found.ravel())[0, 1] > 0.8
    unchanged = run_specs(after, "encode-inputs{method=bernoulli}", context)
    assert unchanged.inputs == after.inputs


def test_a_percentile_below_the_largest_makes_finer_spikes():
    network, context = spiking()
    whole = run_specs(network, "encode-inputs", positive(context))
    part = run_specs(network, "encode-inputs{percentile=95}", positive(context))
    samples = np.abs(context.calibration["image"])
    assert part.populations[0].scale == pytest.approx(np.percentile(samples, 95), rel=1e-6)
    assert part.populations[0].scale < whole.populations[0].scale


def test_inputs_that_are_spikes_already_stay():
    network, _ = spiking()
    for coding in (m.Events(), m.Poisson(2.0, 1)):
        coded = replace(network, inputs=(replace(network.inputs[0], coding=coding),))
        after = run_specs(coded, "encode-inputs", Context())
        assert (after.inputs, after.populations) == (coded.inputs, coded.populations)


def test_an_input_that_the_host_rounds_has_the_range_of_its_levels():
    network, _ = spiking()
    rounded = m.Rounded(step=0.25, levels=7, lowest=-3)
    network = replace(network, inputs=(replace(network.inputs[0], coding=rounded),))
    after = run_specs(network, "encode-inputs", Context())
    assert [p.scale for p in after.populations[:2]] == [1.75, 0.75]


def test_what_rates_cannot_say_is_refused():
    network, context = spiking()
    with pytest.raises(InputError, match=r"SN781.*negative"):
        EncodeInputs(method="bernoulli").run(network, context)
    with pytest.raises(InputError, match="SN705"):
        EncodeInputs().run(network, Context())
    silent = Context(calibration={"image": np.zeros((2, 2, 8, 8), np.float32)})
    with pytest.raises(InputError, match="SN764"):
        EncodeInputs().run(network, silent)
    for percentile in (0.0, 101.0):
        with pytest.raises(InputError, match="SN721"):
            EncodeInputs(percentile=percentile).run(network, context)
    gated = replace(network, schedule=m.Gated(8, 4))
    with pytest.raises(InputError, match=r"SN780.*window"):
        EncodeInputs().run(gated, context)
    timed = replace(network, schedule=m.Phased(8, 4, (0, 0, 0), (4, 4, 4)))
    with pytest.raises(InputError, match=r"SN780.*fires once"):
        EncodeInputs().run(timed, context)
