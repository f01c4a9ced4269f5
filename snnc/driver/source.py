"""The model a compilation starts from: an ONNX file, or a network of stage ann."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from snnc.data.events import encode_events
from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.driver.calibration import require_single_input
from snnc.driver.loading import kind_of, read_network
from snnc.driver.samples import DataLike, open_samples
from snnc.evaluation.evaluate import Samples
from snnc.evaluation.reference import AnnReference, InterpretedAnn, OnnxAnn
from snnc.ir.model import Events, Network
from snnc.ir.tensors import Array

GATE_SAMPLES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The network at stage ann, who computes it, and what the import had to say."""

    network: Network
    ann: AnnReference
    sha256: str
    notes: tuple[str, ...] = ()
    conversion: Mapping[str, Any] | None = None


def open_source(
    model: str | PathLike[str],
    calibration: DataLike | None,
    preprocessing: Preprocessing,
    seed: int,
) -> tuple[Source, Samples | None]:
    """Import a model, gated on the calibration data (seeded random input without it).

    Raises:
        InputError: the model or the data is rejected.
        UsageError: there is no such file, or it is a program directory.
    """
    kind = kind_of(model)
    if kind == "program":
        text = f"{fspath(model)} is already compiled"
        raise UsageError(Diagnostic("SN924", text, help="give the ONNX file it was made from"))
    if kind == "snn":
        source = _from_text(Path(model))
        return source, _open(source.network, calibration, preprocessing)
    return _from_onnx(model, calibration, preprocessing, seed)


def _open(
    network: Network, calibration: DataLike | None, preprocessing: Preprocessing
) -> Samples | None:
    if calibration is None:
        return None
    require_single_input(network)
    return open_samples(calibration, network.inputs[0].shape, preprocessing)


def _from_text(path: Path) -> Source:
    network = read_network(path)
    if network.stage != "ann":
        text = f"network {network.name} is at stage {network.stage}; compiling starts from ann"
        cure = "`snnc opt` runs single passes on a network of any stage"
        raise InputError(Diagnostic("SN933", text, where=str(path), help=cure))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Source(network, InterpretedAnn(network), digest)


def _from_onnx(
    model: str | PathLike[str],
    calibration: DataLike | None,
    preprocessing: Preprocessing,
    seed: int,
) -> tuple[Source, Samples | None]:
    from snnc.frontend.importer import import_model

    # The shape of the samples is known only from the graph, so it is read before the gate runs.
    imported = import_model(fspath(model), seed=seed, gate=calibration is None)
    data = _open(imported.network, calibration, preprocessing)
    if data is not None and len(data) > 0:
        x, _ = next(iter(data.batches(GATE_SAMPLES)))
        imported = import_model(fspath(model), samples=x, seed=seed, gate=True)
    report = imported.report.as_dict() if hasattr(imported.report, "as_dict") else None
    source = Source(
        imported.network, OnnxAnn(imported), imported.sha256, tuple(imported.notes), report
    )
    return source, data


def random_inputs(network: Network, count: int, seed: int) -> dict[str, Array]:
    """Seeded uniform samples in [0, 1) for every input, (count, *shape) float32."""
    generator = np.random.default_rng(seed)
    return {i.name: generator.random((count, *i.shape), dtype=np.float32) for i in network.inputs}


def as_coded(network: Network, samples: Mapping[str, Array]) -> dict[str, Array]:
    """Samples by input name as the network takes them: an input of events gets a rate code."""
    if network.schedule is None:
        return dict(samples)
    steps = network.schedule.drive(network.schedule.steps)
    coded = {i.name for i in network.inputs if isinstance(i.coding, Events)}
    return {n: encode_events(x, steps) if n in coded else x for n, x in samples.items()}
