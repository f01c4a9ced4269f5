"""The stored ANN of a program directory as an ONNX model, so that onnxruntime computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.evaluation.reference import InterpretedAnn, head_of
from snnc.ir import linear, shapes
from snnc.ir import model as m
from snnc.ir.tensors import Array

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

OPSET = 17
_IR_VERSION = 8


class StoredAnn:
    """A network of stage ann under onnxruntime, or under the interpreter where that must be.

    onnxruntime takes networks of the operators of `export` and samples in float32; they make up
    nearly all of the time of a long evaluation. Values are the interpreter's but for the order of
    sums.
    """

    def __init__(self, network: m.Network) -> None:
        self._network = network
        self._interpreted = InterpretedAnn(network)
        self._model = export(network)
        self._runs: dict[tuple[str, ...], Callable[[Array], list[Array]]] = {}

    @property
    def network(self) -> m.Network:
        """The network at stage ann."""
        return self._network

    @property
    def engine(self) -> str:
        """Who computes float32: `onnxruntime` or `interpreter`."""
        return "interpreter" if self._model is None else "onnxruntime"

    def logits(self, x: Array, head: str) -> Array:
        """The value (N, K) of a head for a batch of inputs."""
        population = head_of(self._network, head).population
        return self.activations(x, (population,))[population].reshape(len(x), -1)

    def activations(self, x: Array, names: Sequence[str]) -> dict[str, Array]:
        """The values (N, *shape) of populations for a batch of inputs."""
        if self._model is None or x.dtype != np.float32 or not names:
            return self._interpreted.activations(x, names)
        wanted = tuple(names)
        if wanted not in self._runs:
            self._runs[wanted] = _session(self._model, self._network, wanted)
        return dict(zip(wanted, self._runs[wanted](x), strict=True))


def _session(
    model: onnx.ModelProto, network: m.Network, names: tuple[str, ...]
) -> Callable[[Array], list[Array]]:
    """What computes some populations, with all of onnxruntime's optimisations."""
    import onnx
    import onnxruntime  # type: ignore[import-untyped]

    wanted = onnx.ModelProto()
    wanted.CopyFrom(model)
    for name in names:
        shape: list[str | int | None] = ["N", *network.population(name).shape]
        wanted.graph.output.append(
            onnx.helper.make_tensor_value_info(_place(name), onnx.TensorProto.FLOAT, shape)
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        wanted.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    places, source = [_place(name) for name in names], _place(network.inputs[0].name)
    return lambda x: [np.asarray(value) for value in session.run(places, {source: x})]


def _place(name: str) -> str:
    """The tensor of a source, apart from all others."""
    return f"of.{name}"


def export(network: m.Network) -> onnx.ModelProto | None:
    """A network of stage ann as ONNX, without outputs.

    Args:
        network: with one input.

    Returns:
        None where an operator or a neuron is not among convolutions, matrices, average and largest
        windows, scalings, views, ReLU and clipping. Staircases stay with the interpreter, which
        rounds as the passes do.
    """
    from onnx import TensorProto, helper, numpy_helper

    made = _Graph(network)
    if len(network.inputs) != 1 or not all(made.add(p) for p in network.populations):
        return None
    entry = network.inputs[0]
    given = helper.make_tensor_value_info(
        _place(entry.name), TensorProto.FLOAT, ("N", *entry.shape)
    )
    constants = [numpy_helper.from_array(a, name) for name, a in made.constants.items()]
    nodes = [
        helper.make_node(kind, inputs, [output], **attributes)
        for kind, inputs, output, attributes in made.nodes
    ]
    graph = helper.make_graph(nodes, "ann", [given], [], constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)


class _Graph:
    """Nodes and constants of the model, population by population."""

    def __init__(self, network: m.Network) -> None:
        self._network = network
        self.nodes: list[tuple[str, list[str], str, dict[str, Any]]] = []
        self.constants: dict[str, Array] = {}

    def add(self, p: m.Population) -> bool:
        """Add a population; False where ONNX has no node that computes the same."""
        terms = []
        for incoming in p.incoming:
            value, shape = _place(incoming.source), self._network.source_shape(incoming.source)
            for op in incoming.ops:
                found = self._operator(op, value, shape)
                if found is None:
                    return False
                value, shape = found
            terms.append((value, shape))
        if not terms:
            return False
        total, shape = terms[0]
        for term, _ in terms[1:]:
            total = self._node("Add", [total, term])
        if p.bias is not None:
            bias = linear.broadcast_parameter(p.bias, shape, self._network.array)
            total = self._node("Add", [total, self._constant(bias)])
        return self._neuron(p, total)

    def _operator(
        self, op: m.Operator, value: str, shape: tuple[int, ...]
    ) -> tuple[str, tuple[int, ...]] | None:
        array = self._network.array
        after = shapes.chain_shape((op,), shape, lambda ref: array(ref).shape)
        if isinstance(op, m.Conv2d):
            convolved = self._node(
                "Conv",
                [value, self._constant(array(op.weight))],
                strides=op.strides,
                pads=op.pads,
                dilations=op.dilations,
                group=op.groups,
            )
            return convolved, after
        if isinstance(op, m.Dense):
            weight = self._constant(np.ascontiguousarray(array(op.weight).T))
            return self._node("MatMul", [value, weight]), after
        if isinstance(op, m.AvgPool2d):
            if op.ceil_mode:  # onnxruntime's versions count cells behind the padding differently
                return None
            mean = self._node(
                "AveragePool",
                [value],
                kernel_shape=op.kernel,
                strides=op.strides,
                pads=op.pads,
                count_include_pad=int(op.count_include_pad),
            )
            return mean, after
        if isinstance(op, m.Scale):
            factor = linear.broadcast_parameter(op.factor, shape, array)
            return self._node("Mul", [value, self._constant(factor)]), after
        if isinstance(op, m.Flatten | m.Reshape):
            name = f"constant.{len(self.constants)}"
            self.constants[name] = np.array((-1, *after), np.int64)
            return self._node("Reshape", [value, name]), after
        return None

    def _neuron(self, p: m.Population, value: str) -> bool:
        neuron, place = p.neuron, _place(p.name)
        if isinstance(neuron, m.Identity):
            self._node("Identity", [value], place)
        elif isinstance(neuron, m.Relu):
            self._node("Relu", [value], place)
        elif isinstance(neuron, m.Clip):
            high = linear.broadcast_parameter(neuron.high, p.shape, self._network.array)
            self._node("Min", [self._node("Relu", [value]), self._constant(high)], place)
        elif isinstance(neuron, m.MaxPool2d) and not neuron.ceil_mode:
            self._node(
                "MaxPool",
                [value],
                place,
                kernel_shape=neuron.kernel,
                strides=neuron.strides,
                pads=neuron.pads,
                dilations=neuron.dilations,
            )
        else:
            return False
        return True

    def _node(
        self, kind: str, inputs: list[str], output: str = "", **attributes: int | Sequence[int]
    ) -> str:
        output = output or f"value.{len(self.nodes)}"
        self.nodes.append((kind, inputs, output, attributes))
        return output

    def _constant(self, values: Array) -> str:
        name = f"constant.{len(self.constants)}"
        self.constants[name] = np.asarray(values, np.float32)
        return name
