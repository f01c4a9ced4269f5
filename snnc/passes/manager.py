"""Runs pipelines: checks, runs, verifies, and calls the hooks between passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from snnc.diagnostics import Diagnostic, InputError, SnncError
from snnc.ir.model import Network
from snnc.ir.parse import parse
from snnc.ir.print import to_text
from snnc.ir.verify import verify
from snnc.options import format_spec
from snnc.passes.base import Context, Pass
from snnc.passes.tensors import short_names


class Hook(Protocol):
    """Called after every pass; raising stops the pipeline."""

    def __call__(self, index: int, spec: str, before: Network, after: Network) -> None:
        """`index` counts from 1; `spec` is the canonical text of the pass."""
        ...


@dataclass(frozen=True, slots=True)
class PassFailure:
    """Where a pipeline broke, for crash reports: the pass and the network before it."""

    spec: str
    before: Network


class PipelineError(RuntimeError):
    """A pass raised something unforeseen; carries the network before it."""

    def __init__(self, failure: PassFailure) -> None:
        self.failure = failure
        super().__init__(f"pass {failure.spec} failed")


def run_pipeline(
    network: Network,
    passes: Sequence[Pass],
    context: Context,
    hooks: Sequence[Hook] = (),
    *,
    check_text: bool = False,
    stop_after: str | None = None,
) -> Network:
    """The network after all passes (or after the first one named `stop_after`).

    Each pass is checked before and after; its canonical spec is recorded in `network.passes`.
    `check_text` also prints, parses and compares the network after each pass.

    Raises:
        InputError: a pass does not apply (SN710), or refuses the network.
        PipelineError: a pass failed in an unforeseen way; `__cause__` is the reason.
    """
    for index, step in enumerate(passes, start=1):
        before = network
        spec = format_spec(step)
        if network.stage == "ann" and not context.approximated:
            context.reference = network
        network = _run_one(step, spec, before, context)
        network = replace(network, passes=(*before.passes, spec))
        _verify(PassFailure(spec, before), network, check_text)
        for hook in hooks:
            hook(index, spec, before, network)
        if step.name == stop_after:
            break
    return network


def _run_one(step: Pass, spec: str, network: Network, context: Context) -> Network:
    for prop in step.requires:
        amiss = prop.check(network)
        if amiss:
            raise InputError(
                Diagnostic(
                    "SN710",
                    f"pass {step.name} needs {prop.name}, but {amiss}",
                    where=f"pipeline before {spec}",
                    help=f"see `snnc passes {step.name}`",
                )
            )
    try:
        after = short_names(step.run(network, context))
        for prop in step.ensures:
            amiss = prop.check(after)
            if amiss:
                raise RuntimeError(f"SN711: pass {spec} promised {prop.name}, but {amiss}")
    except (SnncError, MemoryError):
        raise
    except Exception as error:
        raise PipelineError(PassFailure(spec, network)) from error
    return after


def _verify(on_failure: PassFailure, network: Network, check_text: bool) -> None:
    broken = [d for d in verify(network) if d.severity == "error"]
    if broken:
        reason = RuntimeError("SN711: " + "; ".join(str(d) for d in broken))
        raise PipelineError(on_failure) from reason
    if check_text and parse(to_text(network), store=network.store) != network:
        reason = RuntimeError("SN712: the network does not survive its text form")
        raise PipelineError(on_failure) from reason
