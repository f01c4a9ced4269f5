"""Folders of images become samples and labels without any silent change."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from snnc.data.dataset import open_data
from snnc.data.images import ImageFolder
from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import InputError

RNG = np.random.default_rng(0)
BYTES = st.integers(0, 255)


def picture(path: Path, shape: tuple[int, ...] = (4, 5, 3), mode: str | None = None) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return pixels


def test_classes_are_sub_folders_in_order_of_their_names(tmp_path: Path) -> None:
    pixels = [picture(tmp_path / f"{name}.png") for name in ("cat/b", "cat/c", "ant/a")]
    data = open_data(str(tmp_path), shape=(3, 4, 5), preprocessing=Preprocessing(divide=255.0))
    assert data.class_names == ("ant", "cat")
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1, 1]
    x, labels = next(data.batches(10))
    expected = np.stack([pixels[2], pixels[0], pixels[1]]).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(x, expected.astype(np.float32) / np.float32(255))
    assert labels is not None
    assert labels.tolist() == [0, 1, 1]


def test_classes_that_are_numbers_stand_in_numeric_order(tmp_path: Path) -> None:
    for name in ("10", "9", "0"):
        picture(tmp_path / name / "a.png", (4, 5))
    assert ImageFolder(tmp_path).class_names == ("0", "9", "10")


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    pixels = [picture(tmp_path / name, (4, 5)) for name in ("a.png", "b.PNG")]
    data = open_data(str(tmp_path), shape=(1, 4, 5), preprocessing=Preprocessing(divide=255.0))
    assert data.labels is None
    assert data.class_names == ()
    np.testing.assert_array_equal(data.array()[:, 0], np.stack(pixels) / np.float32(255))
    assert data.notes == ("a channel axis was added: samples are 4x5, the input is 1x4x5",)


def test_a_model_with_channels_last_takes_images_as_they_are(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "a.png")
    data = open_data(str(tmp_path), shape=(4, 5, 3), preprocessing=Preprocessing(mean=(1, 2, 3)))
    np.testing.assert_array_equal(data.array()[0], pixels - np.array([1, 2, 3], np.float32))


def test_a_range_of_a_folder_reads_only_its_images(tmp_path: Path) -> None:
    pixels = [picture(tmp_path / f"{i}.png", (4, 5)) for i in range(3)]
    (tmp_path / "2.png").write_bytes(b"damaged, but outside of the range")
    data = open_data(f"{tmp_path}[1:2]", shape=(4, 5))
    np.testing.assert_array_equal(data.array()[0], pixels[1])


def test_a_palette_is_looked_up_and_black_and_white_becomes_grey(tmp_path: Path) -> None:
    picture(tmp_path / "p" / "a.png", mode="P")
    picture(tmp_path / "bw" / "a.png", (4, 5), mode="1")
    assert ImageFolder(tmp_path / "p").shape == (4, 5, 3)
    bw = ImageFolder(tmp_path / "bw")
    assert bw.shape == (4, 5)
    assert set(np.unique(next(bw.rows(0, 1, 1)))) <= {0, 255}


def test_sixteen_bit_images_keep_their_values(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65536, (4, 5), dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_data(str(tmp_path), shape=(4, 5)).array()[0], pixels)


@pytest.mark.parametrize(
    ("shape", "mode", "word"),
    [((4, 5, 4), None, "RGBA"), ((4, 5), "LA", "LA"), ((4, 5, 3), "CMYK", "CMYK")],
)
def test_colours_with_another_meaning_are_refused(
    tmp_path: Path, shape: tuple[int, ...], mode: str | None, word: str
) -> None:
    picture(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), shape, mode)
    with pytest.raises(InputError, match=f"SN812.*{word}"):
        ImageFolder(tmp_path)


def test_an_image_unlike_the_others_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for shape in ((4, 6, 3), (4, 5)):
        picture(tmp_path / "b.png", shape)
        with pytest.raises(InputError, match=r"SN812[\s\S]*b\.png"):
            list(ImageFolder(tmp_path).rows(0, 2, 2))


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.new("L", (5, 4), color) for color in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"SN812.*2 frames"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_a_damaged_image_is_named(tmp_path: Path, cut: int) -> None:
    picture(tmp_path / "a.png", (30, 30, 3))
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:cut])
    with pytest.raises(InputError, match=r"SN812[\s\S]*a\.png"):
        ImageFolder(tmp_path)


@given(kind=st.sampled_from(["png", "tif", "gif", "jpg"]), at=st.integers(0, 400), byte=BYTES)
@settings(deadline=None, max_examples=100)
def test_no_damage_of_a_byte_of_an_image_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, kind: str, at: int, byte: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    picture(folder / f"a.{kind}")
    data = bytearray((folder / f"a.{kind}").read_bytes())
    data[at % len(data)] = byte
    (folder / f"a.{kind}").write_bytes(data)
    try:
        assert len(ImageFolder(folder)) == 1
    except InputError as error:
        assert error.diagnostics[0].code == "SN812"  # noqa: PT017


def test_folders_arranged_in_another_way_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"SN813.*no image"):
        ImageFolder(tmp_path)
    picture(tmp_path / "cat" / "a.png")
    (tmp_path / "dog").mkdir()
    with pytest.raises(InputError, match=r"SN813.*1 of 2 sub-folders hold no image, first dog"):
        ImageFolder(tmp_path)
    picture(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"SN813.*beside the sub-folders"):
        ImageFolder(tmp_path)


def test_files_that_are_no_images_are_left_out_aloud(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png")
    (tmp_path / "cat" / "notes.txt").touch()
    (tmp_path / ".hidden").mkdir()
    folder = ImageFolder(tmp_path)
    assert len(folder) == 1
    assert "1 file that is no image was left out" in folder.notes[0]


def test_the_layout_of_arrays_does_not_concern_images(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "a.png")
    data = open_data(str(tmp_path), shape=(3, 4, 5), preprocessing=Preprocessing(layout="NCHW"))
    np.testing.assert_array_equal(data.array()[0], pixels.transpose(2, 0, 1))
    assert any("--layout is for arrays" in note for note in data.notes)
