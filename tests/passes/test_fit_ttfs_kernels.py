"""Kernels fitted to activations: less error on samples nobody fitted on, equal where they meet."""

from __future__ import annotations

import math
from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import ann_values, make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.spike_times import largest, surrogate
from snnc.passes import ttfs_values
from snnc.passes.base import Context
from snnc.passes.kernel_gradient import descended, step
from snnc.passes.kernel_samples import Drawn, Sorted
from snnc.passes.kernel_search import searched, shaped
from snnc.passes.ttfs_kernels import alike, kernel_of, meeting, sharing_steps

NORMAL = "fold-batch-norm,fuse-linear,max-pool,normalize"
TIMED = f"{NORMAL},schedule-ttfs{{window=16}}"


def drawn(seed: int = 0, count: int = 64, width: int = 50) -> Drawn:
    """Half-normal activations with their potentials off by a little."""
    rng = np.random.default_rng(seed)
    wanted = np.maximum(rng.normal(0, 0.4, (count, width)), 0)
    potential = wanted + rng.normal(0, 0.01, wanted.shape)
    return Drawn(potential, wanted, np.ones(width), wanted.max(axis=1))


def logit_error(network: m.Network, x: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.square(Simulator(network).run(x).logits() - wanted).mean())


def kernels(network: m.Network) -> dict[str, object]:
    return {name: kernel_of(network, name) for group in meeting(network) for name in group}


@pytest.mark.parametrize("rounding", ["round", "ceil"])
@pytest.mark.parametrize("coding", [m.TTFS, m.SpikeTime])
def test_the_error_by_sorted_sums_is_that_of_every_single_value(rounding, coding):
    values = drawn()
    rng = np.random.default_rng(1)
    for _ in range(20):
        kernel = coding(
            rng.uniform(2, 9),
            int(rng.integers(5, 20)),
            rng.normal(),
            rng.uniform(0.3, 0.9),
            rounding,
        )
        potential = np.maximum(values.potential, 0)
        said = surrogate(kernel, potential)
        found = Sorted(replace(values, potential=potential)).error(kernel)
        assert found == pytest.approx(np.square(said - values.wanted).mean(), rel=1e-9)
        off = surrogate(replace(kernel, tau=kernel.tau * 1.3), potential)
        assert found != pytest.approx(np.square(off - values.wanted).mean(), rel=1e-9)


def test_weights_count_in_the_error():
    values = drawn()
    weight = np.random.default_rng(2).uniform(0, 2, 50)
    kernel = m.TTFS(4.0, 12)
    squares = np.square(surrogate(kernel, values.potential) - values.wanted)
    found = Sorted(replace(values, weight=weight)).error(kernel)
    assert found == pytest.approx(float((squares * weight).sum() / (64 * weight.sum())), rel=1e-9)


def test_the_search_finds_what_no_point_of_a_fine_grid_betters():
    values = Sorted(drawn())
    kernel = m.TTFS(4.0, 16)
    found = searched(kernel, values)
    grid = [
        values.error(shaped(kernel, tau, top))
        for tau in np.geomspace(1.5, 30, 60)
        for top in np.geomspace(0.2, 2, 60)
    ]
    assert values.error(found) <= 1.05 * min(grid)
    assert values.error(found) < 0.8 * values.error(kernel)
    assert (found.steps, found.threshold, found.rounding) == (16, 1.0, "round")


def test_the_search_keeps_a_kernel_that_is_best_already():
    kernel = searched(m.TTFS(4.0, 16), Sorted(drawn()))
    assert searched(kernel, Sorted(drawn())).tau == pytest.approx(kernel.tau, rel=0.05)
    # Activations that the kernel says without error leave nothing to better.
    levels = surrogate(kernel, np.random.default_rng(3).uniform(0, 1, (40, 10)))
    exact = Sorted(Drawn(levels, levels, np.ones(10), levels.max(axis=1)))
    assert exact.error(kernel) == pytest.approx(0, abs=1e-12)
    assert searched(kernel, exact) == kernel


def test_gradients_are_those_of_the_losses_where_times_stay():
    """The rules against finite differences of T2FSNN's losses, one at a time."""
    kernel = m.TTFS(5.0, 16, 0.3)
    values = drawn(count=8, width=30)
    tiny = np.full(8, math.exp((kernel.delay - kernel.steps) / kernel.tau))  # no minimum loss
    times = np.searchsorted(
        -np.exp((0.3 - np.arange(16) - 0.5) / 5.0), -values.potential, side="left"
    )
    fired = times < 16

    def terms(tau: float) -> np.ndarray:
        said = np.where(fired, np.exp((kernel.delay - times) / tau), 0)
        return 0.5 * np.square(values.wanted - said)

    h = 1e-6
    falls = -(terms(5.0 + h) - terms(5.0 - h)) / (2 * h)
    positive = falls[falls > 1e-12]
    moved = step(kernel, values, tiny).tau - kernel.tau
    assert moved == pytest.approx(10 * positive.mean(), rel=1e-3)

    lowest = np.full(8, 0.2)

    def minimum(tau: float) -> float:
        return float(0.5 * np.square(lowest - math.exp((0.3 - 16) / tau)).mean())

    fall = -(minimum(5.0 + h) - minimum(5.0 - h)) / (2 * h)
    both = step(kernel, values, lowest).tau - kernel.tau
    assert both - moved == pytest.approx(100 * fall, rel=1e-3)

    first = np.where(fired, times, 16).min(axis=1)

    def maximum(delay: float) -> float:
        told = np.exp((kernel.delay - first) / 5.0)
        return float(0.5 * np.square(told - math.exp(delay / 5.0)).mean())

    fall = -(maximum(0.3 + h) - maximum(0.3 - h)) / (2 * h)
    shift = step(kernel, values, tiny).delay - kernel.delay
    assert shift == pytest.approx(fall, rel=1e-3, abs=1e-9)
    assert shift < 0


def test_a_neuron_that_does_not_fire_does_not_move_the_precision_rule():
    """The published code forms the value from the neurons that did not fire."""
    kernel = m.TTFS(5.0, 16)
    silent = Drawn(np.full((4, 5), 1e-9), np.full((4, 5), 0.5), np.ones(5), np.full(4, 0.5))
    tiny = np.full(4, math.exp(-16 / 5))
    assert step(kernel, silent, tiny) == kernel


def test_gradient_descent_betters_a_kernel_that_is_far_off_and_stays_finite():
    values = drawn()
    short = m.TTFS(2.0, 16)
    after = descended(short, values)
    assert Sorted(values).error(after) < Sorted(values).error(short)
    nothing = Drawn(np.zeros((4, 3)), np.zeros((4, 3)), np.ones(3), np.zeros(4))
    assert np.isfinite(descended(short, nothing).tau)


@pytest.mark.parametrize("method", ["best", "search", "gradient"])
def test_fitted_networks_are_nearer_to_the_ann(method):
    network = nets.plain()
    context = make_context(network)
    x = nets.images(24, seed=9)
    wanted = ann_values(network, x)["out"]
    before = run_specs(network, f"{NORMAL},schedule-ttfs{{window=16,tau=2.5}}", context)
    after = run_specs(
        network,
        f"{NORMAL},schedule-ttfs{{window=16,tau=2.5}},fit-ttfs-kernels{{method={method}}}",
        context,
    )
    assert logit_error(after, x, wanted) < 0.8 * logit_error(before, x, wanted)
    assert after.schedule == before.schedule
    found = [n for n in context.notes if n.startswith("kernel of")]
    assert len(found) == 3
    assert all("tau" in n and "%" in n for n in found)


def test_no_kernel_is_worse_on_the_samples_that_judge():
    context = make_context(nets.plain())
    run_specs(nets.plain(), f"{TIMED},fit-ttfs-kernels", context)
    for note in context.notes:
        if "held-out" in note:
            before, after = note.rsplit("samples ", 1)[1].removesuffix(" %").split(" % to ")
            assert float(after) <= float(before)


def test_the_same_network_comes_out_again_and_another_seed_draws_others():
    first, again = (
        run_specs(nets.plain(), f"{TIMED},fit-ttfs-kernels", make_context(nets.plain()))
        for _ in range(2)
    )
    assert first == again
    other = make_context(nets.plain())
    other.seed = 5
    assert run_specs(nets.plain(), f"{TIMED},fit-ttfs-kernels", other) != first


@pytest.mark.parametrize("build", [nets.residual, nets.concat, nets.leaky])
def test_kernels_that_meet_stay_equal(build):
    after = run_specs(build(), f"{TIMED},fit-ttfs-kernels")
    before = run_specs(build(), TIMED)
    assert kernels(after) != kernels(before)
    groups = [g for g in alike(before) if len(g) > 1]
    assert groups
    for group in groups:
        assert len({kernel_of(after, name) for name in group}) == 1


def test_a_running_maximum_joins_its_sources_and_those_it_meets():
    b = nets.Builder()
    pool = m.MaxPool2d((2, 2), (2, 2))
    b.add("a", (3, 8, 8), m.Relu(), ("image", (b.conv("a", 3, 2),)))
    b.add("b", (3, 8, 8), m.Relu(), ("a", (b.conv("b", 3, 3),)))
    b.add("max", (3, 4, 4), pool, ("b", ()))
    b.add("c", (3, 4, 4), m.Relu(), ("max", ()), ("a", (m.AvgPool2d((2, 2), (2, 2)),)))
    b.add("out", (5,), m.Identity(), ("c", (m.Flatten(), b.dense("out", 5, 48))))
    network = run_specs(b.network(), "schedule-ttfs")
    assert meeting(network) == [("image",), ("a", "b"), ("c",)]
    assert sharing_steps(network) == [("image",), ("a",), ("b",), ("c",)]
    fitted = run_specs(b.network(), "normalize,schedule-ttfs{window=16},fit-ttfs-kernels")
    assert fitted.population("a").neuron == fitted.population("b").neuron


def test_kernels_that_differ_already_are_fitted_apart_and_a_clip_stays_one():
    b = nets.Builder()
    b.add("low", (3, 8, 8), m.Clip(0.4), ("image", (b.conv("low", 3, 2),)))
    b.add("high", (3, 8, 8), m.Relu(), ("image", (b.conv("high", 3, 2),)))
    b.add("sum", (3, 8, 8), m.Relu(), ("low", ()), ("high", ()))
    b.add("out", (5,), m.Identity(), ("sum", (m.Flatten(), b.dense("out", 5, 192))))
    network = run_specs(b.network(), "schedule-ttfs{window=16}")
    assert meeting(network)[1] == ("low", "high")
    assert alike(network)[1:3] == [("low",), ("high",)]
    fitted = run_specs(b.network(), "schedule-ttfs{window=16},fit-ttfs-kernels")
    assert fitted.population("low").neuron.threshold == pytest.approx(0.4)
    assert largest(fitted.population("low").neuron) < 0.45


def test_a_later_layer_that_meets_the_input_is_fitted_behind_earlier_ones():
    b = nets.Builder()
    b.add("first", (2, 8, 8), m.Relu(), ("image", (b.conv("first", 2, 2),)))
    b.add("second", (2, 8, 8), m.Relu(), ("first", (b.conv("second", 2, 2),)))
    b.add("sum", (2, 8, 8), m.Relu(), ("second", ()), ("image", ()))
    b.add("out", (5,), m.Identity(), ("sum", (m.Flatten(), b.dense("out", 5, 128))))
    network = run_specs(b.network(), "schedule-ttfs{window=16}")
    assert meeting(network) == [("image", "second"), ("first",), ("sum",)]
    assert alike(network) == [("image",), ("first",), ("second",), ("sum",)]
    context = make_context(b.network())
    run_specs(b.network(), "schedule-ttfs{window=16},fit-ttfs-kernels", context)
    told = [n.split()[2] for n in context.notes if n.startswith("kernel of")]
    assert [name.rstrip(":") for name in told] == ["image", "first", "second", "sum"]


def trained() -> m.Network:
    kernel = m.TTFS(2.0, 16)
    network = nets.plain()
    return network.with_populations(
        [replace(p, neuron=kernel) if p.name == "conv1" else p for p in network.populations]
    )


def test_trained_kernels_stay_unless_asked():
    context = make_context(trained())
    kept = run_specs(trained(), "schedule-ttfs,fit-ttfs-kernels", context)
    assert kept.population("conv1").neuron == m.TTFS(2.0, 16)
    assert kept.population("conv2").neuron.tau != 4.0
    assert any("trained with: conv1" in n for n in context.notes)
    asked = run_specs(trained(), "schedule-ttfs,fit-ttfs-kernels{trained=true}", context)
    assert asked.population("conv1").neuron != m.TTFS(2.0, 16) or any(
        "kernel of conv1: nothing better" in n for n in context.notes
    )


def test_the_closed_form_is_the_simulation():
    network = run_specs(nets.concat(), f"{TIMED},fit-ttfs-kernels")
    x = nets.images(6, seed=4).astype(np.float64)
    values = ttfs_values.sent_inputs(network, {"image": x})
    trace = Simulator(network).run(x)
    for population in network.populations:
        values[population.name] = ttfs_values.sent(network, population, values)
        if isinstance(population.neuron, m.TTFS):
            counts = trace.spike_counts[population.name]
            assert np.array_equal(values[population.name] > 0, counts > 0)
    assert np.allclose(values["out"], trace.membranes["out"], atol=1e-9)


def test_early_firing_is_noted():
    context = make_context(nets.plain())
    run_specs(nets.plain(), "normalize,schedule-ttfs{early_fire=4},fit-ttfs-kernels", context)
    assert any("fires early" in n for n in context.notes)


def test_analog_inputs_have_no_kernel():
    after = run_specs(nets.plain(), "normalize,schedule-ttfs{input=analog},fit-ttfs-kernels")
    assert isinstance(after.inputs[0].coding, m.Direct)


def test_it_needs_samples_and_the_ann_and_more_than_one_sample():
    with pytest.raises(InputError, match=r"SN705"):
        run_specs(nets.plain(), "schedule-ttfs,fit-ttfs-kernels", Context())
    with pytest.raises(InputError, match=r"SN721.*samples"):
        run_specs(nets.plain(), "schedule-ttfs,fit-ttfs-kernels{samples=1}")
    context = make_context(nets.plain(), 1)
    with pytest.raises(InputError, match=r"SN705.*1 calibration sample"):
        run_specs(nets.plain(), "schedule-ttfs,fit-ttfs-kernels", context)
    network = run_specs(nets.plain(), "normalize,schedule-ttfs")
    with pytest.raises(InputError, match=r"SN771"):
        run_specs(network, "fit-ttfs-kernels", Context(calibration={"image": nets.images(4)}))
    with pytest.raises(InputError, match=r"SN710"):
        run_specs(nets.plain(), "fit-ttfs-kernels")
