"""What passes do with activations that were trained as spike times."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import ann_values, largest_error, make_context, run_specs

from snnc.backends.reference.target import ReferenceTarget
from snnc.diagnostics import InputError, UsageError
from snnc.driver.pipeline import candidate_pipelines
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes import DEFAULT_PIPELINE, TTFS_TRAINED_PIPELINE
from snnc.passes.base import Context
from snnc.passes.defaults import default_pipeline
from snnc.passes.trained_times import has_spike_times
from snnc.passes.ttfs_defaults import ttfs_pipeline

LIMITS = ReferenceTarget().limits
KERNEL = m.TTFS(6.0, 24, 0.5, 1.5)
OTHER = m.TTFS(4.0, 20, -0.3, 0.8, "ceil")


def _trained(network: m.Network, *kernels: m.TTFS) -> m.Network:
    """The network with kernels in place of its first ReLUs."""
    left = list(kernels)
    populations = [
        replace(p, neuron=left.pop(0)) if left and isinstance(p.neuron, m.Relu) else p
        for p in network.populations
    ]
    assert not left
    return network.with_populations(populations)


def _encoded() -> m.Network:
    """Input, kernel, convolution, kernel, dense."""
    b = nets.Builder()
    b.add("pixel", nets.IMAGE, KERNEL, ("image", ()))
    b.add("conv1", (6, 8, 8), OTHER, ("pixel", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.add("out", (5,), m.Identity(), ("conv1", (m.Flatten(), b.dense("out", 5, 384))))
    return b.network()


@pytest.mark.parametrize(
    "specs",
    [
        "fold-batch-norm,fuse-linear,max-pool,to-spiking",
        "fold-batch-norm,fuse-linear,max-pool,fold-quantizers,map-quantized",
        "fold-batch-norm,fuse-linear,max-pool,requantize",
        "schedule-ttfs,calibrate-potential",
        "schedule-ttfs,calibrate-bias",
    ],
)
def test_passes_for_other_codes_refuse_the_network_by_name(specs: str) -> None:
    network = _trained(nets.plain(), KERNEL)
    with pytest.raises(InputError) as caught:
        run_specs(network, specs)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "SN772"
    assert diagnostic.message.startswith(f"pass {specs.rsplit(',', 1)[1].split('{')[0]} ")
    assert "conv1" in diagnostic.message
    assert "--coding ttfs" in diagnostic.help


@pytest.mark.parametrize("name", ["plain", "batch_norm", "residual", "concat", "max_pool"])
def test_preparation_keeps_values_and_kernels(name: str) -> None:
    """Folding, fusing and normalising change neither what is computed nor the kernels."""
    network = _trained(getattr(nets, name)(), KERNEL)
    x = nets.images(6)
    specs = "fold-batch-norm,fuse-linear,max-pool,fold-quantizers,normalize{per=channel}"
    context = make_context(network)
    after = run_specs(network, specs, context)
    kernels = [p for p in after.populations if isinstance(p.neuron, m.TTFS)]
    assert [p.neuron for p in kernels] == [KERNEL]
    assert all(p.scale == 1.0 for p in kernels)
    before = ann_values(network, x)
    found = ann_values(after, x)
    edges = {p.name for p in kernels}
    assert largest_error({n: v for n, v in before.items() if n not in edges}, found) < 1e-2
    for population in kernels:
        same = np.isclose(before[population.name], found[population.name], rtol=1e-6)
        assert same.mean() > 0.999
    assert any("in the units of their trained kernels" in note for note in context.notes)


def test_normalize_still_scales_the_others() -> None:
    network = _trained(nets.plain(), KERNEL)
    after = run_specs(network, "fold-batch-norm,fuse-linear,max-pool,normalize{per=layer}")
    scales = {p.name: p.scale for p in after.populations}
    assert scales["conv1"] == 1.0
    assert scales["conv2"] != 1.0


def test_max_pooling_is_exchanged_with_a_kernel_behind_it() -> None:
    """The surrogate never falls, so the maximum of its values is its value of the maximum."""
    b = nets.Builder()
    pool = m.MaxPool2d((2, 2), (2, 2))
    b.add("pool", (6, 4, 4), pool, ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.add("act", (6, 4, 4), KERNEL, ("pool", ()))
    b.add("out", (5,), m.Identity(), ("act", (m.Flatten(), b.dense("out", 5, 96))))
    network = b.network()
    after = run_specs(network, "fold-batch-norm,fuse-linear,max-pool")
    kinds = [type(p.neuron) for p in after.populations]
    assert kinds == [m.TTFS, m.MaxPool2d, m.Identity]
    x = {"image": nets.images(5).astype(np.float64)}
    np.testing.assert_allclose(evaluate(after, x)["out"], evaluate(network, x)["out"], rtol=1e-9)


def test_default_pipeline_without_being_asked() -> None:
    network = _trained(nets.plain(), KERNEL, OTHER)
    assert has_spike_times(network)
    choice = default_pipeline(network, LIMITS)
    assert choice.spec == TTFS_TRAINED_PIPELINE
    assert "keep their kernels" in choice.reason
    assert ttfs_pipeline(network) == choice
    assert not has_spike_times(nets.plain())
    assert default_pipeline(nets.plain(), LIMITS).spec == DEFAULT_PIPELINE


def test_activations_without_a_kernel_are_normalised_first() -> None:
    network = _trained(nets.plain(), KERNEL)
    choice = default_pipeline(network, LIMITS)
    assert "normalize{method=max per=layer},schedule-ttfs,fit-ttfs-kernels" in choice.spec
    assert "conv2 has none" in choice.reason
    after = run_specs(network, choice.spec)
    assert after.population("conv1").neuron == KERNEL
    other = after.population("conv2").neuron
    assert isinstance(other, m.TTFS)
    assert other.steps == KERNEL.steps


def test_auto_is_for_rates() -> None:
    with pytest.raises(UsageError) as caught:
        candidate_pipelines(_trained(nets.plain(), KERNEL), LIMITS)
    assert caught.value.diagnostics[0].code == "SN936"
    assert candidate_pipelines(nets.plain(), LIMITS)


def test_the_kernel_of_the_input_becomes_its_coding() -> None:
    network = _encoded()
    context = Context(calibration={"image": np.abs(nets.images(4))})
    after = run_specs(network, "schedule-ttfs", context)
    wanted = m.SpikeTime(KERNEL.tau, KERNEL.steps, KERNEL.delay, KERNEL.threshold, "round")
    assert after.inputs[0].coding == wanted
    assert [p.name for p in after.populations] == ["conv1", "out"]
    assert after.population("conv1").incoming[0].source == "image"
    assert any("with the kernel of population pixel" in note for note in context.notes)
    assert after.schedule is not None
    assert after.schedule.steps == 2 * KERNEL.steps


def test_nobody_knows_whether_the_input_has_negative_values() -> None:
    context = Context()
    after = run_specs(_encoded(), "schedule-ttfs", context)
    assert [p.name for p in after.populations] == ["conv1", "out"]
    assert any("no calibration samples say whether it has negative" in n for n in context.notes)


@pytest.mark.parametrize("case", ["negative", "pooled", "output"])
def test_the_population_that_encodes_stays_where_it_is_needed(case: str) -> None:
    """Its input has its kernel then, so encoding twice is encoding once."""
    network = _encoded()
    x = np.abs(nets.images(4))
    if case == "negative":
        x = nets.images(4) - 0.5
    elif case == "pooled":
        pool = m.Population(
            "pool",
            (2, 4, 4),
            m.MaxPool2d((2, 2), (2, 2)),
            incoming=(m.Incoming("pixel"),),
            origin=("pool",),
        )
        network = network.with_populations((*network.populations, pool))
        network = replace(network, heads=(*network.heads, m.Head("pool", "pool", m.Logits())))
    else:
        network = replace(network, heads=(*network.heads, m.Head("pixel", "pixel", m.Logits())))
    context = Context(calibration={"image": x})
    after = run_specs(network, "schedule-ttfs", context)
    assert after.population("pixel").neuron == KERNEL
    coding = after.inputs[0].coding
    assert isinstance(coding, m.SpikeTime)
    assert (coding.tau, coding.delay, coding.threshold) == (6.0, 0.5, 1.5)
    assert any("which stays and takes a window of its own" in note for note in context.notes)


def test_an_input_that_others_read_too_is_coded_as_any() -> None:
    network = _encoded()
    extra = replace(network.population("conv1"), name="side")
    extra = replace(extra, incoming=(replace(extra.incoming[0], source="image"),))
    network = network.with_populations((*network.populations, extra))
    network = replace(network, heads=(*network.heads, m.Head("side", "side", m.Logits())))
    after = run_specs(network, "schedule-ttfs", Context(calibration={"image": nets.images(4)}))
    assert after.inputs[0].coding != m.SpikeTime(6.0, 24, 0.5, 1.5)
    assert after.population("pixel").neuron == KERNEL


def test_analog_input_needs_no_kernel() -> None:
    after = run_specs(_encoded(), "schedule-ttfs{input=analog}", Context())
    assert isinstance(after.inputs[0].coding, m.Direct)
    assert after.population("pixel").neuron == KERNEL


def test_a_window_that_is_too_short_is_told() -> None:
    context = Context(calibration={"image": np.abs(nets.images(4))})
    run_specs(_encoded(), "schedule-ttfs{window=10}", context)
    assert any("a window of 10 steps CHANGED the network: conv1" in n for n in context.notes)
    quiet = Context(calibration={"image": np.abs(nets.images(4))})
    run_specs(_encoded(), "schedule-ttfs", quiet)
    assert not any("CHANGED" in n for n in quiet.notes)
