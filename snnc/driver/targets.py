"""Targets by name, some with options: `truenorth{bits=3 partial_sums=rate}`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from snnc.backends import TARGETS
from snnc.backends.base import Target
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir.model import Network
from snnc.options import build, format_options, format_spec, parse_specs
from snnc.text import one_of


def find_target(text: str) -> Target:
    """The target of a name, with the options that follow it in braces.

    Raises:
        UsageError: SN923, there is none; SN70x, options that it does not take.
    """
    name, options = _parts(text)
    if name not in TARGETS:
        message = f'there is no target "{name}"{one_of(name, TARGETS)}'
        raise UsageError(Diagnostic("SN923", message, help="`snnc targets` lists all targets"))
    target = TARGETS[name]
    if not options:
        return target
    if not option_names(target):
        message = f"target {name} has no options, and {next(iter(options))} was given"
        raise UsageError(Diagnostic("SN702", message, "--target", f"--target {name}"))
    return build(type(target), options, name)


def option_names(target: Target) -> tuple[str, ...]:
    """What can be chosen of a target, the fields of its class; those of most are no options."""
    names = tuple(f.name for f in fields(target))  # type: ignore[arg-type]
    return () if "name" in names else names


def text_of_target(target: Target) -> str:
    """The text that `find_target` finds an equal target by."""
    return format_spec(target) if option_names(target) else target.name


def with_option(text: str, option: str, value: str, flag: str) -> str:
    """The text of a target with one option more.

    Raises:
        UsageError: SN936, the target has no such option, or the text gives it already.
    """
    name, options = _parts(text)
    target = find_target(text)
    if option not in option_names(target):
        message = f"{flag} is nothing that target {name} can choose"
        raise UsageError(Diagnostic("SN936", message, flag, "leave it out"))
    if option in options:
        message = f"{flag} and --target both say {option}"
        raise UsageError(Diagnostic("SN936", message, flag, "leave one of them out"))
    return text_of_target(find_target(format_options(name, {**options, option: value})))


def _parts(text: str) -> tuple[str, dict[str, Any]]:
    """Name and options; a text without braces is a name, whatever it holds."""
    if "{" not in text:
        return text, {}
    specs = parse_specs(text)
    if len(specs) != 1:
        message = f"--target takes one target, and {text} names {len(specs)}"
        raise UsageError(Diagnostic("SN923", message, "--target"))
    return specs[0]


def check_target(target: Target, network: Network) -> None:
    """Refuse a network that the target cannot take, with every reason.

    Raises:
        InputError: the target's own diagnostics (SN5xx).
    """
    reasons = [d for d in target.check(network) if d.severity == "error"]
    if reasons:
        raise InputError(reasons)
