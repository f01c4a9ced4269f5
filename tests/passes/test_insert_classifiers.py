"""Inserted classifiers are what scikit-learn finds, and leave everything else as it was."""

from __future__ import annotations

from dataclasses import replace

import labelled_images
import nets
import numpy as np
import pytest
from pass_tools import run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.print import to_text
from snnc.passes import insert_classifiers as module
from snnc.passes.base import Context
from snnc.passes.classifiers import train
from snnc.passes.places import operations

TRAIN = labelled_images.digits("train", 300)


def inserted(network: m.Network, options: str = "", samples=TRAIN) -> tuple[m.Network, Context]:
    context = labelled_images.context_with(samples, network)
    spec = f"insert-classifiers{{{options}}}" if options else "insert-classifiers"
    return run_specs(network, spec, context), context


def refused(network: m.Network, options: str = "", samples=TRAIN) -> str:
    with pytest.raises(InputError) as caught:
        inserted(network, options, samples)
    return str(caught.value)


def test_all_populations_and_heads_stay_as_they_were():
    network = labelled_images.bundled("multi_exit")
    after, _ = inserted(network, "after=[s2.0.0,s3.0.0]")
    kept = [p for p in after.populations if not p.name.endswith(".classifier")]
    assert tuple(kept) == network.populations
    assert [h for h in after.heads if h in network.heads] == list(network.heads)
    assert network.tensors.items() <= after.tensors.items()
    x = {"input": TRAIN.x[:8]}
    before, behind = evaluate(network, x), evaluate(after, x)
    assert all((before[p.name] == behind[p.name]).all() for p in network.populations)


@pytest.mark.parametrize("features", ["gap", "flat"])
def test_the_inserted_logits_are_scikit_learns(features):
    network = labelled_images.bundled()
    after, _ = inserted(network, f"after=conv_2.0,features={features}")
    x = labelled_images.digits("test", 50).x
    place = evaluate(network, {"input": TRAIN.x})["conv_2.0"]
    shown = evaluate(network, {"input": x})["conv_2.0"]
    if features == "gap":
        place, shown = place.mean(axis=(2, 3)), shown.mean(axis=(2, 3))
    found = train(place.reshape(len(place), -1), TRAIN.y, 0)
    expected = shown.reshape(len(shown), -1) @ found.weight.T + found.bias
    values = evaluate(after, {"input": x})["conv_2.0.classifier"]
    tolerance = 1e-3 * np.abs(expected).max()
    np.testing.assert_allclose(values, expected, atol=tolerance)
    # Negative control: one perturbed weight is seen.
    weight = np.array(after.array(m.Ref("conv_2.0.classifier.weight")))
    weight[0, np.abs(shown.reshape(len(shown), -1)).sum(axis=0).argmax()] += 1.0
    changed = after.with_arrays({"conv_2.0.classifier.weight": weight})
    assert np.abs(evaluate(changed, {"input": x})["conv_2.0.classifier"] - expected).max() > (
        2 * tolerance
    )


def test_classifiers_answer_new_images():
    after, _ = inserted(labelled_images.bundled(), "after=fc_5")
    test = labelled_images.digits("test", 200)
    answers = evaluate(after, {"input": test.x})["fc_5.classifier"].argmax(axis=1)
    assert (answers == test.y).mean() > 0.9


def test_auto_takes_places_that_pay_and_says_what_it_did():
    after, context = inserted(labelled_images.bundled("multi_exit"), "count=2")
    added = [h.name for h in after.heads if h.name.endswith(".classifier")]
    assert len(added) == 2
    assert sum("ADDED the head" in note for note in context.notes) == 2
    assert all(any(name in note for note in context.notes) for name in added)
    whole = operations(after, after.heads[-1].population)
    assert all(operations(after, name) < 0.9 * whole for name in added)
    for name in added:  # the note tells what the inserted head takes
        share = f"after {operations(after, name) / whole:.1%} of the operations"
        assert any(name in note and share in note for note in context.notes)


def test_heads_come_in_order_of_depth_and_the_last_one_stays_last():
    network = labelled_images.bundled("multi_exit")
    after, _ = inserted(network, "after=[s1.0.0,s3.0.0]")
    depth = module.depths(after)
    assert after.heads[-1] == network.heads[-1]
    order = [depth[h.population] for h in after.heads[:-1]]
    assert order == sorted(order)
    assert [h.name for h in after.heads][:2] == ["logits_ic1", "s1.0.0.classifier"]


def test_the_order_of_names_does_not_matter_and_runs_are_equal():
    network = labelled_images.bundled()
    texts = [
        to_text(replace(inserted(network, f"after={names}")[0], passes=()))
        for names in ("[fc_5,conv_2.0]", "[conv_2.0,fc_5]", "[conv_2.0,fc_5]")
    ]
    assert len(set(texts)) == 1


def test_rounds_that_bound_memory_give_the_same_classifiers(monkeypatch):
    network = labelled_images.bundled()
    whole, _ = inserted(network)
    monkeypatch.setattr(module, "BYTES_OF_FEATURES", 4 * 300 * 128)
    parts, _ = inserted(network)
    assert parts == whole
    assert "SN745" in refused(network, "after=conv_2.0,features=flat")


@pytest.mark.parametrize("name", ["plain", "residual", "max_pool", "concat", "leaky", "quantised"])
def test_networks_of_every_pattern_get_classifiers_and_become_spiking(name):
    network = getattr(nets, name)()
    classes = network.population(network.heads[-1].population).shape[0]
    x = nets.images(60, shape=network.inputs[0].shape)
    samples = labelled_images.Samples(x, np.arange(60) % classes)
    context = Context(calibration={"image": x}, labelled=samples, steps=4)
    mapping = "normalize,to-spiking"
    if any(isinstance(p.neuron, m.Quantized) for p in network.populations):
        mapping = "fold-quantizers,requantize,map-quantized{mode=qcfs}"
    pipeline = f"insert-classifiers{{count=1}},fold-batch-norm,fuse-linear,max-pool,{mapping}"
    after = run_specs(network, pipeline, context)
    assert len(after.heads) == len(network.heads) + 1
    trace = Simulator(after).run(x[:3])
    assert all(np.isfinite(values).all() for values in trace.outputs.values())


def test_a_quantised_network_stays_quantised():
    network = labelled_images.bundled("quantised")
    after, _ = inserted(network)
    from snnc.passes.defaults import kind_of_network

    assert kind_of_network(network) == kind_of_network(after) == "quantised"


@pytest.mark.parametrize("mode", ["qffs", "qcfs"])
def test_a_quantised_network_can_be_mapped_with_a_classifier_at_every_candidate(mode):
    network = nets.quantised()
    x = nets.images(60)
    samples = labelled_images.Samples(x, np.arange(60) % 5)
    for place in module.candidates(network, "gap"):
        context = Context(calibration={"image": x}, labelled=samples, steps=4)
        mapping = f"fuse-linear,max-pool,fold-quantizers,map-quantized{{mode={mode}}}"
        after = run_specs(network, f"insert-classifiers{{after=[{place}]}},{mapping}", context)
        assert [h.name for h in after.heads] == [f"{place}.classifier", "out"]
        assert after.stage == "snn"


def test_a_network_with_one_output_value_gets_heads_with_one_value():
    network = nets.plain()
    out = network.population("out")
    weight = np.array(network.array(out.incoming[0].ops[-1].weight))[:1]
    single = replace(out, shape=(1,), bias=None)
    network = network.with_arrays({out.incoming[0].ops[-1].weight.name: weight})
    network = network.with_populations([*network.populations[:-1], single])
    x = nets.images(60)
    labels = (x.mean(axis=(1, 2, 3)) > np.median(x.mean(axis=(1, 2, 3)))).astype(np.int64)
    context = Context(labelled=labelled_images.Samples(x, labels))
    place = module.candidates(network, "flat")[0]
    after = run_specs(network, f"insert-classifiers{{after=[{place}],features=flat}}", context)
    value = evaluate(after, {"image": x})[f"{place}.classifier"]
    assert value.shape == (60, 1)
    assert ((value[:, 0] > 0) == labels).mean() > 0.9


def test_missing_or_unfit_labels_are_refused():
    network = labelled_images.bundled()
    with pytest.raises(InputError, match="SN740"):
        run_specs(network, "insert-classifiers", Context())
    samples = labelled_images.Samples
    assert "SN742" in refused(network, samples=samples(TRAIN.x[:9], TRAIN.y[:9]))
    absent = TRAIN.y != 3
    text = refused(network, samples=samples(TRAIN.x[absent], TRAIN.y[absent]))
    assert "SN741" in text
    assert "class 3 has no sample" in text
    assert "SN741" in refused(network, samples=samples(TRAIN.x, TRAIN.y + 1))
    once = np.concatenate([np.flatnonzero(TRAIN.y != 3), np.flatnonzero(TRAIN.y == 3)[:1]])
    assert "SN742" in refused(network, samples=samples(TRAIN.x[once], TRAIN.y[once]))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("count=0", "SN721"),
        ("count=99", "SN721"),
        ("after=conv_3.0", "SN743"),
        ("after=[]", "SN743"),
        ("after=fc_8", "SN744"),
        ("after=input", "SN743"),
    ],
)
def test_bad_options_are_refused(options, code):
    assert code in refused(labelled_images.bundled(), options)


def test_a_population_that_a_quantiser_reads_is_no_place():
    network = nets.mixed()
    read = [
        i.source
        for p in network.populations
        if isinstance(p.neuron, m.Quantized)
        for i in p.incoming
        if i.source != "image" and not i.ops
    ]
    classes = network.population(network.heads[-1].population).shape[0]
    x = nets.images(40, shape=network.inputs[0].shape)
    samples = labelled_images.Samples(x, np.arange(40) % classes)
    for name in read:
        with pytest.raises(InputError, match=r"SN744.*quantises it"):
            run_specs(network, f"insert-classifiers{{after=[{name}]}}", Context(labelled=samples))
        assert name not in module.candidates(network, "gap")


def test_it_runs_at_stage_ann_only():
    network = labelled_images.bundled()
    context = labelled_images.context_with(TRAIN, network)
    with pytest.raises(InputError, match="SN710"):
        run_specs(network, "max-pool,normalize,to-spiking,insert-classifiers", context)
