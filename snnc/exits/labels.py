"""What labelled data must be like before a policy is fitted on it."""

from __future__ import annotations

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.exits.recorded import Recorded
from snnc.ir import model as m
from snnc.ir.answers import class_count
from snnc.ir.tensors import Array

_SHOWN = 5


def checked_labels(network: m.Network, *parts: Recorded) -> tuple[Array, ...]:
    """The labels (N,) of each part, which together show every class of the network.

    Raises:
        InputError: SN950 without labels, SN955 for a label that is no class, SN952 for fewer
            samples than classes or an empty part, SN951 for a class without a sample.
    """
    classes = class_count(network, network.heads[-1])
    labels = tuple(part.labels for part in parts if part.labels is not None)
    if len(labels) < len(parts):
        message = "an exit policy is fitted on labelled data, and the data has no labels"
        advice = "give data with labels, or a policy in full: confidence{threshold=0.6}"
        raise InputError(Diagnostic("SN950", message, "exit data", advice))
    every = np.concatenate(labels)
    outside = np.unique(every[(every < 0) | (every >= classes)])
    if len(outside):
        message = f"label {outside[0]} is no class of the network, which has 0 to {classes - 1}"
        advice = "check that the labels belong to this network and start at 0"
        raise InputError(Diagnostic("SN955", message, "exit data", advice))
    if len(every) < classes or any(len(own) == 0 for own in labels):
        sizes = " + ".join(str(len(own)) for own in labels)
        message = f"{sizes} samples are too few to fit an exit policy for {classes} classes"
        advice = "give some hundred samples at least, a thousand and more for small drops"
        raise InputError(Diagnostic("SN952", message, "exit data", advice))
    _require_all(every, classes)
    return labels


def _require_all(labels: Array, classes: int) -> None:
    absent = np.flatnonzero(np.bincount(labels, minlength=classes) == 0).tolist()
    if not absent:
        return
    shown = ", ".join(str(c) for c in absent[:_SHOWN])
    more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
    noun = "class" if len(absent) == 1 else "classes"
    message = f"the data has no sample of {noun} {shown}{more}: what an exit does to it is unknown"
    advice = "give data of all classes, for instance shuffled samples instead of the first ones"
    raise InputError(Diagnostic("SN951", message, "exit data", advice))
