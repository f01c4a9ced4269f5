"""The search for the fewest steps, with pipelines whose accuracy is known in advance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snnc.diagnostics import InputError
from snnc.driver import auto
from snnc.driver.auto import Searcher, Trial
from snnc.driver.samples import ArraySamples, Subset
from snnc.evaluation.result import Evaluation
from snnc.ir import model as m

ANN = 0.9


def evaluation(accuracy: float | None, steps: int) -> Evaluation:
    return Evaluation(
        samples=10, steps=steps, mean_steps=steps, ann_accuracy=ANN, snn_accuracy=accuracy,
        agreement=1.0, accuracy_by_step=(), spikes_per_sample=0, synops_per_sample=0,
        updates_per_sample=0, ann_macs=0, ann_engine="interpreter", layers=(), layer_samples=0,
        energy_estimates=(),
    )  # fmt: skip


def compiled(pipeline: str, steps: int) -> m.Network:
    """A network that says what it was compiled from and for."""
    return m.Network(pipeline, "snn", (), (), (), schedule=m.Synchronous(steps))


@pytest.fixture
def searcher(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Searcher]:
    """A searcher over pipelines that reach the ANN from the named number of steps on."""

    def make(needed: dict[str, int], *, max_steps: int = 64, labelled: bool = True) -> Searcher:
        def measure(network: Any, *_: object, steps: int, **__: object) -> Evaluation:
            pipeline, compiled_for = network.name, network.schedule.steps
            assert compiled_for == steps
            accuracy = ANN if steps >= needed[pipeline] else 0.5
            return evaluation(accuracy if labelled else None, steps)

        monkeypatch.setattr(auto, "evaluate_network", measure)
        data = ArraySamples(np.zeros((10, 1), np.float32))
        reference: Any = None
        return Searcher(compiled, data, reference, 0.5, max_steps)

    return make


def test_a_single_sample_cannot_be_held_out(searcher: Callable[..., Searcher]) -> None:
    one = ArraySamples(np.zeros((1, 1), np.float32))
    alone = replace(searcher({"a": 1}), held_out=Subset(one, held_out=True))
    with pytest.raises(InputError, match=r"SN927.*holds out every second calibration sample"):
        alone.search({"one": "a"})


@pytest.mark.parametrize("needed", [1, 2, 3, 4, 5, 11, 16, 33, 64])
def test_the_smallest_number_of_steps_is_found(
    searcher: Callable[..., Searcher], needed: int
) -> None:
    found = searcher({"a": needed}).search({"one": "a"})
    assert found.best.steps == needed
    assert found.best.within
    tried = {t.steps for t in found.trials}
    assert needed in tried
    assert needed == 1 or needed - 1 in tried or needed - 1 < min(tried)


def test_the_pipeline_with_fewer_steps_wins(searcher: Callable[..., Searcher]) -> None:
    found = searcher({"a": 20, "b": 6}).search({"first": "a", "second": "b"})
    assert (found.best.name, found.best.steps) == ("second", 6)
    assert {t.name for t in found.trials} == {"first", "second"}


def test_a_later_pipeline_is_not_tried_beyond_the_best(
    searcher: Callable[..., Searcher],
) -> None:
    found = searcher({"a": 5, "b": 60}).search({"first": "a", "second": "b"})
    assert max(t.steps for t in found.trials if t.name == "second") <= 5
    assert found.best.name == "first"


def test_nothing_within_the_drop_is_an_error_that_names_the_closest(
    searcher: Callable[..., Searcher],
) -> None:
    with pytest.raises(InputError, match=r"SN929.*0\.5 points.*closest is one"):
        searcher({"a": 65}).search({"one": "a"})


def test_a_held_out_half_too_small_for_the_drop_is_noted(
    searcher: Callable[..., Searcher],
) -> None:
    made = searcher({"a": 1})
    assert "10 held-out samples" in made.search({"one": "a"}).notes()[0]
    made.held_out = ArraySamples(np.zeros((1000, 1), np.float32))
    assert made.search({"one": "a"}).notes() == ()


def test_every_trial_is_told(searcher: Callable[..., Searcher]) -> None:
    told: list[Trial] = []
    made = searcher({"a": 7})
    made.tried = lambda trial, expected: told.append(trial)
    assert made.search({"one": "a"}).trials == tuple(told)
    assert [t.steps for t in told] == [4, 8, 6, 7]


def test_data_without_labels_is_refused(searcher: Callable[..., Searcher]) -> None:
    with pytest.raises(InputError, match="SN928"):
        searcher({"a": 1}, labelled=False).search({"one": "a"})


@pytest.mark.parametrize("size", [1, 3, 4, 10])
def test_the_two_halves_are_disjoint_and_complete(size: int) -> None:
    data = ArraySamples(np.arange(11, dtype=np.float32)[:, None], np.arange(11))
    parts = [Subset(data, held_out=held) for held in (False, True)]
    seen = []
    for part in parts:
        found = [(x, y) for x, y in part.batches(size)]
        values = np.concatenate([x for x, _ in found])[:, 0]
        labels = np.concatenate([y for _, y in found if y is not None])
        np.testing.assert_array_equal(values, labels)
        assert len(values) == len(part)
        seen.extend(values.tolist())
    assert sorted(seen) == list(range(11))


def gated(curve: list[float], monkeypatch: pytest.MonkeyPatch, max_steps: int = 16) -> Searcher:
    """A searcher whose only network comes to rest; its accuracy by step is known."""

    def measure(network: m.Network, *_: object, steps: int, **__: object) -> Evaluation:
        assert steps == max_steps
        found = [*curve, *[curve[-1]] * steps][:steps]
        return replace(evaluation(found[-1], steps), accuracy_by_step=tuple(found))

    def compile_for(pipeline: str, steps: int) -> m.Network:
        return replace(compiled(pipeline, steps), schedule=m.Gated(steps, 3))

    monkeypatch.setattr(auto, "evaluate_network", measure)
    data = ArraySamples(np.zeros((10, 1), np.float32))
    reference: Any = None
    return Searcher(compile_for, data, reference, 0.5, max_steps)


@pytest.mark.parametrize(
    ("curve", "steps"),
    [
        ([0.1, 0.5, 0.9, 0.9], 3),
        ([0.9, 0.5, 0.9, 0.9], 3),  # what it reaches by chance and loses again does not count
        ([0.9, 0.9], 1),
        ([0.1, 0.897, 0.9], 2),
    ],
)
def test_one_simulation_tells_the_steps_of_a_network_that_comes_to_rest(
    monkeypatch: pytest.MonkeyPatch, curve: list[float], steps: int
) -> None:
    found = gated(curve, monkeypatch).search({"one": "a"})
    assert [t.steps for t in found.trials] == [steps]
    assert found.best.within


def test_a_network_that_rests_too_far_below_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"SN929.*one at 16 steps"):
        gated([0.1, 0.8], monkeypatch).search({"one": "a"})
