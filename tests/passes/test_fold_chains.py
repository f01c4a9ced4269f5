"""Chains of operators as one weighted operator: the same sums, the same spikes."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs
from strategies import random_network

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.shapes import chain_shape
from snnc.passes.base import Context
from snnc.passes.chains import Chain
from snnc.passes.fold_chains import FoldChains
from snnc.passes.single_operator import as_matrix, is_single, single_operator, split_factor
from snnc.passes.tensors import NewTensors

SPIKING = "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking"
FLOAT32 = 2e-5
"""Folded weights are stored in float32."""


def value(network: m.Network, ops: tuple[m.Operator, ...], x: np.ndarray) -> np.ndarray:
    return linear.apply_chain(ops, x, network.array)


def folded(chain: tuple[m.Operator, ...], shape: tuple[int, ...], arrays: dict) -> tuple:
    """The folded chain with the network that holds its weights, and the target shape."""
    network = m.Network("n", "snn", (), (), ()).with_arrays(arrays)
    target = chain_shape(chain, shape, lambda ref: arrays[ref.name].shape)
    tensors = NewTensors(network)
    found = single_operator(Chain(chain, shape, "p", tensors), target, 1 << 20)
    assert found is not None
    return found[0], found[1], tensors.attach(network)


@pytest.mark.parametrize("seed", range(150))
def test_a_folded_chain_computes_what_the_chain_computes(seed):
    network = random_network(seed, "snn")
    rng = np.random.default_rng(seed)
    tensors = NewTensors(network)
    for population in network.populations:
        for incoming in population.incoming:
            shape = network.source_shape(incoming.source)
            target = chain_shape(incoming.ops, shape, tensors.shape)
            chain = Chain(incoming.ops, shape, population.name, tensors)
            found = single_operator(chain, target, 1 << 20)
            assert found is not None
            ops, _ = found
            _, rest = split_factor(replace(chain, ops=ops))
            assert is_single(rest)
            holder = tensors.attach(network)
            x = rng.normal(size=(3, *shape))
            expected, got = value(holder, incoming.ops, x), value(holder, ops, x)
            size = max(1.0, float(np.abs(expected).max(initial=0.0)))
            np.testing.assert_allclose(got / size, expected / size, atol=FLOAT32)
            # Negative control: a weight that is a little off shows.
            if np.abs(expected).max(initial=0.0) >= 1:
                assert np.abs(1.01 * got - expected).max() > FLOAT32 * size


@pytest.mark.parametrize(
    ("chain", "kind"),
    [
        ((m.AvgPool2d((2, 2), (2, 2)), m.Conv2d(m.Ref("w"), pads=(1, 1, 1, 1))), m.Conv2d),
        ((m.AvgPool2d((3, 3), (2, 2)), m.Conv2d(m.Ref("w"))), m.Conv2d),
        ((m.Conv2d(m.Ref("w"), pads=(1, 1, 1, 1)), m.AvgPool2d((2, 2), (2, 2))), m.Conv2d),
        ((m.AvgPool2d((2, 2), (2, 2)),), m.Conv2d),
        ((m.Embed(0, 0, 4), m.Conv2d(m.Ref("v"))), m.Conv2d),
        ((m.Conv2d(m.Ref("w")), m.Embed(0, 1, 9)), m.Conv2d),
        ((m.Slice(0, 0, 2), m.Conv2d(m.Ref("u"))), m.Conv2d),
        ((), m.Conv2d),
        ((m.Scale(m.Ref("s")),), m.Conv2d),
        ((m.Flatten(), m.Dense(m.Ref("d")), m.Reshape((2, 2, 1))), m.Dense),
        ((m.Transpose((1, 2, 0)), m.Flatten(), m.Dense(m.Ref("d"))), m.Dense),
        ((m.Upsample2d((2, 2)),), m.Dense),
    ],
)
def test_chains_fold_into_the_expected_operator(chain, kind):
    rng = np.random.default_rng(1)
    shapes = {"w": (5, 3, 3, 3), "v": (5, 4, 3, 3), "u": (5, 2, 3, 3), "s": (3,), "d": (4, 147)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    shape = (3, 8, 8) if m.Ref("d") not in [getattr(op, "weight", None) for op in chain] else None
    shape = shape or (3, 7, 7)
    ops, written, network = folded(chain, shape, arrays)
    weighted = [op for op in ops if isinstance(op, (m.Conv2d, m.Dense))]
    assert [type(op) for op in weighted] == [kind]
    assert written == (chain == (m.Upsample2d((2, 2)),))
    x = rng.normal(size=(2, *shape))
    np.testing.assert_allclose(value(network, ops, x), value(network, chain, x), atol=1e-5)


def test_a_depthwise_pool_stays_depthwise():
    ops, _, network = folded((m.AvgPool2d((2, 2), (2, 2)),), (6, 4, 4), {})
    (conv,) = ops
    assert conv.groups == 6
    assert network.array(conv.weight).shape == (6, 1, 2, 2)


def test_one_number_is_kept_apart_and_not_rounded_into_weights():
    arrays = {"w": np.ones((2, 3, 1, 1), np.float32)}
    ops, _, network = folded((m.Scale(0.1), m.Conv2d(m.Ref("w"))), (3, 2, 2), arrays)
    assert ops[0] == m.Scale(0.1)
    np.testing.assert_array_equal(network.array(ops[1].weight), arrays["w"])


def test_a_matrix_has_a_column_for_every_source_neuron():
    network = m.Network("n", "snn", (), (), ())
    tensors = NewTensors(network)
    ops = as_matrix(Chain((m.Slice(0, 1, 3),), (4,), "p", tensors), (2,))
    (dense,) = ops
    np.testing.assert_array_equal(tensors.array(dense.weight), [[0, 1, 0, 0], [0, 0, 1, 0]])


@pytest.mark.parametrize("name", sorted(nets.NETWORKS))
def test_folding_changes_no_spike(name):
    network = nets.NETWORKS[name]()
    context = make_context(network, steps=16)
    before = run_specs(network, SPIKING, context)
    after = run_specs(before, "fold-chains", Context())
    x = nets.images(12, seed=3, shape=network.inputs[0].shape)
    expected = Simulator(before, dtype="float64").run(x)
    found = Simulator(after, dtype="float64").run(x)
    for population in before.populations:
        counts = expected.spike_counts.get(population.name)
        if counts is not None:
            other = found.spike_counts[population.name]
            # Weights are rounded to float32 once more, which may move a spike by a step.
            assert (counts != other).mean() < 0.002, population.name


def image_pool(pool: m.AvgPool2d, conv: m.Conv2d, out: int) -> m.Network:
    """A spiking population, a pooling that conv reads through its padding, and a read-out."""
    builder = nets.Builder(shape=(2, 7, 7))
    builder.add("a", (4, 7, 7), m.Relu(), ("image", (builder.conv("a", 4, 2),)), bias=(4,))
    builder.add("b", (3, out, out), m.Relu(), ("a", (pool, conv(builder))))
    size = 3 * out * out
    builder.add("out", (5,), m.Identity(), ("b", (m.Flatten(), builder.dense("out", 5, size))))
    return builder.network()


def test_a_pool_that_does_not_fold_spikes_and_a_note_says_so():
    pool = m.AvgPool2d((3, 3), (2, 2), (1, 1, 1, 1))
    network = image_pool(pool, lambda b: b.conv("b", 3, 4), 4)
    context = make_context(network, steps=64)
    before = run_specs(network, SPIKING, context)
    context = Context()
    after = run_specs(before, "fold-chains{largest=300}", context)
    assert [p.name for p in after.populations] == ["a", "b.pool", "b", "out"]
    assert any("made the average pooling between a and b spike" in note for note in context.notes)
    x = nets.images(8, seed=2, shape=(2, 7, 7))
    expected = Simulator(before, dtype="float64").run(x).logits()
    found = Simulator(after, dtype="float64").run(x).logits()
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean()
    matrix = run_specs(before, "fold-chains", Context())
    assert [p.name for p in matrix.populations] == ["a", "b", "out"]


def test_a_chain_that_cannot_be_folded_is_refused_by_name():
    network = image_pool(m.AvgPool2d((3, 3), (2, 2)), lambda b: b.conv("b", 3, 4), 3)
    spiking = run_specs(network, SPIKING, make_context(network))
    a, b = spiking.population("a"), spiking.population("b")
    ops = (m.Upsample2d((2, 2)), *b.incoming[0].ops)
    odd = replace(b, shape=(3, 6, 6), incoming=(replace(b.incoming[0], ops=ops),))
    broken = replace(spiking.with_populations([a, odd]), heads=(m.Head("h", "b", m.SpikeCount()),))
    with pytest.raises(InputError, match=r"SN760.*from a to b .*matrix of") as caught:
        FoldChains(largest=100).run(broken, Context())
    assert caught.value.diagnostics[0].where == "/b/Node"


def test_pools_spike_where_that_is_wanted():
    context = make_context(nets.plain(), steps=64)
    before = run_specs(nets.plain(), SPIKING, context)
    after = run_specs(before, "fold-chains{pools=spike}", Context())
    assert [p.name for p in after.populations] == ["conv1", "conv2.pool", "conv2", "out"]
    x = nets.images(8, seed=2)
    expected = Simulator(before, dtype="float64").run(x).logits()
    found = Simulator(after, dtype="float64").run(x).logits()
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean()


def test_two_pools_into_one_population_have_names_of_their_own():
    b = nets.Builder()
    pool = m.AvgPool2d((2, 2), (2, 2))
    b.add("a", (3, 8, 8), m.Relu(), ("image", (b.conv("a", 3, 2),)))
    b.add("c", (3, 8, 8), m.Relu(), ("image", (b.conv("c", 3, 2),)))
    b.add("d", (3, 4, 4), m.Relu(), ("a", (pool,)), ("c", (pool,)))
    b.add("out", (5,), m.Identity(), ("d", (m.Flatten(), b.dense("out", 5, 48))))
    before = run_specs(b.network(), SPIKING, make_context(b.network()))
    after = run_specs(before, "fold-chains{pools=spike}", Context())
    assert [p.name for p in after.populations] == ["a", "c", "d.pool", "d.pool.2", "d", "out"]


def test_a_pool_behind_signed_max_pooling_passes_negative_spikes_on():
    arrays = {"w": np.full((2, 2, 1, 1), 0.5, np.float32), "v": np.ones((1, 2), np.float32)}
    conv = (m.Conv2d(m.Ref("w")),)
    signed = m.IF(1.0, negative_spikes="retract")
    populations = (
        m.Population("s", (2, 4, 4), signed, incoming=(m.Incoming("x", conv),)),
        m.Population("max", (2, 4, 4), m.RunningMax2d((1, 1)), incoming=(m.Incoming("s"),)),
        m.Population(
            "y", (2, 2, 2), signed, incoming=(m.Incoming("max", (m.AvgPool2d((2, 2), (2, 2)),)),)
        ),
    )
    network = m.Network(
        "n",
        "snn",
        (m.Input("x", "f32", (2, 4, 4)),),
        populations,
        (m.Head("h", "y", m.SpikeCount()),),
        schedule=m.Synchronous(8),
    ).with_arrays({"w": arrays["w"]})
    after = FoldChains(pools="spike").run(network, Context())
    x = np.full((1, 2, 4, 4), -1.0, np.float32)
    counts = Simulator(after).run(x).spike_counts["y"]
    expected = Simulator(network).run(x).spike_counts["y"]
    assert expected.min() < -5
    assert np.abs(counts - expected).max() <= 1


def test_a_pool_that_would_have_to_spike_in_a_lossless_network_is_refused_with_that_reason():
    network = nets.QUANTISED["quantised"]()
    spec = "fold-batch-norm,fuse-linear,max-pool,fold-quantizers,map-quantized"
    gated = run_specs(network, spec, make_context(network))
    assert isinstance(gated.schedule, m.Gated)
    source = next(p for p in gated.populations if len(p.shape) == 3)
    pool = m.Population(
        "extra",
        (source.shape[0], 1, 1),
        m.IF(1.0),
        origin=("/extra",),
        incoming=(m.Incoming(source.name, (m.AvgPool2d(source.shape[1:], source.shape[1:]),)),),
    )
    network = gated.with_populations((*gated.populations, pool))
    with pytest.raises(InputError, match=r"SN760.*would not be lossless"):
        FoldChains(pools="spike").run(network, Context())


def test_a_scale_per_channel_in_front_of_a_pool_is_folded():
    arrays = {"s": np.array([0.5, 2.0, 1.0], np.float32)}
    chain = (m.Scale(m.Ref("s")), m.AvgPool2d((2, 2), (2, 2)))
    ops, written, _ = folded(chain, (3, 4, 4), arrays)
    assert not written
    assert isinstance(ops[0], m.Conv2d)


def test_an_option_out_of_range_is_refused():
    spiking = run_specs(nets.plain(), SPIKING)
    with pytest.raises(InputError, match="SN721"):
        FoldChains(largest=0).run(spiking, Context())
