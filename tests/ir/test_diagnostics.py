"""Diagnostics: the text a user sees, the JSON object, and the exit codes."""

from __future__ import annotations

import pytest

from snnc.diagnostics import Diagnostic, InputError, SnncError, UsageError

FOUND = Diagnostic("SN104", "the source b stands later", "net.snn:3:7", "reorder")


def test_a_diagnostic_prints_code_place_and_help() -> None:
    assert str(FOUND) == (
        "error[SN104]: the source b stands later\n  --> net.snn:3:7\n  help: reorder"
    )


def test_empty_parts_are_left_out() -> None:
    assert str(Diagnostic("SN1", "bad", severity="note")) == "note[SN1]: bad"


def test_a_diagnostic_is_a_json_object() -> None:
    assert FOUND.as_dict() == {
        "code": "SN104",
        "severity": "error",
        "message": "the source b stands later",
        "where": "net.snn:3:7",
        "help": "reorder",
    }


def test_an_exception_carries_all_its_diagnostics() -> None:
    error = InputError([FOUND, FOUND])
    assert error.diagnostics == (FOUND, FOUND)
    assert str(error) == f"{FOUND}\n{FOUND}"
    assert InputError(FOUND).diagnostics == (FOUND,)


@pytest.mark.parametrize(("kind", "code"), [(InputError, 1), (UsageError, 2)])
def test_exit_codes_tell_rejected_input_from_usage(kind: type[SnncError], code: int) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, SnncError)
