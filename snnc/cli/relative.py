"""`--relative-to`: the run that energies are relative to, by a published name or from a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.text import one_of

if TYPE_CHECKING:
    from snnc.evaluation.normalised_energy import Reference
    from snnc.evaluation.result import Evaluation

OPTION = "--relative-to"


def open_reference(text: str) -> Reference:
    """The reference that `--relative-to` names: `cifar10`, `cifar100`, or a file of `eval --json`.

    Raises:
        UsageError: SN923, neither a name nor a file.
        InputError: SN924, the file holds no evaluation with spikes.
    """
    from snnc.evaluation.normalised_energy import REFERENCES, reference_of

    if text in REFERENCES:
        return REFERENCES[text]
    path = Path(text)
    if not path.is_file():
        message = f'there is no reference and no file "{text}"{one_of(text, REFERENCES)}'
        raise UsageError(Diagnostic("SN923", message, where=OPTION))
    try:
        return reference_of(json.loads(path.read_text(encoding="utf-8")), path.name)
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path} is no evaluation of a spiking network: {error}"
        cure = "`snnc --json eval ... > FILE` writes one"
        raise InputError(Diagnostic("SN924", message, where=OPTION, help=cure)) from error


def compared(measured: Evaluation, reference: Reference | None) -> Evaluation:
    """The evaluation with its energy relative to a reference, if there is one."""
    from snnc.evaluation.normalised_energy import relative_energy

    if reference is None:
        return measured
    found = relative_energy(measured.spikes_per_sample, measured.mean_steps, reference)
    return replace(measured, relative_energy=tuple(estimate.as_dict() for estimate in found))
