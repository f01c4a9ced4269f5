"""Targets that networks are compiled for, and the simulator that says what they mean."""

from __future__ import annotations

from snnc.backends.base import Limits, Target
from snnc.backends.c.target import CTarget
from snnc.backends.loihi.target import LoihiTarget
from snnc.backends.reference.target import ReferenceTarget
from snnc.backends.truenorth.target import TrueNorthTarget
from snnc.diagnostics import Diagnostic, UsageError

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (ReferenceTarget(), LoihiTarget(), TrueNorthTarget(), CTarget())
}
"""Every target by its name."""


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        UsageError: There is none (SN512).
    """
    target = TARGETS.get(name)
    if target is None:
        raise UsageError(
            Diagnostic("SN512", f"there is no target {name}", "", f"one of {', '.join(TARGETS)}")
        )
    return target


__all__ = ["TARGETS", "Limits", "Target", "find_target"]
