"""The set-up takes the Python it says it takes, and says what is wrong when there is none."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
Install = Callable[..., Path]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")


@pytest.fixture
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", ROOT / "tools" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """A machine without any Python; call it to put one on PATH or elsewhere."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-such-python"))

    def put(name: str, version: str, *, usual: int = 1, folder: str = "bin") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [str(path), *version.split("."), str(usual)]
        body = "".join(f"echo {line}\n" for line in lines) if version else "exit 127\n"
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(0o755)
        return path

    return put


def test_python_3_10_is_preferred_to_newer_ones(environment: ModuleType, install: Install) -> None:
    install("python3.13", "3.13.0")
    install("python3.10", "3.10.4")
    assert environment.default_python(environment.installed()).version == (3, 10, 4)


def test_without_3_10_the_newest_is_taken(environment: ModuleType, install: Install) -> None:
    install("python3.9", "3.9.1")
    install("python3.12", "3.12.1")
    install("python3.11", "3.11.7")
    assert environment.default_python(environment.installed()).version == (3, 12, 1)


def test_a_shim_that_does_not_run_is_passed_over(environment: ModuleType, install: Install) -> None:
    """pyenv puts a `python3.10` on PATH that fails unless that version is switched on."""
    install("python3.10", "")
    real = install("python", "3.10.13", folder="home/.pyenv/versions/3.10.13/bin")
    assert environment.default_python(environment.installed()).path == str(real)


def test_python_3_10_is_found_through_uv(environment: ModuleType, install: Install) -> None:
    real = install("cpython", "3.10.15", folder="uv-managed")
    uv = install("uv", "")
    uv.write_text(f'#!/bin/sh\nfor last; do :; done\n[ "$last" = 3.10 ] && echo {real}\n')
    assert environment.default_python(environment.installed()).path == str(real)


def test_a_pre_release_or_free_threaded_python_is_not_taken(
    environment: ModuleType, install: Install
) -> None:
    install("python3.15", "3.15.0", usual=0)
    install("python3.11", "3.11.7")
    assert environment.default_python(environment.installed()).version == (3, 11, 7)


def test_no_fitting_python_is_said_with_what_was_found(
    environment: ModuleType, install: Install
) -> None:
    old = install("python3.9", "3.9.1")
    with pytest.raises(SystemExit, match=r"no Python 3\.10 or newer") as stopped:
        environment.default_python(environment.installed())
    assert f"3.9.1 ({old})" in str(stopped.value)


@pytest.mark.parametrize("which", ["3.9", "python3.9"])
def test_a_chosen_python_that_is_too_old_is_refused(
    environment: ModuleType, install: Install, which: str
) -> None:
    install("python3.9", "3.9.1")
    with pytest.raises(SystemExit, match=r"3\.9\.1 .* is too old; snnc needs Python 3\.10"):
        environment.chosen_python(which)


def test_a_chosen_version_that_is_missing_is_said(
    environment: ModuleType, install: Install
) -> None:
    install("python3.11", "3.11.7")
    with pytest.raises(SystemExit, match=r"no Python 3\.12 was found"):
        environment.chosen_python("3.12")


def test_a_chosen_command_that_is_no_python_is_refused(
    environment: ModuleType, install: Install
) -> None:
    broken = install("not-python", "")
    with pytest.raises(SystemExit, match="is no Python that runs"):
        environment.chosen_python(str(broken))


@pytest.mark.parametrize(
    ("which", "version"),
    [("newest", (3, 12, 1)), ("3.11", (3, 11, 7)), ("python3.11", (3, 11, 7))],
)
def test_a_version_or_the_newest_can_be_chosen(
    environment: ModuleType, install: Install, which: str, version: tuple[int, int, int]
) -> None:
    install("python3.11", "3.11.7")
    install("python3.12", "3.12.1")
    assert environment.chosen_python(which).version == version


def test_only_the_packaging_part_of_pyproject_calls_for_a_new_set_up(
    environment: ModuleType,
) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    digest = environment.packaging_digest(text)
    assert environment.packaging_digest(text.replace("line-length = 100", "line-length = 99")) == (
        digest
    )
    other = re.sub(r'"numpy>=[^"]*"', '"numpy>=99"', text)
    assert other != text
    assert environment.packaging_digest(other) != digest


def test_a_whole_environment_is_used_as_it_is_without_looking_for_pythons(
    environment: ModuleType, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    python = install("python", "3.10.1", folder=".venv/bin")
    stamp = environment.expected_stamp({"python": str(python), "version": "3.10.1"})
    (tmp_path / ".venv" / "snnc-stamp.json").write_text(environment.json.dumps(stamp))
    monkeypatch.setattr(environment, "make", lambda *_: pytest.fail("made it again"))
    assert environment.ensure(None) == tmp_path / ".venv"


def test_a_changed_pyproject_makes_the_environment_anew(
    environment: ModuleType, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    python = install("python", "3.10.1", folder=".venv/bin")
    install("python3.10", "3.10.1")
    stamp = environment.expected_stamp({"python": str(python), "version": "3.10.1"})
    (tmp_path / ".venv" / "snnc-stamp.json").write_text(environment.json.dumps(stamp))
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = []\n")
    made: list[Path] = []
    monkeypatch.setattr(environment, "make", lambda venv, *_: made.append(venv))
    environment.ensure(None)
    assert made == [tmp_path / ".venv"]


def test_a_failed_step_of_the_set_up_shows_its_output_and_stops(
    environment: ModuleType, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    command = install("pip", "")
    command.write_text("#!/bin/sh\necho no matching distribution\nexit 3\n")
    with pytest.raises(SystemExit, match="failed with exit code 3"):
        environment.quietly([str(command)])
    assert "no matching distribution" in capsys.readouterr().err
