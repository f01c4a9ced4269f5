"""Exit policies of networks of stage fixed: fitted in floating point, executed in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from snnc.driver.exits import Exited, text_of
from snnc.driver.pipeline import run_passes
from snnc.exits.asked import asked
from snnc.exits.recorded import Recorded
from snnc.exits.requests import Request
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.base import Context
from snnc.passes.integer_exit import IntegerExit, check_form, check_units
from snnc.passes.manager import Hook


def check_request(network: m.Network, request: Request) -> None:
    """Refuse a policy that a network of stage fixed cannot execute, before it is fitted.

    Raises:
        InputError: SN747 for a policy without an integer form, SN749 where the last head, which
            always answers, counts its classes differently.
    """
    check_form(request.name, getattr(request, "order", "time"))
    check_units(network, ())


def in_integers(exited: Exited, context: Context, hooks: Sequence[Hook] = ()) -> Exited:
    """A network of stage fixed with the integer form of its policy, by the pass integer-exit.

    The record keeps the policy in floating point and says under `integer` what became of it; of a
    fitted one also how many of the samples that chose the threshold it now treats differently.

    Args:
        exited: with a policy, fitted or given.
        context: gets the notes of the pass.
        hooks: called after the pass.

    Raises:
        InputError: SN747 or SN749, the policy has no integer form.
    """
    before = exited.network
    after = run_passes(before, (IntegerExit(),), context, hooks)
    if after.exit == before.exit:
        return replace(exited, network=after)
    entry: dict[str, Any] = {"text": text_of(after)}
    if exited.choosing is not None:
        entry |= differences(before, after, exited.choosing)
    return replace(exited, network=after, record={**exited.record, "integer": entry})


def differences(before: m.Network, after: m.Network, recorded: Recorded) -> dict[str, int]:
    """Of how many recorded samples two policies of one network stop or answer differently."""
    steps, answers = zip(*(_stops(network, recorded) for network in (before, after)), strict=True)
    other_step, other_answer = steps[0] != steps[1], answers[0] != answers[1]
    return {
        "samples": recorded.samples,
        "other_step": int(other_step.sum()),
        "other_answer": int(other_answer.sum()),
        "different": int((other_step | other_answer).sum()),
    }


def _stops(network: m.Network, recorded: Recorded) -> tuple[Array, Array]:
    """The time steps (N,) of each sample until its answer, and the answer (N,)."""
    rows = asked(network, recorded)
    stops, every = rows.stops(), np.arange(recorded.samples)
    return rows.step[stops, every], rows.answer[stops, every]
