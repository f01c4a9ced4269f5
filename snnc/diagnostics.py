"""Diagnostics and exceptions for everything outside the IR (defined in `snnc.ir.diagnostics`)."""

from snnc.ir.diagnostics import Diagnostic, InputError, Severity, SnncError, UsageError

__all__ = ["Diagnostic", "InputError", "Severity", "SnncError", "UsageError"]
