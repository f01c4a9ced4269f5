"""What snnc says when something is wrong: one diagnostic form, one family of exceptions.

    SnncError                 anything snnc raises on purpose; carries diagnostics and an exit code
      InputError              the input is rejected or a requested check failed        (exit 1)
      UsageError              usage, missing file, missing optional package            (exit 2)

Anything else that escapes is a bug of ours (exit 3). The classes live in `snnc.ir` because the IR
imports nothing of ours; everyone else imports them from `snnc.diagnostics`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: what, where, and what to do.

    `where`: the place, readable by itself (`lenet.onnx node "/conv1/Conv"`, `net.snn:3:7`).
    """

    code: str
    message: str
    where: str = ""
    help: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}]: {self.message}"]
        if self.where:
            lines.append(f"  --> {self.where}")
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "where": self.where,
            "help": self.help,
        }


class SnncError(Exception):
    """Raised with one or more diagnostics; `str` of it is the text a user sees."""

    exit_code = 1

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        if isinstance(diagnostics, Diagnostic):
            diagnostics = (diagnostics,)
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))


class InputError(SnncError):
    """The input is rejected, or a check that the user asked for failed."""

    exit_code = 1


class UsageError(SnncError):
    """The command cannot be carried out as given: usage, missing file, missing package."""

    exit_code = 2
