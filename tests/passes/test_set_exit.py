"""Exit policies that are given in full, and what passes do to networks that have one."""

from __future__ import annotations

from dataclasses import replace

import labelled_images
import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.diagnostics import InputError, UsageError
from snnc.ir import model as m
from snnc.ir.parse import parse
from snnc.ir.print import to_text
from snnc.passes import set_exit
from snnc.passes.tensors import short_names

SPIKING = "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking"
POLICIES = [
    ("confidence{threshold=0.6}", m.Confidence),
    ("margin{threshold=2,alpha=4,first-step=2}", m.Margin),
    ("entropy{threshold=0.5,last-step=7}", m.Entropy),
    ("patience{repeats=3}", m.Patience),
    ("fixed{step=4}", m.Fixed),
]


@pytest.mark.parametrize(("policy", "kind"), POLICIES)
@pytest.mark.parametrize("name", ["plain", "two_heads"])
def test_the_policy_becomes_that_of_the_network_and_nothing_else_changes(policy, kind, name):
    network = nets.NETWORKS[name]()
    context = make_context(network, steps=8)
    before = run_specs(network, SPIKING, context)
    after = run_specs(network, f'{SPIKING},set-exit{{policy="{policy}"}}', context)
    assert isinstance(after.exit, kind)
    assert (after.populations, after.heads) == (before.populations, before.heads)
    assert parse(to_text(after), store=after.store).exit == after.exit


def test_options_reach_the_policy():
    network = nets.two_heads()
    spec = 'set-exit{policy="margin{threshold=2,alpha=4,first-step=2}"}'
    found = run_specs(network, f"{SPIKING},{spec}", make_context(network)).exit
    assert isinstance(found, m.Margin)
    assert (found.thresholds, found.alpha, found.first_step) == ((2.0, 2.0), 4.0, 2)
    assert found.heads == tuple(h.name for h in network.heads)


@pytest.mark.parametrize(
    ("policy", "error", "code"),
    [
        ("confidence", UsageError, "SN954"),
        ("bayes", UsageError, "SN95"),
        ("hope", UsageError, "SN701"),
        ("fixed{step=4},fixed{step=5}", UsageError, "SN954"),
        ("fixed{step=99}", UsageError, "SN954"),
        ("fixed{step=1,head=nobody}", UsageError, "SN953"),
    ],
)
def test_policies_that_are_not_complete_or_do_not_fit_are_refused(policy, error, code):
    network = nets.two_heads()
    with pytest.raises(error, match=code):
        run_specs(network, f'{SPIKING},set-exit{{policy="{policy}"}}', make_context(network, 8, 8))


def test_what_the_network_cannot_execute_is_no_crash(monkeypatch):
    wrong = m.Fixed(head="nobody", step=1)
    monkeypatch.setattr(set_exit, "given", lambda network, request: wrong)
    network = nets.two_heads()
    spec = 'set-exit{policy="fixed{step=1}"}'
    with pytest.raises(InputError, match=r"SN748.*nobody"):
        run_specs(network, f"{SPIKING},{spec}", make_context(network))


@pytest.mark.parametrize("where", ["ann", "twice"])
def test_an_exit_is_set_once_on_a_spiking_network(where):
    network = nets.two_heads()
    spec = 'set-exit{policy="fixed{step=2}"}'
    pipeline = spec if where == "ann" else f"{SPIKING},{spec},{spec}"
    with pytest.raises(InputError, match="SN710"):
        run_specs(network, pipeline, make_context(network))


def test_calibration_behind_an_exit_leaves_it_alone():
    network = nets.two_heads()
    context = make_context(network, steps=8)
    spec = 'set-exit{policy="confidence{threshold=0.6}"}'
    before = run_specs(network, f"{SPIKING},{spec}", context)
    after = run_specs(network, f"{SPIKING},{spec},calibrate-potential", context)
    assert after.exit == before.exit
    assert after != before


def test_short_names_of_tensors_reach_the_exit():
    network = nets.two_heads()
    spiking = run_specs(network, f"{SPIKING},spike-heads", make_context(network, steps=4))
    table = np.ones((1, 4), np.float32)
    heads = tuple(h.name for h in network.heads)
    policy = m.Bayes(heads=heads, strength=m.Ref("table.2"), threshold=0.5)
    found = short_names(replace(spiking.with_arrays({"table.2": table}), exit=policy))
    assert isinstance(found.exit, m.Bayes)
    assert found.exit.strength == m.Ref("table")
    assert (found.array(found.exit.strength) == table).all()


def test_passes_keep_every_head_of_a_network_with_several():
    network = labelled_images.bundled("multi_exit")
    names = [h.name for h in network.heads]
    samples = labelled_images.digits("train", 60)
    stages = ("fold-batch-norm", "fuse-linear", "max-pool", "normalize", "to-spiking")
    more = ("calibrate-potential{samples=16}", "calibrate-bias{samples=16}", "spike-heads")
    done: list[str] = []
    for spec in (*stages, *more, 'set-exit{policy="patience{repeats=2}"}'):
        done.append(spec)
        context = labelled_images.context_with(samples, network, steps=4)
        after = run_specs(network, ",".join(done), context)
        assert [h.name for h in after.heads] == names, spec
    assert isinstance(after.exit, m.Patience)
    assert after.exit.heads == tuple(names)
    for pipeline in (
        "fuse-linear,max-pool,fold-quantizers,requantize,calibrate-bias,map-quantized",
        "insert-classifiers{after=s2.0.0},fuse-linear,max-pool,requantize,map-quantized",
    ):
        context = labelled_images.context_with(samples, network, steps=4)
        after = run_specs(network, pipeline, context)
        assert [h.name for h in after.heads if h.name in names] == names
