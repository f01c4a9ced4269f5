"""Spike times in whole numbers: kernels and thresholds as tables, all within 24 bits, proved."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends.reference.reach import potential_bounds, reach_of_coding
from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.evaluation.quantisation import weight_error
from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.ir.latency import layer_local
from snnc.ir.phases import kernels, phases_of
from snnc.ir.verify import verify
from snnc.passes.base import Context
from snnc.passes.kernel_units import LARGEST_VALUE

TIMED = "fold-batch-norm,fuse-linear,max-pool,normalize,schedule-ttfs{window=24},fold-chains"
NAMES = ("plain", "residual", "depthwise", "concat", "pooled", "two_heads")
LIMIT = 2**23 - 1


def pair(
    name: str, spec: str = "quantize-weights", passes: str = TIMED
) -> tuple[m.Network, m.Network, list[str]]:
    """A network of fractions, the one of whole numbers, and what the pass notes."""
    network = pooled() if name == "pooled" else nets.NETWORKS[name]()
    context = make_context(network)
    before = run_specs(network, passes, context)
    told = Context(calibration=context.calibration)
    after = run_specs(before, spec, told)
    return before, after, told.notes


def pooled() -> m.Network:
    """Max pooling of what a ReLU lets through."""
    b = nets.Builder(3)
    b.add("conv1", (6, 8, 8), m.Relu(), ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.add("pool", (6, 4, 4), m.MaxPool2d((2, 2), (2, 2)), ("conv1", ()))
    b.add("conv2", (8, 4, 4), m.Relu(), ("pool", (b.conv("conv2", 8, 6),)), bias=(8,))
    ops = (m.Flatten(), b.dense("out", 5, 128))
    b.add("out", (5,), m.Identity(), ("conv2", ops), bias=(5,))
    return b.network("out")


@pytest.mark.parametrize("name", NAMES)
def test_whole_numbers_answer_as_fractions_do(name):
    before, after, _ = pair(name)
    assert after.stage == "fixed"
    assert verify(after) == []
    x = nets.images(60, seed=9, shape=before.inputs[0].shape)
    expected, found = Simulator(before).run(x), Simulator(after).run(x)
    assert (expected.predictions()[-1] == found.predictions()[-1]).mean() > 0.9
    logits = expected.logits()
    assert np.abs(found.logits() - logits).mean() < 0.05 * np.abs(logits).mean()
    step_by_step = Simulator(after, whole_windows=False).run(x)
    np.testing.assert_array_equal(step_by_step.logits(), found.logits())
    for source, spikes in expected.spikes.items():
        assert abs(int(found.spikes[source].sum()) - int(spikes.sum())) <= 0.05 * spikes.sum() + 3


@pytest.mark.parametrize("spec", ["quantize-weights{target=loihi1}", "quantize-weights{bits=16}"])
@pytest.mark.parametrize("input", ["analog", "spikes"])
def test_other_widths_and_an_analog_input(spec, input):
    before, after, _ = pair("pooled", spec, TIMED.replace("}", f",input={input}}}"))
    assert verify(after) == []
    x = nets.images(40, seed=9, shape=before.inputs[0].shape)
    logits = Simulator(before).run(x).logits()
    error = np.abs(Simulator(after).run(x).logits() - logits).mean()
    assert error < 0.06 * np.abs(logits).mean()


def test_fewer_bits_are_further_away():
    x = nets.images(40, seed=9)
    errors = []
    for bits in (3, 5, 8):
        before, after, _ = pair("plain", f"quantize-weights{{bits={bits}}}")
        expected = Simulator(before).run(x).logits()
        errors.append(float(np.abs(Simulator(after).run(x).logits() - expected).mean()))
    assert errors[0] > 2 * errors[1] > 3 * errors[2]


# ---- tables ------------------------------------------------------------------------------------


def test_a_whole_potential_fires_where_its_fraction_does():
    """Thresholds are rounded up, to the first whole potential that the fraction lets fire."""
    before, after, _ = pair("plain")
    for name in ("conv1", "conv2"):
        neuron = after.population(name).neuron
        table = after.array(neuron.thresholds).astype(np.int64)
        theta = spike_times.thresholds(before.population(name).neuron)
        table = table.reshape(len(theta), -1)
        # The factor that the first threshold tells, exact to one unit in some ten thousand.
        factor = table[0] / theta[0]
        assert (np.abs(table - theta[:, None] * factor) <= 1 + table[0] * 1e-3).all()
        np.testing.assert_allclose(factor * np.ones_like(factor), factor)
        assert (np.diff(table, axis=0) <= 0).all()
        assert table.min() >= 1


def test_the_values_of_spikes_are_the_kernel_in_one_unit_for_all_that_meet():
    before, after, notes = pair("residual")
    was, found = kernels(before), kernels(after)
    met = 0
    for population in after.populations:
        sources = [i.source for i in population.incoming if i.source in found]
        units = [float(found[s][0] / was[s][0]) for s in sources]
        assert np.ptp(units or [0]) <= max(units, default=0) / 100
        met += len(sources) > 1
    assert met
    for name, table in found.items():
        unit = table[0] / was[name][0]
        assert (np.abs(table - was[name] * unit) <= 0.5 + 0.5 * was[name] / was[name][0]).all()
        assert table.max() <= LARGEST_VALUE
        assert any(f"{name} {table[0]} to {table[-1]}" in note for note in notes)


def test_kernels_of_their_own_are_kept_also_where_spikes_meet():
    """As fitted kernels are: each source has its own time constant, delay, threshold and steps."""
    network = nets.residual()
    context = make_context(network)
    before = run_specs(network, TIMED, context)
    rng = np.random.default_rng(4)
    fitted = before.with_populations(
        replace(
            p,
            neuron=replace(
                p.neuron,
                tau=float(rng.uniform(3, 9)),
                delay=float(rng.uniform(-1, 2)),
                threshold=float(rng.uniform(0.8, 1.2)),
                steps=int(rng.integers(3, 16)),
            ),
        )
        if isinstance(p.neuron, m.TTFS)
        else p
        for p in before.populations
    )
    after = run_specs(fitted, "quantize-weights", Context(calibration=context.calibration))
    x = nets.images(40, seed=9)
    logits = Simulator(fitted).run(x).logits()
    found = Simulator(after).run(x).logits()
    assert np.abs(found - logits).mean() < 0.05 * np.abs(logits).mean()
    assert np.abs(Simulator(before).run(x).logits() - logits).mean() > 0.1 * np.abs(logits).mean()
    lengths = {len(k) for k in kernels(after).values()}
    assert len(lengths) > 2


def test_a_layer_has_few_columns_of_thresholds():
    for count in (1, 3):
        _, after, _ = pair("plain", f"quantize-weights{{thresholds={count}}}")
        for population in after.populations:
            if isinstance(population.neuron, m.IntegerTTFS):
                table = after.array(population.neuron.thresholds)
                columns = np.unique(table.reshape(len(table), -1), axis=1).shape[1]
                assert columns <= count
    _, after, _ = pair("plain", "quantize-weights{per=layer}")
    assert all(
        after.array(p.neuron.thresholds).ndim == 1
        for p in after.populations
        if isinstance(p.neuron, m.IntegerTTFS)
    )


# ---- range -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "pooled"])
def test_no_potential_leaves_24_bits_whatever_comes(name):
    """The input that is worst for a neuron of the first layer, and random extreme ones."""
    _, after, _ = pair(name)
    assert after.schedule is not None
    reach = {i.name: reach_of_coding(i, 1) for i in after.inputs}
    bounds = potential_bounds(layer_local(after), reach, after.schedule.steps)
    assert all(float(b.potential.max()) <= LIMIT for b in bounds.values())
    assert any(float(b.potential.max()) > LIMIT / 3 for b in bounds.values())
    rng = np.random.default_rng(3)
    shape = after.inputs[0].shape
    largest = 9 * np.abs(nets.images(64, shape=shape)).max()
    x = largest * rng.choice([-1.0, 0.0, 1.0], (50, *shape))
    out = after.heads[0].population
    trace = Simulator(after, whole_windows=False).run(x, record_membrane=[out])
    reached = np.abs(trace.membrane_traces[out]).max()
    assert 0 < reached <= float(bounds[out].potential.max())


def test_more_inputs_make_the_kernel_coarser():
    """So that the sums stay within 24 bits; from a point on, weights give up bits as well."""
    first = []
    for size in (40, 4000, 400_000):
        into = m.Incoming("image", (m.Flatten(), m.Dense(m.Ref("a"))))
        network = m.Network(
            "wide",
            "snn",
            (m.Input("image", "f32", (1, 1, 2), m.SpikeTime(3.0, 8)),),
            (
                m.Population("a", (size,), m.TTFS(3.0, 8), incoming=(into,)),
                m.Population(
                    "out",
                    (2,),
                    m.Integrator(),
                    incoming=(m.Incoming("a", (m.Dense(m.Ref("b")),)),),
                ),
            ),
            (m.Head("out", "out", m.Membrane()),),
            schedule=m.Phased(24, 8, (0, 8), (8, 16)),
        ).with_arrays({"a": np.ones((size, 2), np.float32), "b": np.ones((2, size), np.float32)})
        after = run_specs(network, "quantize-weights", Context())
        first.append(int(kernels(after)["a"][0]))
        weights = after.array(after.population("out").incoming[0].ops[0].weight)
        highest = float(weights[0].astype(np.int64).sum()) * first[-1]
        assert LIMIT / 2 < highest <= LIMIT or first[-1] == LARGEST_VALUE
        assert (weights.max() == 127) == (first[-1] > 127)
    assert first[0] > first[1] > first[2] >= 1


def test_spikes_that_would_be_worth_nothing_are_refused():
    before, _, _ = pair("plain")
    bias = before.array(before.population("conv2").bias)
    huge = before.with_arrays({"huge": np.full_like(bias, 1e9)})
    huge = huge.with_populations(
        replace(p, bias=m.Ref("huge")) if p.name == "conv2" else p for p in huge.populations
    )
    with pytest.raises(InputError, match="less than one unit of the potential of conv2") as caught:
        run_specs(huge, "quantize-weights", Context())
    assert [d.code for d in caught.value.diagnostics] == ["SN776"]
    assert "conv1" in str(caught.value)


# ---- the passes around it ----------------------------------------------------------------------


def test_an_average_pool_cannot_spike_where_neurons_fire_once():
    network = nets.plain()
    context = make_context(network)
    with pytest.raises(InputError, match="every neuron fires once") as caught:
        run_specs(network, TIMED.replace("fold-chains", "fold-chains{pools=spike}"), context)
    assert [d.code for d in caught.value.diagnostics] == ["SN760"]


def test_hops_change_no_spike_and_whole_windows_still_wait():
    _, after, _ = pair("residual")
    hopping = run_specs(after, "add-latency", Context())
    assert isinstance(hopping.schedule, m.PipelinedPhased)
    assert phases_of(hopping) == phases_of(after)
    assert verify(hopping) == []
    assert layer_local(hopping) == replace(after, passes=hopping.passes)
    delays = [i.delay for p in hopping.populations for i in p.incoming]
    assert max(delays) > 24  # the window, and the hops of the other branch
    x = nets.images(5, seed=9)
    expected, found = (Simulator(n).run(x, record=["act1", "act2"]) for n in (after, hopping))
    for name in ("act1", "act2"):
        np.testing.assert_array_equal(found.rasters[name], expected.rasters[name])


def test_weight_errors_are_told_in_the_units_of_potentials():
    small, large = (pair("pooled", f"quantize-weights{{bits={bits}}}")[:2] for bits in (8, 4))
    for name in ("conv1", "conv2", "out"):
        fine = weight_error(small[1], small[0], name)
        coarse = weight_error(large[1], large[0], name)
        assert 0 < fine < 0.03 < coarse < 0.3
