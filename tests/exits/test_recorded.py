from __future__ import annotations

import numpy as np
import pytest
import recordings

from snnc.exits.recorded import Recorded


def test_a_part_takes_the_same_samples_from_everything() -> None:
    network = recordings.network(heads=2, window=3)
    whole = recordings.recorded(network, 10)
    odd = whole.part(slice(1, None, 2))
    assert (whole.steps, whole.samples, odd.samples) == (8, 10, 5)
    for name, values in whole.outputs.items():
        np.testing.assert_array_equal(odd.outputs[name], values[:, 1::2])
        np.testing.assert_array_equal(odd.logits[name], whole.logits[name][1::2])
    assert whole.labels is not None
    assert odd.labels is not None
    assert whole.settled is not None
    assert odd.settled is not None
    np.testing.assert_array_equal(odd.labels, whole.labels[1::2])
    np.testing.assert_array_equal(odd.settled, whole.settled[1::2])


def test_a_part_by_mask_equals_the_part_by_indices() -> None:
    whole = recordings.recorded(recordings.network(), 9)
    mask = np.arange(9) % 3 == 0
    first, second = whole.part(mask), whole.part(np.flatnonzero(mask))
    np.testing.assert_array_equal(first.outputs["last"], second.outputs["last"])


def test_a_part_of_unlabelled_samples_has_no_labels() -> None:
    part = Recorded({"out": np.zeros((2, 4, 3))}).part(slice(0, 2))
    assert part.labels is None
    assert part.settled is None


def test_who_does_not_settle_rests_at_the_end() -> None:
    found = Recorded({"out": np.zeros((6, 5, 2))}, None, np.array([-1, 0, 1, 6, 9]))
    assert found.rest().tolist() == [6, 1, 1, 6, 6]
    assert Recorded({"out": np.zeros((6, 2, 2))}).rest().tolist() == [6, 6]


@pytest.mark.parametrize(
    "arrays",
    [
        {"outputs": {"a": np.zeros((2, 4, 3)), "b": np.zeros((3, 4, 3))}},
        {"outputs": {}},
        {"outputs": {"a": np.zeros((2, 4, 3))}, "labels": np.zeros(3, np.int64)},
        {"outputs": {"a": np.zeros((2, 4, 3))}, "settled": np.zeros(5, np.int64)},
        {"outputs": {"a": np.zeros((2, 4, 3))}, "logits": {"a": np.zeros((5, 3))}},
    ],
)
def test_arrays_of_different_samples_are_refused(arrays: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"recorded|samples"):
        Recorded(**arrays)  # type: ignore[arg-type]
