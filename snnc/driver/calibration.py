"""Calibration data: one pass of the ANN over it gives the statistics that passes use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snnc.data.statistics import ActivationStatistics
from snnc.diagnostics import Diagnostic, InputError
from snnc.evaluation.evaluate import ProgressSink, Samples
from snnc.evaluation.inputs import affordable_batch
from snnc.evaluation.reference import AnnReference
from snnc.ir import model as m
from snnc.ir.tensors import Array

KEPT_SAMPLES = 512
"""Passes that need the samples themselves get the first ones, this many."""

BATCH = 64


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was gathered on the calibration data.

    `statistics`: activations per population in ANN units, over all `count` samples. `samples`:
    the first ones per input name, (N, *shape) float32. `labels`: those of all samples, or None.
    """

    count: int = 0
    statistics: Mapping[str, ActivationStatistics] = field(default_factory=dict)
    samples: Mapping[str, Array] | None = None
    labels: Array | None = None


def calibrate(
    network: m.Network, ann: AnnReference, data: Samples, progress: ProgressSink | None = None
) -> Calibration:
    """Run the ANN once over the data, in batches, and gather statistics of every population.

    Memory does not grow with the number of samples (except for one label each).

    Raises:
        InputError: there is no sample (SN927), or the network has several inputs (SN931).
    """
    require_single_input(network)
    if len(data) == 0:
        raise InputError(_no_sample())
    names = [p.name for p in network.populations]
    statistics = {name: ActivationStatistics() for name in names}
    kept: list[Array] = []
    labels: list[Array] = []
    done = 0
    if progress is not None:
        progress("calibrating", 0, len(data))
    for x, y in data.batches(affordable_batch(network, BATCH)):
        for name, values in ann.activations(x, names).items():
            statistics[name].update(values)
        if done < KEPT_SAMPLES:
            kept.append(x[: KEPT_SAMPLES - done])
        if y is not None:
            labels.append(y)
        done += len(x)
        if progress is not None:
            progress("calibrating", done, len(data))
    samples = {network.inputs[0].name: np.concatenate(kept).astype(np.float32, copy=False)}
    return Calibration(done, statistics, samples, np.concatenate(labels) if labels else None)


def first_samples(network: m.Network, data: Samples) -> Calibration:
    """The first samples of the data, without any activations.

    Raises:
        InputError: there is no sample (SN927).
    """
    if len(data) == 0:
        raise InputError(_no_sample())
    x, _ = next(iter(data.batches(KEPT_SAMPLES)))
    samples = {network.inputs[0].name: x.astype(np.float32, copy=False)}
    return Calibration(len(data), {}, samples)


def _no_sample() -> Diagnostic:
    cure = "check the range behind the file name, for example mnist.npz:train[:500]"
    return Diagnostic("SN927", "the calibration data holds no sample", help=cure)


def require_single_input(network: m.Network) -> None:
    """Refuse a network with several inputs where a data set brings one array.

    Raises:
        InputError: SN931.
    """
    if len(network.inputs) == 1:
        return
    names = ", ".join(i.name for i in network.inputs)
    text = f"network {network.name} has {len(network.inputs)} inputs ({names}); a data set has one"
    cure = "run it from Python with one array per input: snnc.load(DIR).run({...})"
    raise InputError(Diagnostic("SN931", text, help=cure))
