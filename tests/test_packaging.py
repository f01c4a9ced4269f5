"""The packages that are built are the packages that are there."""

from __future__ import annotations

import importlib
import re
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def table(name: str) -> dict[str, str]:
    """An inline table of strings of pyproject.toml (tomllib is missing before Python 3.11)."""
    line = re.search(rf"^{name} = \{{(.*)\}}$", PYPROJECT, re.MULTILINE)
    assert line is not None, name
    return dict(re.findall(r'"([^"]+)" = "([^"]+)"', line[1]))


def listed_packages() -> set[str]:
    listed = re.search(r"^packages = \[(.*?)^\]", PYPROJECT, re.MULTILINE | re.DOTALL)
    assert listed is not None
    return set(re.findall(r'"([^"]+)"', listed[1]))


def packages_on_disk() -> set[str]:
    found = set()
    for package, folder in table("package-dir").items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((package, *inner)))
    return found


def test_every_package_on_disk_is_listed_for_the_wheel_and_no_other() -> None:
    assert packages_on_disk() == listed_packages()


def test_every_folder_with_code_is_a_package() -> None:
    """A folder without `__init__.py` works in a checkout and is missing from the wheel."""
    folders = {
        path.parent
        for folder in table("package-dir").values()
        for path in (ROOT / folder).rglob("*.py")
    }
    bare = {f for f in folders if not (f / "__init__.py").exists()}
    assert bare == {ROOT / "examples" / "mnist"}  # its scripts only make the data, see below


def test_the_scripts_that_make_the_examples_are_not_carried() -> None:
    carried = re.search(r'"snnc.examples" = \[([^\]]*)\]', PYPROJECT)
    assert carried is not None
    assert ".py" not in carried[1]


@pytest.mark.parametrize("package", sorted(listed_packages()))
def test_each_listed_package_imports_from_a_file(package: str) -> None:
    """A stale empty folder in site-packages would import as a namespace without a file."""
    assert importlib.import_module(package).__file__ is not None


def test_the_modules_imported_are_those_of_this_checkout() -> None:
    for package, folder in table("package-dir").items():
        file = importlib.import_module(package).__file__
        assert file is not None
        assert Path(file).resolve() == ROOT / folder / "__init__.py"


@pytest.mark.parametrize("folder", ["ir", "backends", "templates", "examples"])
def test_a_bare_import_of_a_mapped_folder_is_banned(folder: str) -> None:
    """`import ir` would work in the checkout and load a second copy of every class."""
    banned = PYPROJECT.partition("[tool.ruff.lint.flake8-tidy-imports.banned-api]")[2]
    assert f'"{folder}".msg' in banned


@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("snnc", "py.typed"),
        ("snnc.ir", "grammar.lark"),
        ("snnc.backends", "loihi/chips/loihi1.json"),
        ("snnc.backends", "loihi/chips/loihi2.json"),
        ("snnc.examples", "mnist/model.onnx"),
        ("snnc.examples", "mnist/quantised.onnx"),
        ("snnc.examples", "mnist/multi_exit.onnx"),
        ("snnc.examples", "mnist/grouped.onnx"),
        ("snnc.examples", "mnist/images.npz"),
        ("snnc.examples", "mnist/ATTRIBUTION.md"),
    ],
)
def test_data_files_are_found_through_their_package(package: str, file: str) -> None:
    assert (resources.files(package) / file).read_bytes() or file == "py.typed"


def test_the_bundled_images_are_five_hundred_of_each_split() -> None:
    with (
        (resources.files("snnc.examples") / "mnist" / "images.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as data,
    ):
        for split in ("train", "test"):
            assert data[f"x_{split}"].shape == (500, 28, 28)
            assert data[f"x_{split}"].dtype == np.uint8
            assert sorted(set(data[f"y_{split}"].tolist())) == list(range(10))


def test_the_quantised_example_has_weights_of_4_bits_and_activations_of_2() -> None:
    """Four DequantizeLinear on int4 weights, three on uint4 activations cut at three steps."""
    graph = onnx.load(ROOT / "examples" / "mnist" / "quantised.onnx").graph
    stored = {t.name: t for t in graph.initializer}
    weights = [t for t in stored.values() if t.data_type == onnx.TensorProto.INT4]
    assert len(weights) == 4
    made = {name: node for node in graph.node for name in node.output}
    quantisers = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    assert len(quantisers) == 3
    for node in quantisers:
        cut = made[node.input[0]]
        assert cut.op_type == "Min"
        high = onnx.numpy_helper.to_array(stored[cut.input[1]])
        step = onnx.numpy_helper.to_array(made[node.input[1]].attribute[0].t)
        assert float(high / step) == pytest.approx(3.0, rel=1e-6)


@pytest.mark.parametrize(
    ("file", "right"), [("model.onnx", 498), ("quantised.onnx", 497), ("grouped.onnx", 492)]
)
def test_the_bundled_networks_classify_the_bundled_images(file: str, right: int) -> None:
    """Under the oldest onnxruntime that we run on, too."""
    folder = ROOT / "examples" / "mnist"
    session = onnxruntime.InferenceSession(
        (folder / file).read_bytes(), providers=["CPUExecutionProvider"]
    )
    with np.load(folder / "images.npz", allow_pickle=False) as data:
        x, y = data["x_test"][:, None].astype(np.float32) / 255, data["y_test"]
    (logits,) = session.run(None, {session.get_inputs()[0].name: x})
    assert int((logits.argmax(axis=1) == y).sum()) == right


def test_the_version_is_that_of_the_metadata() -> None:
    version = re.search(r'^version = "(.+)"$', PYPROJECT, re.MULTILINE)
    assert version is not None
    assert importlib.import_module("snnc").__version__ == version[1]


def test_the_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert 'license = "Apache-2.0"' in PYPROJECT
