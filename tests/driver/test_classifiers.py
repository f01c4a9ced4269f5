"""Classifiers inserted at compile time: how they are asked for, and the ANN that they extend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exit_networks
import numpy as np
import pytest

import snnc
from snnc.diagnostics import InputError, UsageError
from snnc.driver import exits
from snnc.driver.classifiers import ExtendedAnn, LabelledSamples, classifiers_spec, labelled
from snnc.driver.hooks import Dump
from snnc.driver.plan import make_plan
from snnc.driver.samples import ArraySamples
from snnc.driver.targets import find_target
from snnc.driver.wishes import CompileOptions
from snnc.evaluation.reference import InterpretedAnn
from snnc.exits.requests import parse_request
from snnc.ir import model as m

Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def ann() -> m.Network:
    return exit_networks.network(internal=False)


@pytest.fixture(scope="module")
def data(ann: m.Network) -> Data:
    return exit_networks.labelled(ann)


@pytest.fixture(scope="module")
def net(ann: m.Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exit_networks.saved(ann, tmp_path_factory.mktemp("classifiers"))


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("auto", "insert-classifiers{after=auto}"),
        ("auto,count=1", "insert-classifiers{after=auto,count=1}"),
        ("count=1", "insert-classifiers{count=1}"),
        ("conv2", "insert-classifiers{after=[conv2]}"),
        (
            "conv_2.0, conv4,features=flat",
            "insert-classifiers{after=[conv_2.0,conv4],features=flat}",
        ),
        ("/a b/c", 'insert-classifiers{after=["/a b/c"]}'),
    ],
)
def test_the_spec_of_the_pass_is_made_of_names_and_options(text: str, spec: str) -> None:
    assert classifiers_spec(text) == spec


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "SN700"),
        ("a,,b", "SN700"),
        ("a,a", "SN700"),
        ("count=", "SN700"),
        ("count=1,count=2", "SN706"),
        ("auto,fc1", "SN936"),
        ("fc1,after=fc2", "SN936"),
    ],
)
def test_a_spec_that_says_nothing_or_two_things_is_refused(text: str, code: str) -> None:
    with pytest.raises(UsageError, match=code):
        classifiers_spec(text)


def test_the_ann_of_the_program_has_the_inserted_heads(
    net: Path, ann: m.Network, data: Data, tmp_path: Path
) -> None:
    result = snnc.compile(net, calibration=data, steps=8, classifiers="fc1,fc2")
    names = [head.name for head in result.network.heads]
    assert names == ["fc1.classifier", "fc2.classifier", "last"]
    assert result.ann is not None
    assert [head.name for head in result.ann.heads] == names
    assert result.network.passes[0] == "insert-classifiers{after=[fc1,fc2]}"
    added = [note for note in result.report["notes"] if "ADDED the head" in note]
    assert len(added) == 2
    loaded = snnc.load(result.save(tmp_path / "out"))
    first, second = (c.ann_reference() for c in (result, loaded))
    for name in names:
        np.testing.assert_allclose(
            first.logits(data[0][:20], name),
            second.logits(data[0][:20], name),
            rtol=1e-5,
            atol=1e-5,
        )
    plain = InterpretedAnn(ann)
    np.testing.assert_array_equal(first.logits(data[0], "last"), plain.logits(data[0], "last"))


def test_inserted_heads_answer_and_are_evaluated(net: Path, data: Data) -> None:
    result = snnc.compile(
        net, calibration=data, steps=16, classifiers="auto,count=1", exit="margin", max_drop=5.0
    )
    shares = result.report["exit"]["choosing"]["heads"]
    assert len(shares) == 2
    measured = result.evaluate(data, exits="run")
    assert measured.snn_accuracy > 0.8


def test_samples_that_choose_a_threshold_train_no_classifier(net: Path, data: Data) -> None:
    def weights(samples: Data, **options: Any) -> tuple[np.ndarray, bool]:
        result = snnc.compile(net, calibration=samples, steps=8, classifiers="fc1", **options)
        assert result.ann is not None
        told = exits.TRAINED_ON_PART in result.report["notes"]
        return result.ann.array(m.Ref("fc1.classifier.weight")), told

    held = exits.choosing(data[1])
    half, all_of_them = (weights((x, y))[0] for x, y in (tuple(a[~held] for a in data), data))
    assert np.abs(half - all_of_them).max() > 0.1
    other = (data[0].copy(), data[1])
    cases: list[tuple[dict[str, Any], np.ndarray]] = [
        ({"exit": "margin", "max_drop": 20.0}, half),
        ({"exit": "margin", "max_drop": 20.0, "exit_data": data}, half),
        ({"exit": "margin", "max_drop": 20.0, "exit_data": other}, all_of_them),
        ({"exit": "fixed{step=4}"}, all_of_them),
    ]
    for options, expected in cases:
        found, told = weights(data, **options)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert told == (expected is half)


def test_classifiers_trained_on_part_of_the_exit_data_are_told(
    net: Path, data: Data, tmp_path: Path
) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x=data[0], y=data[1])

    def notes(calibration: str, exit_data: str, **options: Any) -> list[str]:
        result = snnc.compile(
            net,
            calibration=f"{path}{calibration}",
            exit_data=f"{path}{exit_data}",
            steps=4,
            exit="fixed",
            max_drop=50.0,
            **options,
        )
        return [n for n in result.report["notes"] if n in told]

    told = [exits.SAME_DATA, exits.TRAINED_ON_PART, exits.TRAINED_ON_EXIT_DATA]
    same, part, overlapping = told
    assert notes("[:120]", "[60:]", classifiers="fc1") == [overlapping]
    assert notes("[:120]", "[120:]", classifiers="fc1") == []
    assert notes("[:120]", "[60:]") == []
    assert notes("[:120]", "[:120]", classifiers="fc1") == [part, same]


class Watched(InterpretedAnn):
    """An ANN that remembers what it was asked for."""

    asked: tuple[str, ...] = ()

    def activations(self, x: np.ndarray, names: Any) -> dict[str, np.ndarray]:
        object.__setattr__(self, "asked", tuple(names))
        return super().activations(x, names)


def test_the_interpreter_computes_only_what_the_model_lacks(ann: m.Network, data: Data) -> None:
    full = exit_networks.network()  # the same layers and two heads more
    base = Watched(ann)
    extended = ExtendedAnn(base, full)
    whole = InterpretedAnn(full)
    assert extended.network is full
    assert extended.engine == base.engine
    names = ("fc1", "fc2.head", "last")
    found, wanted = (a.activations(data[0], names) for a in (extended, whole))
    assert list(found) == list(names)
    for name in names:
        np.testing.assert_array_equal(found[name], wanted[name])
    assert set(base.asked) == {"fc1", "fc2", "last"}
    np.testing.assert_array_equal(
        extended.logits(data[0], "fc1.head"), whole.logits(data[0], "fc1.head")
    )


def test_a_changed_weight_of_an_inserted_head_changes_its_logits(
    ann: m.Network, data: Data
) -> None:
    full = exit_networks.network()
    weight = full.array(m.Ref("fc2.head.weight")).copy()
    weight[0, 0] += 1.0
    changed = ExtendedAnn(InterpretedAnn(ann), full.with_arrays({"fc2.head.weight": weight}))
    same = ExtendedAnn(InterpretedAnn(ann), full)
    assert (changed.logits(data[0], "fc2.head") != same.logits(data[0], "fc2.head")).any()


def test_hooks_count_inserted_classifiers_as_passes(net: Path, data: Data, tmp_path: Path) -> None:
    hooks = [Dump(tmp_path)]
    snnc.compile(
        net, calibration=data, steps=4, classifiers="fc2", passes="normalize,to-spiking",
        exit="bayes", max_drop=50.0, hooks=hooks,
    )  # fmt: skip
    assert [p.stem for p in sorted(tmp_path.glob("*.snn"))] == [
        "00-import", "01-insert-classifiers", "02-normalize", "03-to-spiking", "04-spike-heads",
    ]  # fmt: skip


def test_stopping_after_the_classifiers_runs_nothing_else(net: Path, data: Data) -> None:
    result = snnc.compile(net, calibration=data, classifiers="fc2", stop_after="insert-classifiers")
    assert result.network.stage == "ann"
    assert len(result.network.heads) == 2


def test_classifiers_need_labels(net: Path, data: Data) -> None:
    with pytest.raises(InputError, match="SN740"):
        snnc.compile(net, calibration=data[0], classifiers="auto")


def test_passes_get_all_samples_where_there_are_labels(data: Data) -> None:
    found = labelled(ArraySamples(*data))
    assert isinstance(found, LabelledSamples)
    assert len(found) == len(data[1])
    np.testing.assert_array_equal(np.concatenate([x for x, _ in found.batches(7)]), data[0])
    np.testing.assert_array_equal(np.concatenate([y for _, y in found.batches(7)]), data[1])
    assert labelled(ArraySamples(data[0])) is None
    assert labelled(ArraySamples(data[0][:0], data[1][:0])) is None
    assert labelled(None) is None


@pytest.mark.parametrize("wrong", [lambda y: y + 1, lambda y: y - 1])
def test_labels_of_no_class_train_no_classifier(net: Path, data: Data, wrong: Any) -> None:
    with pytest.raises(InputError, match="SN741"):
        snnc.compile(net, calibration=(data[0], wrong(data[1])), classifiers="fc1")


def plan(pipeline: str, policy: str | None = None, **options: Any) -> list[list[str]]:
    request = None if policy is None else parse_request(policy)
    made = make_plan(pipeline, CompileOptions(**options), find_target("reference"), request)
    parts = (made.inserting, made.passes, made.counting, made.target, made.setting)
    assert made.everything == sum(parts, ())
    return [[step.name for step in part] for part in parts]


def test_a_plan_has_its_parts_in_order() -> None:
    insert, spikes = "insert-classifiers", "spike-heads"
    assert plan("normalize") == [[], ["normalize"], [], [], []]
    assert plan("normalize", "margin") == [[], ["normalize"], [], [], []]
    assert plan("normalize", "bayes", classifiers="auto") == [
        [insert], ["normalize"], [spikes], [], [],
    ]  # fmt: skip
    assert plan(f"{insert},normalize,{spikes}", "bayes") == [
        [insert], ["normalize", spikes], [], [], [],
    ]  # fmt: skip
    assert plan("normalize", "fixed{step=2}") == [[], ["normalize"], [], [], ["set-exit"]]


def test_classifiers_behind_another_pass_are_refused() -> None:
    with pytest.raises(UsageError, match=r"SN936.*behind fold-batch-norm"):
        plan("fold-batch-norm,insert-classifiers,to-spiking")
