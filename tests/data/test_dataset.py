"""Data sets give the model's inputs in batches, deterministically, and say what they did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.data.dataset import Dataset, open_data
from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import InputError, UsageError

X = np.random.default_rng(0).integers(0, 256, (12, 4, 5), dtype=np.uint8)
Y = np.random.default_rng(1).integers(0, 3, 12, dtype=np.uint8)
SCALED = (X / np.float32(255)).astype(np.float32)[:, None]


def saved(folder: Path, **arrays: np.ndarray) -> str:
    np.savez(folder / "data.npz", **arrays)
    return str(folder / "data.npz")


def opened(text: str, **settings: float) -> Dataset:
    return open_data(text, shape=(1, 4, 5), preprocessing=Preprocessing(**settings))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tmp_path_factory.mktemp("data"), x=X, y=Y)


@given(
    start=st.integers(0, 11),
    count=st.integers(1, 12),
    size=st.integers(1, 13),
    inner=st.slices(12).filter(lambda s: s.step in (None, 1)),
)
@settings(deadline=None, max_examples=50)
def test_ranges_slices_and_batches_equal_numpy(
    path: str, start: int, count: int, size: int, inner: slice
) -> None:
    stop = min(12, start + count)
    data = opened(f"{path}[{start}:{stop}]", divide=255.0)
    assert len(data) == stop - start
    x, y = SCALED[start:stop], Y[start:stop]
    if len(x[inner]) == 0:
        with pytest.raises(ValueError, match="no sample"):
            data[inner]
    else:
        data, x, y = data[inner], x[inner], y[inner]
    batches = list(data.batches(size))
    assert [len(b) for b, _ in batches[:-1]] == [size] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate([b for b, _ in batches]), x)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), y)
    np.testing.assert_array_equal(data.array(), x)


def test_a_data_set_can_be_read_again_with_the_same_result(path: str) -> None:
    data = opened(path, divide=255.0)
    np.testing.assert_array_equal(data.array(), data.array())
    x, _ = next(data.batches(12))
    x[:] = 0  # a batch belongs to the caller
    np.testing.assert_array_equal(data.array(), SCALED)


def test_take_gives_the_first_samples(path: str) -> None:
    data = opened(path, divide=255.0)
    np.testing.assert_array_equal(data.take(5).array(), SCALED[:5])
    assert str(data.take(5).spec).endswith("data.npz[0:5]")
    assert len(data.take(100)) == 12
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="at least one"):
            data.take(wrong)
        with pytest.raises(ValueError, match="at least one"):
            next(data.batches(wrong))
    with pytest.raises(ValueError, match="step 1"):
        data[::2]


def test_data_without_labels_has_none_in_its_batches(tmp_path: Path) -> None:
    data = opened(saved(tmp_path, x=X), divide=255.0)
    assert data.labels is None
    assert next(data.batches(3))[1] is None
    with pytest.raises(InputError, match="SN815"):
        data.check_labels(3)
    data.check_labels(3, required=False)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (Y[:-1], "11 labels for 12 samples"),
        (Y.astype(np.float32), "float32, not integers"),
        (Y > 1, "bool, not integers"),
        (np.eye(3, dtype=np.int64)[Y], r"\[12, 3\]"),
        (np.int64(3), r"\[\]"),
        (np.where(np.arange(12) == 4, -1, Y.astype(np.int64)), "label -1 of sample 4"),
        (np.full(12, 2**63, dtype=np.uint64), "of sample 0"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(
    tmp_path: Path, labels: np.ndarray, words: str
) -> None:
    with pytest.raises(InputError, match=f"SN809.*{words}") as caught:
        opened(saved(tmp_path, x=X, y=labels))
    assert "help:" in str(caught.value)


def test_labels_in_a_column_are_taken_aloud(tmp_path: Path) -> None:
    data = opened(saved(tmp_path, x=X, y=Y[:, None]), divide=255.0)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, Y)
    assert any("12x1" in note for note in data.notes)


def test_labels_of_the_chosen_range_have_to_be_classes_of_the_model(tmp_path: Path) -> None:
    labels = np.where(np.arange(12) >= 6, 7, 1)
    path = saved(tmp_path, x=X, y=labels)
    opened(path).check_labels(8)
    opened(f"{path}[:6]").check_labels(3)
    with pytest.raises(InputError, match=r"SN810.*4 of 10 .*\(0 to 2\), and sample 6 has label 7"):
        opened(f"{path}[:10]").check_labels(3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_a_value_that_is_not_finite_is_found_and_named(tmp_path: Path, value: float) -> None:
    x = X.astype(np.float64)
    x[7, 2, 1] = value
    data = opened(f"{saved(tmp_path, x=x, y=Y)}[2:]")
    with pytest.raises(InputError, match=r"SN807.*sample 7 "):
        list(data.batches(3))
    assert len(next(data.batches(5))[0]) == 5


def test_preprocessing_that_overflows_is_found(path: str) -> None:
    with pytest.raises(InputError, match="SN807"):
        opened(path, divide=1e-39).array()


@pytest.mark.parametrize(("text", "words"), [("[12:]", "holds no"), ("[:13]", "beyond"), ("", "")])
def test_an_empty_range_is_an_error(tmp_path: Path, path: str, text: str, words: str) -> None:
    path = path if text else saved(tmp_path, x=X[:0], y=Y[:0])
    with pytest.raises(InputError, match=f"SN806.*{words}"):
        opened(path + text)


def test_whole_numbers_beyond_one_without_divide_are_pointed_out(tmp_path: Path) -> None:
    path = saved(tmp_path, x=X, y=Y, x_binary=X // 255)
    assert any(f"values up to {X.max()} go into the model" in n for n in opened(path).notes)
    assert not any("divide" in note for note in opened(path, divide=255.0).notes)
    assert not any("divide" in note for note in opened(f"{path}:binary").notes)


def test_what_is_wrong_shows_when_the_data_is_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"SN808.*4x5, and the model takes 1x28x28"):
        open_data(saved(tmp_path, x=X), shape=(1, 28, 28))
    with pytest.raises(UsageError, match="SN801"):
        open_data(str(tmp_path / "none.npz"), shape=(1, 4, 5))
