"""Progress bars and result streams."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from snnc.cli import console as c
from snnc.cli.files import write_atomic


def test_a_bar_appears_only_after_a_second_and_shows_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("snnc.cli.console.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    with c.Bars(Console(file=stream, force_terminal=True, width=100)) as bars:
        bars("calibrating", 1, 100)
        assert stream.getvalue() == ""
        now[0] = 2.0
        bars("calibrating", 50, 100)
        assert "calibrating" in stream.getvalue()
        assert "50/100" in stream.getvalue()
        bars("calibrating", 100, 100)


def test_short_work_shows_no_bar() -> None:
    stream = io.StringIO()
    with c.Bars(Console(file=stream, force_terminal=True)) as bars:
        for done in range(1, 101):
            bars("fast", done, 100)
    assert stream.getvalue() == ""


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with c.Output(c.Settings()).progress() as bars:
        bars("work", 1, 2)
    assert capsys.readouterr().err == ""


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    Console(file=stream, force_terminal=True).print("text", style="red")
    assert "\x1b[31m" not in stream.getvalue()
    assert c.stderr().no_color


def test_json_refuses_what_json_cannot_say(capsys: pytest.CaptureFixture[str]) -> None:
    c.print_json({"value": None})
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "value": None}
    with pytest.raises(ValueError, match="not JSON compliant"):
        c.print_json({"value": float("nan")})


def test_raw_text_reaches_stdout_unwrapped(capsys: pytest.CaptureFixture[str]) -> None:
    line = "population " + "x" * 300 + " [1,2]"
    c.Output(c.Settings()).raw(line)
    assert capsys.readouterr().out == line + "\n"


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "r.html"
    place.write_text("old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(place, b"new")
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]
