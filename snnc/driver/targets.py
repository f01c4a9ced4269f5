"""Targets by name."""

from __future__ import annotations

from snnc.backends import TARGETS
from snnc.backends.base import Target
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir.model import Network
from snnc.text import one_of


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        UsageError: SN923, there is none.
    """
    if name not in TARGETS:
        text = f'there is no target "{name}"{one_of(name, TARGETS)}'
        raise UsageError(Diagnostic("SN923", text, help="`snnc targets` lists all targets"))
    return TARGETS[name]


def check_target(target: Target, network: Network) -> None:
    """Refuse a network that the target cannot take, with every reason.

    Raises:
        InputError: the target's own diagnostics (SN5xx).
    """
    reasons = [d for d in target.check(network) if d.severity == "error"]
    if reasons:
        raise InputError(reasons)
