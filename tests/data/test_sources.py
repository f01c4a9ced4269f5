"""Archives and array files are read in ranges, and what is damaged or unsafe is refused."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.data.sources import open_source
from snnc.data.spec import DataSpec
from snnc.diagnostics import InputError, SnncError, UsageError

X = np.arange(60, dtype=np.float32).reshape(10, 3, 2)
Y = np.arange(10)


def npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def archive(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def rows(path: Path, start: int = 0, stop: int = 10, size: int = 4) -> np.ndarray:
    return np.concatenate(list(open_source(DataSpec(str(path))).rows(start, stop, size)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same samples stored in every way."""
    folder = tmp_path_factory.mktemp("files")
    np.savez(folder / "stored.npz", x=X, y=Y)
    np.savez_compressed(folder / "deflated.npz", x=X, y=Y)
    np.save(folder / "plain.npy", X)
    np.save(folder / "column.npy", np.asfortranarray(X))
    np.savez(folder / "column.npz", x=np.asfortranarray(X), y=Y)
    np.savez(folder / "big_endian.npz", x=X.astype(">f4"), y=Y)
    archive(folder / "lzma.npz", {"x.npy": npy_bytes(X)}, zipfile.ZIP_LZMA)
    return sorted(folder.iterdir())


@given(start=st.integers(0, 9), count=st.integers(1, 10), size=st.integers(1, 11))
@settings(deadline=None, max_examples=30)
def test_any_range_in_any_batch_size_equals_numpy(
    files: list[Path], start: int, count: int, size: int
) -> None:
    stop = min(10, start + count)
    for path in files:
        np.testing.assert_array_equal(rows(path, start, stop, size), X[start:stop], str(path))


def test_a_source_can_be_read_again(files: list[Path]) -> None:
    for path in files:
        source = open_source(DataSpec(str(path)))
        first, second = (np.concatenate(list(source.rows(0, 10, 3))) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_a_split_chooses_its_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=X, y_train=Y, x_test=X + 1, x=X + 2, y=Y + 2)
    path = str(tmp_path / "d.npz")
    train = open_source(DataSpec(path, "train"))
    np.testing.assert_array_equal(next(train.rows(0, 1, 1)), X[:1])
    np.testing.assert_array_equal(train.labels(), Y)
    assert open_source(DataSpec(path, "test")).labels() is None
    np.testing.assert_array_equal(open_source(DataSpec(path)).labels(), Y + 2)


def test_an_archive_is_never_held_whole(tmp_path: Path) -> None:
    """16 MB of samples are read with less than 2 MB allocated at any time."""
    data = np.zeros((4096, 1024), dtype=np.float32)
    np.savez_compressed(tmp_path / "big.npz", x=data)
    source = open_source(DataSpec(str(tmp_path / "big.npz")))
    tracemalloc.start()
    count = sum(len(batch) for batch in source.rows(1000, 4096, 64))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 3096
    assert peak < 2e6


def test_an_array_stored_by_column_is_announced(files: list[Path]) -> None:
    notes = {p.name: open_source(DataSpec(str(p))).notes for p in files}
    assert "read whole" in notes["column.npz"][0]
    assert notes["deflated.npz"] == ()


@pytest.mark.parametrize(
    ("name", "split", "code"),
    [
        ("missing.npz", "", "SN801"),
        ("data.csv", "", "SN802"),
        ("x.npy", "train", "SN802"),
        ("folder", "train", "SN802"),
    ],
)
def test_a_file_that_cannot_be_data_is_a_usage_error(
    tmp_path: Path, name: str, split: str, code: str
) -> None:
    (tmp_path / "data.csv").touch()
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "folder" / "train").mkdir(parents=True)
    with pytest.raises(UsageError, match=code) as caught:
        open_source(DataSpec(str(tmp_path / name), split))
    assert caught.value.exit_code == 2
    assert caught.value.diagnostics[0].help


def test_a_name_no_file_can_have_is_a_missing_file() -> None:
    for path in ("x" * 5000, "a\0b"):
        with pytest.raises(UsageError, match="SN801"):
            open_source(DataSpec(path))


def test_a_file_that_cannot_be_opened_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", X)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(UsageError, match=r"SN801.*Permission denied"):
        open_source(DataSpec(str(tmp_path / "x.npy")))


@pytest.mark.parametrize(
    ("members", "split", "words"),
    [
        (["x_train", "x_test", "y_test"], "", "x_test, x_train, y_test"),
        (["x", "y"], "train", "leave the split out"),
        (["images", "labels"], "", "images, labels"),
        ([], "", "no array at all"),
    ],
)
def test_an_archive_without_samples_lists_what_it_has(
    tmp_path: Path, members: list[str], split: str, words: str
) -> None:
    path = archive(tmp_path / "d.npz", {f"{name}.npy": npy_bytes(X) for name in members})
    with pytest.raises(InputError, match="SN805") as caught:
        open_source(DataSpec(str(path), split))
    assert words in str(caught.value)


class Trap:
    """Unpickling it would make a file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_objects_are_refused_and_never_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    head = io.BytesIO()
    fields = {"descr": "|O", "fortran_order": False, "shape": (1,)}
    np.lib.format.write_array_header_1_0(head, fields)
    data = head.getvalue() + pickle.dumps([Trap()])
    if suffix == "npy":
        Path("trap.npy").write_bytes(data)
    else:
        archive(Path("trap.npz"), {"x.npy": data})
    with pytest.raises(InputError, match=r"SN804.*never unpickles"):
        open_source(DataSpec(f"trap.{suffix}"))
    assert not Path("unpickled").exists()


@pytest.mark.parametrize(
    "array", [np.array(["a", "b"]), np.zeros(2, dtype="c8"), np.zeros(2, dtype=[("a", "f4")])]
)
def test_elements_that_are_no_numbers_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError, match="SN804"):
        open_source(DataSpec(str(tmp_path / "x.npy")))


def damaged_files(folder: Path) -> list[Path]:
    good = npy_bytes(X)
    big = npy_bytes(np.random.default_rng(0).integers(0, 9, (400, 30)))
    whole = archive(folder / "whole.npz", {"x.npy": big}, zipfile.ZIP_DEFLATED).read_bytes()
    at = whole.index(b"x.npy") + 200
    claim = good.replace(b"(10, 3, 2)", b"(1 << 40,)")
    huge = good.replace(b"(10, 3, 2), ", b"(9999999999999,), ")
    cases = {
        "empty.npz": b"",
        "text.npz": b"no archive",
        "truncated.npz": whole[: len(whole) // 2],
        "flipped.npz": whole[:at] + bytes(255 - b for b in whole[at : at + 40]) + whole[at + 40 :],
        "empty.npy": b"",
        "text.npy": b"no array at all, but long enough for a magic string",
        "header.npy": good[:9] + struct.pack("<B", 9) + good[10:],
        "truncated.npy": good[:-8],
        "longer.npy": good + b"more",
        "code.npy": claim,
        "huge.npy": huge,
    }
    made = []
    for name, data in cases.items():
        (folder / name).write_bytes(data)
        made.append(folder / name)
    made.append(archive(folder / "inner.npz", {"x.npy": good[:-8]}))
    made.append(archive(folder / "other.npz", {"x.npy": b"not an array"}))
    return made


def test_every_kind_of_damage_is_one_clear_error(tmp_path: Path) -> None:
    for path in damaged_files(tmp_path):
        with pytest.raises(InputError, match="SN803") as caught:
            list(open_source(DataSpec(str(path))).rows(0, 400, 50))
        assert path.name in str(caught.value), path
        assert caught.value.exit_code == 1


def test_an_encrypted_archive_is_an_error(tmp_path: Path) -> None:
    path = archive(tmp_path / "secret.npz", {"x.npy": npy_bytes(X)})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flags of the local header and of the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"SN803.*password|SN803.*encrypted"):
        open_source(DataSpec(str(path)))


@given(at=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans())
@settings(deadline=None, max_examples=150)
def test_no_damage_of_a_byte_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, cut: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    np.savez_compressed(folder / "fuzz.npz", x=X, y=Y)
    np.save(folder / "fuzz.npy", X)
    for name in ("fuzz.npz", "fuzz.npy"):
        data = bytearray((folder / name).read_bytes())
        data[at % len(data)] = byte
        (folder / name).write_bytes(data[: at % len(data)] if cut else data)
        try:
            source = open_source(DataSpec(str(folder / name)))
            list(source.rows(0, len(source), 4))
            source.labels()
        except SnncError as error:
            assert error.diagnostics[0].code in {"SN803", "SN804", "SN805", "SN808"}  # noqa: PT017


def test_a_single_number_is_no_data(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.float32(1.0))
    with pytest.raises(InputError, match="SN808"):
        open_source(DataSpec(str(tmp_path / "x.npy")))
