"""What the spike counts of a compiled network are compared with, integer for integer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.evaluation.exactness import counted_layers
from snnc.evaluation.reference import AnnReference, InterpretedAnn
from snnc.ir.model import Gated

if TYPE_CHECKING:
    from snnc.driver.compiled import Compiled
    from snnc.evaluation.exits import ExitMode


def quantised_reference(compiled: Compiled) -> AnnReference | None:
    """The network that a pass quantised; None where the ANN itself is the quantised network."""
    return None if compiled.quantised is None else InterpretedAnn(compiled.quantised)


def exact_reference(
    compiled: Compiled, dtype: str | None, exits: ExitMode = "compare"
) -> AnnReference:
    """The ANN in float64, for a network whose spike counts have integers to be equal to.

    Raises:
        InputError: SN944, it has none.
        UsageError: SN936, another precision was asked for, or no full-length run.
    """
    if exits == "run":
        text = "exact comparison needs samples at rest, so running with exits only contradicts it"
        raise UsageError(Diagnostic("SN936", text, help="leave one of them out"))
    if dtype not in (None, "float64"):
        text = f"exact comparison computes in float64, so dtype {dtype} contradicts it"
        raise UsageError(Diagnostic("SN936", text, help="leave one of them out"))
    network, ann = compiled.network, compiled.ann
    if ann is None:
        text = f"there is no network of stage ann to compare {network.name} with"
        cure = "give the program directory or the ONNX file instead of a lone .snn file"
        raise InputError(Diagnostic("SN944", text, where=compiled.path, help=cure))
    if network.stage == "fixed" or not isinstance(network.schedule, Gated):
        text = f"network {network.name} does not come to rest at the integers of a quantised ANN"
        cure = "only map-quantized{mode=qffs} makes such networks, before quantize-weights"
        raise InputError(Diagnostic("SN944", text, where=compiled.path, help=cure))
    if not counted_layers(network, compiled.quantised or ann):
        text = f"network {network.name} has no spikes that count the levels of a layer of its ANN"
        cure = "`snnc eval` without --exact compares the outputs"
        raise InputError(Diagnostic("SN944", text, where=compiled.path, help=cure))
    return InterpretedAnn(ann)
