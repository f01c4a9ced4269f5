"""Places of classifiers: which there are, what they cost, and which ones pay."""

from __future__ import annotations

import itertools

import labelled_images
import nets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnc.ir import model as m
from snnc.ir.interpret import network_macs
from snnc.passes import places


def saved(names: list[str], answer: dict[str, float], share: dict[str, float]) -> float:
    """Operations that a cascade saves, as shares of all."""
    total, before = 0.0, 0.0
    for name in names:
        total += max(0.0, answer[name] - before) * (1 - share[name])
        before = answer[name]
    return total


@given(st.data())
def test_the_best_places_save_as_much_as_any_others(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 6))
    count = data.draw(st.integers(1, size))
    number = st.floats(0, 1, allow_nan=False)
    names = [f"p{i}" for i in range(size)]
    answer = {n: data.draw(number) for n in names}
    rising = sorted(data.draw(st.lists(number, min_size=size, max_size=size)))
    share = dict(zip(names, rising, strict=True))
    found = places.best_places(names, answer, share, count)
    assert found == [n for n in names if n in found]
    assert len(found) == count
    best = max(saved(list(c), answer, share) for c in itertools.combinations(names, count))
    assert saved(found, answer, share) == pytest.approx(best, abs=1e-12)


def test_a_head_answers_the_samples_it_is_surest_of() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    correct = np.array([True, True, False, True])
    last = np.ones(4, dtype=bool)
    assert places.answered(confidence, correct, last, 0.0) == 0.5
    assert places.answered(confidence, correct, last, 0.25) == 1.0
    assert places.answered(confidence, correct, correct, 0.0) == 1.0
    assert places.answered(confidence, ~last, last, 0.0) == 0.0


def test_shares_are_operations_up_to_a_place_and_of_its_classifier() -> None:
    network = labelled_images.bundled("multi_exit")
    last = network.heads[-1].population
    whole = places.operations(network, last)
    # The internal heads' own layers are not on the way to the last head.
    assert whole < network_macs(network)
    up_to = 16 * 28 * 28 * 9
    averaged, every = (places.shares(network, ["s1.0.0"], f)["s1.0.0"] for f in ("gap", "flat"))
    assert averaged == (up_to + 16 * 10) / whole
    assert every == (up_to + 16 * 28 * 28 * 10) / whole


def test_candidates_spike_on_the_way_to_the_last_head() -> None:
    network = labelled_images.bundled("multi_exit")
    found = places.candidates(network, "gap")
    assert found == ["s1.0.0", "s2.0.0", "s3.0.0", "s3.1.0"]
    residual = nets.residual()
    linear = {p.name for p in residual.populations if isinstance(p.neuron, m.Identity)}
    assert linear
    assert not linear & set(places.candidates(residual, "gap"))


@pytest.mark.parametrize("features", ["gap", "flat"])
@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 1, 1), (5,)])
def test_features_are_averages_of_channels_or_all_values(shape, features) -> None:
    chain = places.feature_chain(shape, features)
    source = m.Population("source", shape, m.Relu(), incoming=(m.Incoming("x"),))
    count = places.feature_count(shape, features)
    target = m.Population("target", (count,), m.Identity(), incoming=(m.Incoming("source", chain),))
    network = m.Network("n", "ann", (m.Input("x", "f32", shape),), (source, target), ())
    from snnc.ir.interpret import evaluate

    x = np.random.default_rng(0).random((2, *shape))
    found = evaluate(network, {"x": x})["target"]
    averaged = features == "gap" and len(shape) == 3
    expected = x.mean(axis=(2, 3)) if averaged else x.reshape(2, -1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_what_is_quantised_behind_pooling_is_no_place_but_its_quantiser_is() -> None:
    network = nets.quantised()
    found = places.candidates(network, "gap")
    # conv1 (a ReLU), max pooling and quant1 become one spiking neuron; `sum` adds another branch
    # to quant1 before it quantises, so quant1 has spikes of its own.
    assert found == ["pixels", "quant1", "conv2", "sum"]
    assert "quant1 quantises it" in places.why_no_place(network, "conv1", "gap")
