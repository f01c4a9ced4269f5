"""The command line for target truenorth: compile, run, report, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from snnc.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL = EXAMPLES / "grouped.onnx"
CALIBRATION = f"{EXAMPLES / 'images.npz'}:train[:100]"
TEST = f"{EXAMPLES / 'images.npz'}:test[:8]"
OPTIONS = ("--calibration", CALIBRATION, "--divide", 255, "--steps", 8)
FILES = {"coremap.json", "coremap.npz", "mesh.svg", "mesh.txt", "network.snn"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The grouped network for 8 steps; tests must not change it."""
    place = tmp_path_factory.mktemp("truenorth") / "out"
    command = ["compile", MODEL, *OPTIONS, "--target", "truenorth", "-o", place, "-q"]
    assert main([str(a) for a in command]) == 0
    return place


@pytest.fixture
def changed(out: Path, tmp_path: Path) -> Path:
    """A copy of the program that a test may change, without the digests of its files."""
    place = tmp_path / "changed"
    shutil.copytree(out, place)
    return place


def write(place: Path, name: str, content: bytes) -> None:
    """Put a file in place and make the manifest agree with it, as an attacker could."""
    import hashlib

    (place / name).write_bytes(content)
    manifest = json.loads((place / "manifest.json").read_text())
    digest = hashlib.sha256(content).hexdigest()
    manifest["files"][name] = {"sha256": digest, "size": len(content)}
    (place / "manifest.json").write_text(json.dumps(manifest))


def test_a_program_holds_its_core_map_and_what_made_it(cli, out):
    assert {path.name for path in out.iterdir()} >= FILES
    network = (out / "network.snn").read_text()
    for spec in ("spike-heads", "encode-inputs", "quantize-weights{target=truenorth,bits=4}"):
        assert f'pass "{spec}"' in network
    found = json.loads((out / "report.json").read_text())["core_map"]
    assert found["roles"]["compute"] + found["roles"].get("splitter", 0) == found["cores"]
    assert [layer["name"] for layer in found["layers"]][-1] == "classes"
    assert found["ticks_per_step"] == 1


def test_the_core_map_equals_the_layers(cli, out):
    done = cli("--json", "run", out, "--inputs", TEST)
    assert done.code == 0, done.err
    assert done.json["engine"] == "coremap"
    assert done.json["equal"] is True
    layers = cli("--json", "run", out, "--inputs", TEST, "--on", "reference").json
    assert done.json["predictions"] == layers["predictions"]
    chip = done.json["chip"]
    assert chip["spikes_per_sample"] > done.json["spikes_per_sample"]
    assert {e["kind"] for e in chip["estimates"]} == {"estimate"}


def test_traces_are_the_same(cli, out):
    for name, engine in {"map.npz": "coremap", "layers.npz": "reference"}.items():
        done = cli(
            "run", out, "--inputs", TEST, "--on", engine, "--trace", name, "--record", "classes"
        )
        assert done.code == 0, done.err
    with np.load("map.npz") as ours, np.load("layers.npz") as theirs:
        assert np.array_equal(ours["raster/classes"], theirs["raster/classes"])
        head = next(n for n in theirs if n.startswith("outputs/"))
        assert np.array_equal(ours[head], theirs[head])


def test_text_of_compile_and_run(cli, out):
    done = cli("run", out, "--inputs", TEST)
    assert "every spike, read-out and exit equals the reference simulator's" in done.out
    assert "estimate, never measured" in done.out
    compiled = cli("compile", MODEL, *OPTIONS, "--target", "truenorth", "-o", "again")
    assert "Cores of TrueNorth" in compiled.out
    assert "the host computes image.spikes" in compiled.out
    for name in sorted(FILES):  # the same bytes again
        assert (Path("again") / name).read_bytes() == (out / name).read_bytes()


def test_report_shows_cores_and_mesh(cli, out):
    assert cli("report", out, "-o", "page.html").code == 0
    page = Path("page.html").read_text()
    assert "Cores of TrueNorth" in page
    assert "data:image/svg+xml;base64," in page


def test_a_changed_threshold_is_no_longer_this_network(cli, changed):
    from snnc.backends.truenorth.files import from_files, to_files

    names = ("coremap.json", "coremap.npz")
    core_map = from_files({n: (changed / n).read_bytes() for n in names})
    core_map.thresholds[core_map.layer_of >= 0] += 1
    for name, content in to_files(core_map).items():
        write(changed, name, content)
    done = cli("run", changed, "--inputs", TEST)
    assert done.code == 1
    assert "SN597" in done.err


@pytest.mark.parametrize("name", ["coremap.json", "coremap.npz"])
def test_truncated_files_are_refused(cli, changed, name):
    write(changed, name, (changed / name).read_bytes()[:100])
    done = cli("run", changed, "--inputs", TEST)
    assert done.code == 1
    assert "error[SN5" in done.err
    assert "Traceback" not in done.err


def test_a_network_file_has_no_core_map(cli, out):
    done = cli("run", out / "network.snn", "--inputs", TEST, "--on", "coremap")
    assert done.code == 2


REFUSED = {
    "too wide": (("--target", "truenorth{bits=5}"), 1, "SN594"),
    "another target's option": (("--target", "loihi", "--partial-sums", "rate"), 2, "SN936"),
    "twice": (
        ("--target", "truenorth{partial_sums=rate}", "--partial-sums", "exact"),
        2,
        "SN936",
    ),
    "unknown option": (("--target", "truenorth{bit=3}"), 2, "SN702"),
    "unknown value": (("--target", "truenorth{placement=random}"), 2, "SN703"),
    "options of a target without": (("--target", "c{bits=3}"), 2, "SN702"),
    "two targets": (("--target", "truenorth,c{a=1}"), 2, "SN923"),
    "max pooling": (("--target", "truenorth", "--coding", "ttfs"), 1, "SN"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(cli, name):
    options, code, text = REFUSED[name]
    done = cli("compile", MODEL, *OPTIONS, *options, "-o", "refused")
    assert done.code == code, done.err
    assert text in done.err
    assert not Path("refused").exists()


def test_options_of_the_target_are_kept(cli):
    target = "truenorth{encoder=bernoulli placement=rows}"
    done = cli("compile", MODEL, *OPTIONS, "--target", target, "-o", "bernoulli")
    assert done.code == 0, done.err
    manifest = json.loads((Path("bernoulli") / "manifest.json").read_text())
    assert manifest["target"] == "truenorth{encoder=bernoulli,placement=rows}"
    found = cli("--json", "run", "bernoulli", "--inputs", TEST)
    assert found.json["equal"] is True


def test_the_first_layer_on_the_host(cli):
    target = "truenorth{encoder=layer}"
    done = cli("compile", MODEL, *OPTIONS, "--target", target, "-o", "first")
    assert done.code == 0, done.err
    assert "the host computes conv1 and sends the spikes" in done.out
    assert cli("--json", "run", "first", "--inputs", TEST).json["equal"] is True


def test_exits_are_the_hosts(cli):
    options = (*OPTIONS, "--target", "truenorth", "--exit", "patience{repeats=2}")
    done = cli("compile", MODEL, *options, "-o", "early")
    assert done.code == 0, done.err
    found = cli("--json", "run", "early", "--inputs", TEST).json
    assert found["equal"] is True
    assert found["exit"]["mean_steps"] < 8


def test_partial_sums_of_rates(cli):
    options = (*OPTIONS, "--target", "truenorth{bits=5}", "--partial-sums", "rate")
    done = cli("compile", MODEL, *options, "-o", "split")
    assert done.code == 0, done.err
    report = json.loads((Path("split") / "report.json").read_text())["core_map"]
    assert "classes.part1" in {layer["name"] for layer in report["layers"]}
    assert cli("--json", "run", "split", "--inputs", TEST).json["equal"] is True
    measured = cli("--json", "eval", "split", "--data", TEST)
    assert measured.code == 0, measured.err
    layers = measured.json["quantisation"]["layers"]
    assert {layer["name"] for layer in layers} >= {"conv1", "classes"}
    assert not any(".part" in layer["name"] for layer in layers)


def test_partial_sums_that_are_exact(cli):
    options = (*OPTIONS[:-1], 2, "--target", "truenorth{bits=5}", "--partial-sums", "exact")
    done = cli("compile", MODEL, *options, "-o", "exact")
    assert done.code == 0, done.err
    report = json.loads((Path("exact") / "report.json").read_text())["core_map"]
    assert report["ticks_per_step"] > 1
    inputs = f"{EXAMPLES / 'images.npz'}:test[:1]"
    assert cli("--json", "run", "exact", "--inputs", inputs).json["equal"] is True


@pytest.mark.parametrize(
    ("name", "begins"), [("m.svg", b"<svg"), ("m.png", b"\x89PNG"), ("m.txt", b"grouped")]
)
def test_the_mesh_is_drawn(cli, out, name, begins):
    done = cli("inspect", out, "--mesh", name)
    assert done.code == 0, done.err
    assert Path(name).read_bytes().startswith(begins)


def test_the_mesh_in_another_format(cli, out):
    done = cli("inspect", out, "--mesh", "m.pdf")
    assert done.code == 2
    assert "SN936" in done.err
    assert cli("inspect", out / "network.snn", "--mesh", "m.svg").code == 2


def test_targets_names_it(cli):
    assert "truenorth" in cli("targets").out
    shown = cli("targets", "truenorth")
    assert shown.code == 0
    assert "axons per core" in shown.out or "axons_per_core" in shown.out
