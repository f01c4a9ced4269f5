"""Folders of images, decoded with Pillow one batch at a time."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from snnc.data.preprocessing import Layout
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir.tensors import Array, Shape

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
# What Pillow's decoders raise on damaged files.
_DAMAGED = (
    ArithmeticError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
_GREY = frozenset(("1", "L", "I;16", "I;16L", "I;16B"))


class ImageFolder:
    """Images with one sub-folder per class, or images alone without labels.

    Classes are the sub-folders in order of their names, by value when all names are whole
    numbers; images are in order of their names. Pixels are as stored: `(H, W)` for grey images,
    `(H, W, 3)` for colour (a palette is looked up); an orientation tag is not applied. Hidden
    files and folders, and files that are no images by their name, are left out.
    """

    layout: Layout | None = "NHWC"

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        try:
            folders = sorted((p for p in _visible(path) if p.is_dir()), key=lambda p: p.name)
            loose = [p for p in _visible(path) if p.is_file()]
            if folders and all(p.name.isdecimal() for p in folders):
                folders.sort(key=lambda p: (int(p.name), p.name))
            files = [[p for p in _visible(f) if p.is_file()] for f in folders]
        except OSError as error:
            message = f"{error.filename} cannot be read: {error.strerror}"
            raise UsageError(Diagnostic("SN801", message, help="look at the path")) from error
        other = [p for p in (*loose, *(p for inside in files for p in inside)) if not _named(p)]
        images = [[p for p in inside if _named(p)] for inside in files]
        flat = [p for p in loose if _named(p)]
        self._refuse_odd_arrangement(folders, images, flat)
        self.class_names: tuple[str, ...] = tuple(p.name for p in folders)
        self._paths = flat or [p for inside in images for p in inside]
        self._classes = [c for c, inside in enumerate(images) for _ in inside]
        self.notes: tuple[str, ...] = (_left_out(other),) if other else ()
        first = self._decode(self._paths[0])
        self.shape: Shape = first.shape
        self.dtype: np.dtype[Any] = first.dtype

    def __len__(self) -> int:
        return len(self._paths)

    def labels(self) -> Array | None:
        """The index of each image's class, None for images without classes."""
        return np.asarray(self._classes, dtype=np.int64) if self.class_names else None

    def rows(self, start: int, stop: int, size: int) -> Iterator[Array]:
        """Images `start` up to `stop` in batches of at most `size`."""
        for first in range(start, stop, size):
            yield np.stack([self._alike(p) for p in self._paths[first : min(first + size, stop)]])

    def _alike(self, path: Path) -> Array:
        pixels = self._decode(path)
        if pixels.shape != self.shape or pixels.dtype != self.dtype:
            text = f"the image is {_size(pixels)}, the first one of the folder is"
            message = f"{text} {_size_of(self.shape, self.dtype)}"
            cure = "bring all images to the model's size and one colour mode"
            raise InputError(Diagnostic("SN812", message, where=str(path), help=cure))
        return pixels

    def _decode(self, path: Path) -> Array:
        try:
            # Pillow warns of odd metadata; pixels that it cannot decode are an exception.
            with _quiet(), Image.open(path) as image:
                frames = getattr(image, "n_frames", 1)
                if frames != 1:
                    raise _unusable(path, f"it has {frames} frames", "store one image per file")
                return _pixels(image, path)
        except UnidentifiedImageError as error:
            raise _unusable(path, "it is no image", "remove or replace it") from error
        except _DAMAGED as error:
            raise _unusable(path, str(error), "remove or replace it") from error

    def _refuse_odd_arrangement(
        self, folders: list[Path], images: list[list[Path]], flat: list[Path]
    ) -> None:
        if folders and flat:
            text = f"images stand beside the sub-folders: {flat[0].name} and {folders[0].name}"
            cure = "move every image into the sub-folder of its class"
            raise InputError(Diagnostic("SN813", text, where=self.where, help=cure))
        empty = [folder for folder, inside in zip(folders, images, strict=True) if not inside]
        if empty:
            text = (
                f"{len(empty)} of {len(folders)} sub-folders hold no image, first {empty[0].name}"
            )
            cure = "each sub-folder is a class with its images directly in it; remove others"
            raise InputError(Diagnostic("SN813", text, where=self.where, help=cure))
        if not folders and not flat:
            kinds = ", ".join(sorted(SUFFIXES))
            text, cure = "the folder holds no image", f"images are known by their names: {kinds}"
            raise InputError(Diagnostic("SN813", text, where=self.where, help=cure))


def _visible(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _left_out(files: list[Path]) -> str:
    if len(files) == 1:
        return f"1 file that is no image was left out: {files[0]}"
    return f"{len(files)} files that are no images were left out, first {files[0]}"


def _named(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _pixels(image: Image.Image, path: Path) -> Array:
    """Pixels of an image without change of their meaning."""
    if image.mode == "P" and "transparency" not in image.info:
        image = image.convert("RGB")  # a palette only stores the same colours in another way
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in _GREY or image.mode == "RGB":
        return np.asarray(image)
    cure = "convert it to RGB or grey (L); transparency has no meaning for the model"
    raise _unusable(path, f"its colour mode is {image.mode}", cure)


def _size(pixels: Array) -> str:
    return _size_of(pixels.shape, pixels.dtype)


def _size_of(shape: Shape, dtype: np.dtype[Any]) -> str:
    colours = "RGB" if len(shape) == 3 else "grey"
    return f"{shape[0]}x{shape[1]} {colours} {dtype}"


def _unusable(path: Path, reason: str, cure: str) -> InputError:
    message = f"the image cannot be used: {reason}"
    return InputError(Diagnostic("SN812", message, where=str(path), help=cure))
