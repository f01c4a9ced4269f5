"""Where samples come from: archives, array files and image folders, read range by range."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from snnc.data.arrays import ArrayHeader, damaged, read_all, read_header, read_rows
from snnc.data.preprocessing import Layout
from snnc.data.spec import DataSpec
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir.tensors import Array, Shape

Labels = NDArray[np.int64]

# RuntimeError is what zipfile raises for an encrypted member; the last three come from odd headers.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
    OSError,
)


class Source(Protocol):
    """Raw samples of one shape and element type, and their labels where there are any.

    `layout` is that which the kind of file prescribes, None where the user has to say it.
    `class_names` is empty where classes have no names.
    """

    where: str
    shape: Shape
    dtype: np.dtype[Any]
    layout: Layout | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def labels(self) -> Array | None:
        """The labels of all samples as they stand in the file."""
        ...

    def rows(self, start: int, stop: int, size: int) -> Iterator[Array]:
        """Samples `start` up to `stop` in batches of at most `size`."""
        ...


class ArrayFile:
    """An `.npy` file of samples, mapped into memory."""

    layout: Layout | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        with opened(path) as stream:
            self._header = read_header(stream, path.stat().st_size, self.where)
        self.shape, self.dtype = sample_shape(self._header, self.where), self._header.dtype

    def __len__(self) -> int:
        return self._header.shape[0]

    def labels(self) -> Array | None:
        """None: an `.npy` file has no labels."""
        return None

    def rows(self, start: int, stop: int, size: int) -> Iterator[Array]:
        """Samples `start` up to `stop` in batches of at most `size`."""
        h = self._header
        whole: Array = np.memmap(
            self._path, h.dtype, "r", h.offset, h.shape, order="F" if h.fortran else "C"
        )
        for first in range(start, stop, size):
            yield whole[first : min(first + size, stop)]


class Archive:
    """An `.npz` archive: samples and `y`, or those of a split; samples are never read whole.

    Column-major arrays are the exception: their samples do not lie one after another.
    """

    layout: Layout | None = None
    class_names: tuple[str, ...] = ()

    def __init__(self, path: Path, split: str, samples: str) -> None:
        self.where = str(path)
        self._path = path
        suffix = f"_{split}" if split else ""
        self._samples, self._labels = f"{samples}{suffix}", f"y{suffix}"
        keys = self._keys()
        if self._samples not in keys:
            raise _no_samples(self.where, self._samples, keys)
        self._labelled = self._labels in keys
        with self._member(self._samples) as (_, header):
            self._header = header
        self.shape, self.dtype = sample_shape(header, self.where), header.dtype
        column_major = f"{self._samples} is stored column-major, so it is read whole"
        self.notes: tuple[str, ...] = (column_major,) if header.fortran else ()

    def __len__(self) -> int:
        return self._header.shape[0]

    def labels(self) -> Array | None:
        """The array `y`, or that of the split; None where there is none."""
        if not self._labelled:
            return None
        with self._member(self._labels) as (stream, header):
            return read_all(stream, header, f"{self.where} array {self._labels}")

    def rows(self, start: int, stop: int, size: int) -> Iterator[Array]:
        """Samples `start` up to `stop` in batches of at most `size`."""
        with self._member(self._samples) as (stream, header):
            yield from read_rows(stream, header, start, stop, size, self.where)

    def _keys(self) -> list[str]:
        with self._unzipped() as archive:
            return sorted(n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy"))

    @contextmanager
    def _unzipped(self) -> Iterator[zipfile.ZipFile]:
        with opened(self._path) as stream:
            try:
                with zipfile.ZipFile(stream) as archive:
                    yield archive
            except _DAMAGED as error:
                raise damaged(self.where, str(error) or type(error).__name__) from error

    @contextmanager
    def _member(self, key: str) -> Iterator[tuple[IO[bytes], ArrayHeader]]:
        with self._unzipped() as archive:
            info = archive.getinfo(f"{key}.npy")
            with archive.open(info) as stream:
                yield stream, read_header(stream, info.file_size, f"{self.where} array {key}")


def open_source(spec: DataSpec, samples: str = "x") -> Source:
    """The source that a specification names; `samples`: the array's key in an archive.

    Raises:
        UsageError: SN801 no such file, SN802 a kind that snnc does not read.
        InputError: the file is damaged or holds no samples.
    """
    path = Path(spec.path)
    try:
        folder, file = path.is_dir(), path.is_file()
    except (OSError, ValueError):
        folder = file = False
    if folder:
        _refuse_split(spec, f"{spec.path}/{spec.split}")
        from snnc.data.images import ImageFolder  # Pillow is slow to import

        return ImageFolder(path)
    if not file:
        message = f"there is no file or folder {spec.path}"
        raise UsageError(Diagnostic("SN801", message, help="look at the path"))
    if path.suffix.lower() == ".npz":
        return Archive(path, spec.split, samples)
    if path.suffix.lower() == ".npy":
        _refuse_split(spec, "an .npz with x_SPLIT and y_SPLIT")
        return ArrayFile(path)
    message = f"{spec.path} is neither an .npz or .npy file nor a folder of images"
    cure = "convert it with numpy.savez(path, x=images, y=labels)"
    raise UsageError(Diagnostic("SN802", message, help=cure))


def _refuse_split(spec: DataSpec, instead: str) -> None:
    if spec.split:
        message = f'{spec.path} is no .npz archive, so it has no split "{spec.split}"'
        raise UsageError(Diagnostic("SN802", message, help=f"use {instead}"))


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file opened for reading; what the system refuses is a UsageError SN801."""
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{path} cannot be read: {reason}"
        raise UsageError(Diagnostic("SN801", message, help="look at the path")) from error


def sample_shape(header: ArrayHeader, where: str) -> Shape:
    """The shape of one sample.

    Raises:
        InputError: SN808, the array is one number and so has no samples.
    """
    if not header.shape:
        message = "the array is a single number; its first axis has to count the samples"
        raise InputError(Diagnostic("SN808", message, where=where))
    return header.shape[1:]


def _no_samples(where: str, wanted: str, keys: list[str]) -> InputError:
    name = wanted.partition("_")[0]
    splits = [key.removeprefix(f"{name}_") for key in keys if key.startswith(f"{name}_")]
    has = ", ".join(keys) or "no array at all"
    message = f"there is no array {wanted} in the archive; it has {has}"
    cure = f"save the samples as {name}: numpy.savez(path, {name}=samples, y=labels)"
    if splits:
        cure = "choose a split: " + " or ".join(f"{where}:{split}" for split in splits)
    elif name in keys:
        cure = f"leave the split out: {where}"
    return InputError(Diagnostic("SN805", message, where=where, help=cure))
