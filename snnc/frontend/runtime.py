"""onnxruntime behind one class: chosen tensors of a model for batches of any size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import onnx

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend.normalise import batch_size, real_inputs
from snnc.ir.tensors import Array

if TYPE_CHECKING:
    import onnxruntime  # type: ignore[import-untyped]


KNOWN_OPSET = 21
"""Every onnxruntime that snnc works with knows this opset, and its file format."""


class HasModel(Protocol):
    """Anything with a model that onnxruntime runs, such as `Imported`."""

    @property
    def model(self) -> onnx.ModelProto:
        """The model."""


class Runner:
    """Runs a model under onnxruntime with graph optimisation off.

    Args:
        source: An `Imported`, or a model.
        tensors: Names of the tensors to return, graph outputs or any other.
        name: What to call the model in messages.

    Raises:
        InputError: SN613, onnxruntime refuses the model.
    """

    def __init__(
        self, source: HasModel | onnx.ModelProto, tensors: Iterable[str], name: str = "model"
    ) -> None:
        model = source if isinstance(source, onnx.ModelProto) else source.model
        self.tensors = tuple(dict.fromkeys(tensors))
        self.name = name
        self.batch = batch_size(model)
        self.inputs = tuple(i.name for i in real_inputs(model))
        self._dtypes = {
            i.name: onnx.helper.tensor_dtype_to_np_dtype(i.type.tensor_type.elem_type)
            for i in real_inputs(model)
        }
        self._newest = max((o.version for o in model.opset_import if not o.domain), default=0)
        self._session = self._start(_with_outputs(model, self.tensors))

    def run(self, x: Array | Mapping[str, Array]) -> dict[str, Array]:
        """The tensors for a batch, arrays (N, ...); a model with a fixed batch runs piece by piece.

        Args:
            x: (N, *shape), or one such array per input name.

        Raises:
            InputError: SN613, onnxruntime fails on the data.
        """
        feeds = dict(x) if isinstance(x, Mapping) else {self.inputs[0]: x}
        feeds = {name: np.asarray(a, dtype=self._dtypes[name]) for name, a in feeds.items()}
        count = len(next(iter(feeds.values())))
        step = self.batch or max(count, 1)
        pieces = [
            self._piece({name: a[start : start + step] for name, a in feeds.items()}, step)
            for start in range(0, max(count, 1), step)
        ]
        return {
            name: pieces[0][i] if len(pieces) == 1 else np.concatenate([p[i] for p in pieces])
            for i, name in enumerate(self.tensors)
        }

    def _piece(self, feeds: dict[str, Array], step: int) -> list[Array]:
        """One run; the last samples of a fixed batch are filled up and cut off again."""
        count = len(next(iter(feeds.values())))
        if self.batch and count < step:
            feeds = {
                name: np.concatenate([a, np.repeat(a[-1:], step - count, axis=0)])
                for name, a in feeds.items()
            }
        try:
            results = self._session.run(list(self.tensors), feeds)
        except Exception as error:
            raise self._error("cannot run the model on this data", error) from error
        return [np.asarray(r)[:count] for r in results]

    def _start(self, model: onnx.ModelProto) -> onnxruntime.InferenceSession:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        try:
            return onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise self._error("refuses the model", error) from error

    def _error(self, what: str, error: Exception) -> InputError:
        import onnxruntime

        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        cure = "check the file with onnx.checker, or export the model again"
        if self._newest > KNOWN_OPSET:
            cure = (
                f"install a newer onnxruntime (this is {onnxruntime.__version__}), or export the "
                f"model with opset {KNOWN_OPSET}; this one has {self._newest}"
            )
        return InputError(Diagnostic("SN613", f"onnxruntime {what}: {reason}", self.name, cure))


def _with_outputs(model: onnx.ModelProto, tensors: Iterable[str]) -> onnx.ModelProto:
    """A copy whose outputs are the tensors (onnxruntime infers their types itself)."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {output.name: output for output in model.graph.output}
    del copy.graph.output[:]
    for name in tensors:
        copy.graph.output.append(known.get(name) or onnx.ValueInfoProto(name=name))
    return copy
