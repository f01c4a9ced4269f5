"""Folding, fusing and max pooling keep every value, and leave what they promise."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import ann_values, largest_error, make_context, run_specs

from snnc.ir import model as m
from snnc.ir.interpret import network_macs

PREPARATIONS = (
    "fold-batch-norm",
    "fuse-linear",
    "fuse-linear{inline=false}",
    "fuse-linear{pools=true}",
    "max-pool",
    "fold-batch-norm,fuse-linear,max-pool",
    "fold-batch-norm,fuse-linear{pools=true},max-pool{mode=gate}",
    "fold-batch-norm,fuse-linear,max-pool,fold-quantizers",
)
TOLERANCE = 1e-5
ALL = nets.NETWORKS | nets.QUANTISED


@pytest.mark.parametrize("specs", PREPARATIONS)
@pytest.mark.parametrize("name", ALL)
def test_preparation_keeps_the_value_of_every_population(name, specs):
    network = ALL[name](3)
    x = nets.images(4)
    prepared = run_specs(network, specs)
    assert largest_error(ann_values(network, x), ann_values(prepared, x)) < TOLERANCE


@pytest.mark.parametrize("name", ALL)
def test_preparation_is_idempotent(name):
    specs = "fold-batch-norm,fuse-linear,max-pool,fold-quantizers"
    once = run_specs(ALL[name](3), specs)
    twice = run_specs(once, specs)
    assert replace(twice, passes=once.passes) == once


def test_the_comparison_notices_one_changed_weight():
    network = nets.batch_norm(3)
    x = nets.images(4)
    folded = run_specs(network, "fold-batch-norm")
    name = folded.population("conv3").incoming[0].ops[0].weight.name
    weight = folded.array(m.Ref(name)).copy()
    weight[0, 0, 1, 1] += 0.01
    broken = folded.with_arrays({name: weight})
    assert largest_error(ann_values(network, x), ann_values(broken, x)) > 10 * TOLERANCE


def _ops(network: m.Network, kind: type) -> list[str]:
    return [
        p.name
        for p in network.populations
        for i in p.incoming
        for op in i.ops
        if isinstance(op, kind)
    ]


def test_fold_batch_norm_folds_behind_before_and_across_pooling_and_flattening():
    folded = run_specs(nets.batch_norm(), "fold-batch-norm")
    assert _ops(folded, m.Scale) == []


def test_fold_batch_norm_copies_a_weight_that_another_population_shares():
    network = nets.batch_norm()
    folded = run_specs(network, "fold-batch-norm")
    first = folded.population("conv2").incoming[0].ops[0].weight
    second = folded.population("conv3").incoming[0].ops[0].weight
    assert first != second
    np.testing.assert_array_equal(folded.array(second), network.array(m.Ref("shared.weight")))


def test_fold_batch_norm_keeps_an_exact_scale_where_no_weight_can_take_it():
    context = make_context(nets.residual())
    folded = run_specs(nets.residual(), "fold-batch-norm", context)
    assert _ops(folded, m.Scale) == ["act1", "act2"]
    assert any("stem -> act1" in note for note in context.notes)


def test_fuse_linear_computes_shared_sums_inside_their_users():
    fused = run_specs(nets.residual(), "fold-batch-norm,fuse-linear")
    assert [p.name for p in fused.populations] == ["act1", "act2", "act3", "out"]
    assert _ops(fused, m.Scale) == []
    # act3 reads sum1 (= stem + conv of act1) and its own branch
    assert [i.source for i in fused.population("act3").incoming] == ["image", "act1", "act2"]


def test_fuse_linear_keeps_shared_sums_when_asked():
    kept = run_specs(nets.residual(), "fuse-linear{inline=false}")
    assert [p.name for p in kept.populations] == [p.name for p in nets.residual().populations]


def test_fuse_linear_with_pools_leaves_one_operator_per_connection():
    fused = run_specs(nets.plain(), "fuse-linear{pools=true}")
    (conv,) = fused.population("conv2").incoming[0].ops
    assert conv.strides == (2, 2)
    assert fused.array(conv.weight).shape == (8, 6, 6, 6)


def test_fuse_linear_says_which_pools_it_had_to_leave():
    b = nets.Builder()
    pool = m.AvgPool2d((3, 3), (2, 2))
    b.add("conv1", (4, 8, 8), m.Relu(), ("image", (b.conv("conv1", 4, 2),)))
    b.add("conv2", (4, 3, 3), m.Relu(), ("conv1", (pool, b.conv("conv2", 4, 4))))
    b.add("out", (5,), m.Identity(), ("conv2", (m.Flatten(), b.dense("out", 5, 36))))
    network = b.network()
    context = make_context(network)
    fused = run_specs(network, "fuse-linear{pools=true}", context)
    assert _ops(fused, m.AvgPool2d) == ["conv2"]
    assert any("left the average pooling in front of conv2" in n for n in context.notes)


def test_fuse_linear_composes_weights_only_where_that_saves_work():
    b = nets.Builder(shape=(4, 8, 8))
    wide = (b.conv("wide", 16, 4, 1), b.conv("narrow", 2, 16))
    b.add("saves", (2, 8, 8), m.Relu(), ("image", wide))
    bottleneck = (m.Flatten(), b.dense("d1", 3, 128), b.dense("d2", 100, 3))
    b.add("costs", (100,), m.Relu(), ("saves", bottleneck))
    b.add("out", (5,), m.Identity(), ("costs", (b.dense("out", 5, 100),)))
    network = b.network()
    fused = run_specs(network, "fuse-linear")
    assert len(fused.population("saves").incoming[0].ops) == 1
    assert len(fused.population("costs").incoming[0].ops) == 3
    assert network_macs(fused) < network_macs(network)
    x = nets.images(4, shape=(4, 8, 8))
    assert largest_error(ann_values(network, x), ann_values(fused, x)) < TOLERANCE


def test_max_pool_moves_behind_a_relu_that_alone_reads_it():
    network = nets.max_pool()
    prepared = run_specs(network, "max-pool")
    assert isinstance(prepared.population("pool2.unpooled").neuron, m.Relu)
    # the pooled population has the activation's name, because it has its value
    assert isinstance(prepared.population("relu2").neuron, m.MaxPool2d)
    assert prepared.population("relu2").origin == ("/pool2/Node", "/relu2/Node")


def test_max_pool_of_the_input_gets_a_population_that_can_spike():
    prepared = run_specs(nets.max_pool(), "max-pool")
    assert isinstance(prepared.population("pool0.unpooled").neuron, m.Identity)
    assert prepared.population("pool0").incoming == (m.Incoming("pool0.unpooled"),)


def test_average_instead_of_maximum_is_said_aloud():
    network = nets.max_pool()
    context = make_context(network)
    averaged = run_specs(network, "max-pool{mode=average}", context)
    assert not any(isinstance(p.neuron, m.MaxPool2d) for p in averaged.populations)
    assert sum("CHANGED the network" in note for note in context.notes) == 3
    # linear populations are gone, and what changed its value has no statistics any more
    assert [p.name for p in averaged.populations] == ["conv1", "relu2", "out"]
    assert set(context.statistics).isdisjoint({"conv1", "relu2", "out"})
    x = nets.images(4)
    expected, found = ann_values(network, x), ann_values(averaged, x)
    assert largest_error({"out": expected["out"]}, {"out": found["out"]}) > 0.01
