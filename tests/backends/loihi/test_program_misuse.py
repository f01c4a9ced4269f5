"""Emitted programs that are used wrongly, or whose files are damaged, say so in a sentence."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import lava_tools
import numpy as np
import pytest
from lava_tools import needs_lava
from loihi_networks import build

from snnc.ir.tensors import Array

Arrays: TypeAlias = dict[str, Array]

pytestmark = needs_lava


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lava_tools.write(build("lenet"), tmp_path_factory.mktemp("lenet") / "program")


def strange_archives(folder: Path) -> None:
    """Files of the kind .npz that are empty, foreign or damaged, and a folder of such a name."""
    np.savez(folder / "empty.npz")
    np.savez(folder / "other.npz", a=1, b=2)
    content = (folder / "other.npz").read_bytes()
    (folder / "cut.npz").write_bytes(content[:-60])
    values = content.index(b"NUMPY") + 130
    (folder / "damaged.npz").write_bytes(content[:values] + b"\7" + content[values + 1 :])
    with zipfile.ZipFile(folder / "zip.npz", "w") as archive:
        archive.writestr("note.txt", "a foreign archive")
    (folder / "folder.npz").mkdir()


def damaged(source: Path, folder: Path, name: str, change: Callable[[Arrays], Arrays]) -> Path:
    """A copy of a program with other arrays in one of its files."""
    shutil.copytree(source, folder)
    with np.load(folder / name) as loaded:
        np.savez(folder / name, **change(dict(loaded)))
    return folder


def without(*names: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {n: a for n, a in arrays.items() if n not in names}


DAMAGED: dict[str, tuple[str, Callable[[Arrays], Arrays]]] = {
    "has no array input/image": ("golden/spikes.npz", without("input/image")),
    "has no array spikes/fc1": ("golden/spikes.npz", without("spikes/fc1")),
    "has no array output/head.out": ("golden/spikes.npz", without("output/head.out")),
    "input image: shape (3, 2, 9, 7)": (
        "golden/spikes.npz",
        lambda a: a | {"input/image": a["input/image"][..., :7]},
    ),
    "input image: values from 99 to 99": (
        "golden/spikes.npz",
        lambda a: a | {"input/image": a["input/image"] * 0 + 99},
    ),
    "input/image of golden/spikes.npz is float32": (
        "golden/spikes.npz",
        lambda a: a | {"input/image": a["input/image"].astype(np.float32)},
    ),
    "spikes/fc1 of golden/spikes.npz is uint8 (5, 3, 2); (14, 3, 2) is needed": (
        "golden/spikes.npz",
        lambda a: a | {"spikes/fc1": a["spikes/fc1"][:5]},
    ),
    "is uint8 (14, 1, 2)": (
        "golden/spikes.npz",
        lambda a: a | {"spikes/fc1": a["spikes/fc1"][:, :1]},
    ),
    "is float64 (14, 3, 4)": (
        "golden/spikes.npz",
        lambda a: a | {"output/head.out": a["output/head.out"] * 1.0},
    ),
    "weights.npz has no array conv1.bias": ("weights.npz", without("conv1.bias")),
    "conv1.bias holds float64 instead of whole numbers": (
        "weights.npz",
        lambda a: a | {"conv1.bias": a["conv1.bias"] * np.nan},
    ),
}


def test_damaged_files_of_a_program_are_told_in_a_sentence_with_code_two(
    lenet: Path, tmp_path: Path
) -> None:
    jobs = [
        (damaged(lenet, tmp_path / str(n), name, change), ["--check"])
        for n, (name, change) in enumerate(DAMAGED.values())
    ]
    for done, text in zip(lava_tools.run_many(jobs), DAMAGED, strict=True):
        assert done.code == 2, (text, done)
        assert text in done.err
        assert "Traceback" not in done.err


def test_frames_of_spikes_are_those_of_the_steps_with_input(tmp_path: Path) -> None:
    folder = lava_tools.write(build("poisson"), tmp_path / "100%(prog)d")
    frames = np.zeros((10, 1, 2, 5, 5), np.int8)
    late = frames.copy()
    late[7] = 1
    arrays = {
        "drawn spikes are needed": np.zeros((1, 2, 5, 5), np.float32),
        "9 frames for 10 time steps; 7 are needed": frames[:9],
        "10 frames for 10 time steps; 7 are needed": late,
    }
    jobs = []
    for number, array in enumerate(arrays.values()):
        np.save(tmp_path / f"{number}.npy", array)
        jobs.append((folder, ["--input", str(tmp_path / f"{number}.npy")]))
    for done, text in zip(lava_tools.run_many(jobs), arrays, strict=True):
        assert done.code == 2, (text, done)
        assert text in done.err
    np.save(tmp_path / "silent.npy", frames)
    np.save(tmp_path / "window.npy", frames[:7])
    good = [(folder, ["--input", str(tmp_path / f"{name}.npy")]) for name in ("silent", "window")]
    assert [done.code for done in lava_tools.run_many(good)] == [0, 0]


def test_help_survives_any_name_and_says_what_integers_are(tmp_path: Path) -> None:
    folder = lava_tools.write(replace(build("hard"), name="100%(prog)d %"), tmp_path)
    (done,) = lava_tools.run_many([(folder, ["--help"])])
    assert done.code == 0, done.err
    assert "Run the spiking network 100%(prog)d % in Lava." in done.out
    assert "at most and by default 14" in done.out
    assert "integers are taken as the whole numbers" in " ".join(done.out.split())


def test_a_link_to_the_program_finds_what_lies_beside_it(lenet: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").symlink_to(lenet / "program.py")
    done = lava_tools.run(tmp_path, "--check", "--samples", "9:10")
    assert "--samples 9:10 names none of the 3 samples" in done.err


def test_other_python_files_beside_the_program_are_refused_before_lava_runs_them(
    lenet: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(lenet, tmp_path / "program")
    (folder / "plot.py").write_text("from pathlib import Path\nPath(__file__ + 'x').touch()\n")
    (done,) = lava_tools.run_many([(folder, ["--check"])])
    assert done.code == 2
    assert f"error: move plot.py out of {folder}" in done.err
    assert not (folder / "plot.pyx").exists()


def test_wrong_use_is_told_in_a_sentence_with_code_two(lenet: Path, tmp_path: Path) -> None:
    arrays = {
        "shape": (np.zeros((1, 3, 9, 8)), "shape (1, 3, 9, 8); (samples, 2, 9, 8) is needed"),
        "kind": (np.zeros((1, 2, 9, 8), np.complex64), "element type complex64"),
        "range": (np.full((1, 2, 9, 8), 16), "values from 16 to 16; the network takes 0 to 15"),
        "nan": (np.full((1, 2, 9, 8), np.nan), "NaN"),
        "none": (np.zeros((0, 2, 9, 8)), "no sample"),
    }
    jobs, wanted = [], []
    for name, (array, text) in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        jobs.append((lenet, ["--input", str(tmp_path / f"{name}.npy")]))
        wanted.append(text)
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "good.npy", np.zeros((2, 2, 9, 8)))
    good = ["--input", str(tmp_path / "good.npy")]
    strange_archives(tmp_path)
    if lava_tools.LINUX:  # nobody can write there, which only writing tells
        jobs.append((lenet, [*good, "--output", "/proc/out.npz", "--steps", "1"]))
        wanted.append("--output /proc/out.npz cannot be written")
    more = {
        "does not exist": ["--input", str(tmp_path / "nothing.npy")],
        "is no .npy or .npz file": ["--input", str(tmp_path / "text.npy")],
        "--samples 2:5 names none": [*good, "--samples", "2:5"],
        "expected A:B or a number": [*good, "--samples", "x"],
        "no layer nothing": [*good, "--output", str(tmp_path / "o.npz"), "--record", "nothing"],
        "--record needs --output": [*good, "--record", "fc1"],
        "--record names no layer": [*good, "--output", str(tmp_path / "o.npz"), "--record", ""],
        "--steps must be at least 1": [*good, "--steps", "0"],
        "--steps 15: this program is made for 14 time steps": [*good, "--steps", "15"],
        "--check replays golden/ as it is": ["--check", "--no-exit"],
        "no --steps, --output": ["--check", "--steps", "0"],
        "--time-limit must be above 0": [*good, "--time-limit", "nan"],
        "must end in .npz": [*good, "--output", str(tmp_path / "out")],
        "there is no folder": [*good, "--output", str(tmp_path / "none" / "out.npz")],
        "is a folder": [*good, "--output", str(tmp_path / "folder.npz")],
        "has no array image; it has none": ["--input", str(tmp_path / "empty.npz")],
        "has no array image; it has a, b": ["--input", str(tmp_path / "other.npz")],
        "note.txt in it is no array": ["--input", str(tmp_path / "zip.npz")],
        "File is not a zip file": ["--input", str(tmp_path / "cut.npz")],
        "Bad CRC-32": ["--input", str(tmp_path / "damaged.npz")],
        "one of the arguments --input --check is required": [],
    }
    jobs += [(lenet, arguments) for arguments in more.values()]
    for done, text in zip(lava_tools.run_many(jobs), [*wanted, *more], strict=True):
        assert done.code == 2, (text, done)
        assert text in done.err
        assert "Traceback" not in done.err
