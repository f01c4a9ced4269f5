"""`PATH[:SPLIT][[A:B]]` is parsed as documented, with paths that hold colons and brackets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.data.dataset import chosen_range
from snnc.data.spec import DataSpec
from snnc.diagnostics import InputError, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mnist.npz", DataSpec("mnist.npz")),
        ("mnist.npz:test", DataSpec("mnist.npz", "test")),
        ("mnist.npz:train[:500]", DataSpec("mnist.npz", "train", None, 500)),
        ("mnist.npz:test[5000:]", DataSpec("mnist.npz", "test", 5000)),
        ("a/b/x.npy[10:20]", DataSpec("a/b/x.npy", "", 10, 20)),
        ("images[-5:-1]", DataSpec("images", "", -5, -1)),
        ("x.npz[ 1 : 2 ]", DataSpec("x.npz", "", 1, 2)),
        ("x.npz[:]", DataSpec("x.npz")),
        ("run:1/mnist.npz", DataSpec("run:1/mnist.npz")),
        ("run:1/mnist.npz:train", DataSpec("run:1/mnist.npz", "train")),
        (r"C:\data\mnist.npz", DataSpec(r"C:\data\mnist.npz")),
        (r"C:\data\mnist.npz:train[:5]", DataSpec(r"C:\data\mnist.npz", "train", None, 5)),
        ("C:/data/mnist.npz", DataSpec("C:/data/mnist.npz")),
    ],
)
def test_a_specification_has_path_split_and_range(text: str, expected: DataSpec) -> None:
    assert DataSpec.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mnist.npz[5]", r"\[5\] is not a range"),
        ("mnist.npz[1:2:3]", "is not a range"),
        ("mnist.npz[a:b]", "is not a range"),
        ("mnist.npz[1.5:]", "is not a range"),
        ("mnist.npz[]", "is not a range"),
        ("mnist.npz:", "no split behind the colon"),
        ("mnist.npz:[:5]", "no split behind the colon"),
        ("", "the path is missing"),
        ("[:5]", "the path is missing"),
        (":train", "the path is missing"),
    ],
)
def test_a_malformed_specification_says_what_the_form_is(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"SN800.*{reason}") as caught:
        DataSpec.parse(text)
    assert "PATH[:SPLIT][[A:B]]" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_path_that_exists_is_taken_as_it_stands(tmp_path: Path) -> None:
    for name in ("odd[1:2]", "odd:train", "plain"):
        (tmp_path / name).touch()
    assert DataSpec.parse(f"{tmp_path}/odd[1:2]") == DataSpec(f"{tmp_path}/odd[1:2]")
    assert DataSpec.parse(f"{tmp_path}/odd[1:2][3:4]").path == f"{tmp_path}/odd[1:2]"
    assert DataSpec.parse(f"{tmp_path}/odd:train") == DataSpec(f"{tmp_path}/odd:train")
    assert DataSpec.parse(f"{tmp_path}/plain:train") == DataSpec(f"{tmp_path}/plain", "train")


def test_a_name_no_file_can_have_is_still_parsed() -> None:
    assert DataSpec.parse("x" * 5000).path == "x" * 5000
    assert DataSpec.parse("a\0b").path == "a\0b"


BOUND = st.none() | st.integers(-12, 12)


@given(split=st.sampled_from(["", "test"]), start=BOUND, stop=BOUND)
@settings(deadline=None)
def test_a_specification_prints_what_it_was_parsed_from(
    split: str, start: int | None, stop: int | None
) -> None:
    spec = DataSpec("data.npz", split, start, stop)
    assert DataSpec.parse(str(spec)) == spec


@given(length=st.integers(0, 10), start=BOUND, stop=BOUND)
@settings(deadline=None)
def test_a_range_is_numpys_or_refused(length: int, start: int | None, stop: int | None) -> None:
    """Ranges inside the data choose what numpy chooses; numpy's silent shortening is an error."""
    inside = all(n is None or -length <= n <= length for n in (start, stop))
    expected = np.arange(length)[start:stop]
    spec = DataSpec("data.npz", "", start, stop)
    if inside and len(expected):
        assert list(range(*chosen_range(spec, length))) == expected.tolist()
    else:
        with pytest.raises(InputError, match="SN806"):
            chosen_range(spec, length)
