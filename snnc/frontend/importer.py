"""From an ONNX file to a network at stage `ann`, proved equal to the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend import gate as import_gate
from snnc.frontend.averages import mend_averages
from snnc.frontend.builder import Builder, Made
from snnc.frontend.check import check_model
from snnc.frontend.expand import expand
from snnc.frontend.graph import Graph
from snnc.frontend.kernel_metadata import Kernels, read_kernels
from snnc.frontend.loader import Loaded, load
from snnc.frontend.low_bits import runnable
from snnc.frontend.lowering import Lowered, lower
from snnc.frontend.naming import identifier
from snnc.frontend.normalise import named, normalise, real_inputs
from snnc.frontend.report import ConversionReport
from snnc.frontend.runtime import Runner
from snnc.frontend.spell_kernels import with_kernels
from snnc.frontend.surrogates import kernel_notes
from snnc.ir import model as m
from snnc.ir.tensors import Array

_GATE_SAMPLES = 4
_LARGE = 500_000_000
"""A network with more multiply-accumulates than this passes the gate on two samples."""


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported model.

    Attributes:
        network: Stage `ann`, its pass list holds the import.
        values: Population to the tensor of `model` that it equals, in the same layout.
        model: The file's model with external data inlined; it runs under onnxruntime, quantisers of
            other domains being written out, and surrogates of spike times where metadata names
            them. Where a population is laid out differently than its ONNX tensor, a view of that
            is appended.
        inputs: Network input to ONNX input.
        report: What could be converted (all of it).
        sha256: Digest of the file.
        path: The file.
        notes: What was decided on the way and is worth telling.
        gate_error: Largest error of the gate as a share of its layer's scale; None if not run.
    """

    network: m.Network
    values: Mapping[str, str]
    model: onnx.ModelProto
    inputs: Mapping[str, str]
    report: ConversionReport
    sha256: str
    path: Path
    notes: tuple[str, ...] = ()
    gate_error: float | None = None


def import_model(
    path: str | os.PathLike[str],
    *,
    samples: Array | None = None,
    seed: int = 0,
    gate: bool = True,
) -> Imported:
    """Import an ONNX file and prove the result equal to it.

    Args:
        path: The file.
        samples: Inputs (N, *shape) for the gate, for example calibration data; the first few are
            used. None: seeded random inputs.
        seed: Of the random inputs.
        gate: Whether to compare with onnxruntime.

    Raises:
        UsageError: SN600, the file cannot be read.
        InputError: SN601 to SN618; SN620 for every node that cannot be converted, with SN621, the
            summary.
    """
    loaded = load(path)
    check_model(loaded)
    proto, kernels = _trained(loaded)
    graph = normalise(loaded, proto)
    lowered = lower(graph)
    if lowered.report.refused:
        raise InputError(lowered.report.diagnostics())
    network = _network(loaded, lowered)
    model, values, mended = _runtime_model(proto, graph, lowered.builder)
    inputs = dict(
        zip((i.name for i in network.inputs), (i.name for i in real_inputs(proto)), strict=True)
    )
    notes = (*lowered.report.notes, *mended, *kernel_notes(network))
    if kernels is not None:
        notes += (kernels.note(),)
    if gate and samples is not None and len(network.inputs) > 1:
        notes += ("the import gate used random inputs: the samples are for one input only",)
    imported = Imported(
        network, values, model, inputs, lowered.report, loaded.sha256, loaded.path, notes
    )
    return _proved(imported, samples, seed) if gate else imported


def _proved(imported: Imported, samples: Array | None, seed: int) -> Imported:
    """The same with the gate's largest error; InputError if the gate finds a difference."""
    network = imported.network
    runner = Runner(imported, imported.values.values(), imported.report.model)
    data = _gate_inputs(network, imported.report.macs, samples, seed)
    found = import_gate.check_values(network, imported.values, runner, imported.inputs, data)
    if import_gate.is_quantized(network):
        loud = import_gate.loud_inputs(network, 2 if imported.report.macs < _LARGE else 1, seed)
        found = found.merged(
            import_gate.check_values(network, imported.values, runner, imported.inputs, loud)
        )
    notes = (*imported.notes, *found.notes())
    return replace(imported, gate_error=found.error, notes=notes)


def survey(path: str | os.PathLike[str]) -> ConversionReport:
    """What of an ONNX file can be converted; nodes that cannot are in the report, not raised.

    Raises:
        UsageError: SN600, the file cannot be read.
        InputError: SN601 to SN612, the file is broken in itself; SN617 and SN618, its metadata.
    """
    loaded = load(path)
    check_model(loaded)
    return lower(normalise(loaded, _trained(loaded)[0])).report


def _trained(loaded: Loaded) -> tuple[onnx.ModelProto, Kernels | None]:
    """The model, its nodes named, as it was trained: with the kernels of its metadata."""
    proto, kernels = named(loaded), read_kernels(loaded)
    return (proto if kernels is None else with_kernels(loaded, proto, kernels)), kernels


def _network(loaded: Loaded, lowered: Lowered) -> m.Network:
    builder = lowered.builder
    network = m.Network(
        identifier(loaded.path.stem),
        "ann",
        tuple(builder.inputs),
        (),
        lowered.heads,
        passes=(f"import{{model={loaded.name}}}",),
    )
    network = network.with_arrays(builder.tensors.arrays())
    return network.with_populations(made.population for made in builder.made.values())


def _gate_inputs(
    network: m.Network, macs: int, samples: Array | None, seed: int
) -> dict[str, Array]:
    count = _GATE_SAMPLES if macs < _LARGE else 2
    if samples is None or len(network.inputs) != 1:
        return import_gate.random_inputs(network, count, seed)
    declared = network.inputs[0]
    if samples.shape[1:] != declared.shape or not len(samples):
        message = (
            f"samples of shape {list(samples.shape[1:])} do not fit the input {declared.name} "
            f"{list(declared.shape)}"
        )
        cure = "give samples as an array (N, *shape); see --layout for images"
        raise InputError(Diagnostic("SN616", message, "", cure))
    return {declared.name: np.asarray(samples[:count], dtype=np.float32)}


def _runtime_model(
    proto: onnx.ModelProto, graph: Graph, builder: Builder
) -> tuple[onnx.ModelProto, dict[str, str], tuple[str, ...]]:
    """The model for onnxruntime, the tensor in it of each population, and what was changed."""
    model = runnable(expand(proto, graph), graph)
    mended = mend_averages(model, graph)
    return (*_with_views(model, builder), mended)


def _with_views(proto: onnx.ModelProto, builder: Builder) -> tuple[onnx.ModelProto, dict[str, str]]:
    """The model with a tensor for every population in the population's own layout."""
    values: dict[str, str] = {}
    for name, made in builder.made.items():
        values[name] = _append_views(proto, name, made) if made.views else made.tensor
    return proto, values


def _append_views(proto: onnx.ModelProto, name: str, made: Made) -> str:
    tensor = made.tensor
    for index, op in enumerate(made.views):
        result = f"snnc/{name}/{index}"
        if isinstance(op, m.Transpose):
            axes = [0, *(axis + 1 for axis in op.axes)]
            node = onnx.helper.make_node("Transpose", [tensor], [result], result, perm=axes)
        else:
            target = onnx.numpy_helper.from_array(
                np.array([0, *op.shape], dtype=np.int64), f"{result}/shape"
            )
            proto.graph.initializer.append(target)
            node = onnx.helper.make_node("Reshape", [tensor, target.name], [result], result)
        proto.graph.node.append(node)
        tensor = result
    return tensor
