"""Populations as the lowering makes them: names, origins, and the ONNX tensor each one equals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from snnc.frontend import naming
from snnc.frontend import values as v
from snnc.frontend.nodes import Node
from snnc.frontend.tensors import TensorTable
from snnc.ir import model as m
from snnc.ir import shapes
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Made:
    """A finished population, the ONNX tensor it equals, and the views from that tensor to it."""

    population: m.Population
    tensor: str
    views: tuple[v.View, ...] = ()


class Builder:
    """Collects inputs, populations and tensors of one network in topological order."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = tuple(nodes)
        self.tensors = TensorTable()
        self.inputs: list[m.Input] = []
        self.made: dict[str, Made] = {}

    def unique(self, name: str) -> str:
        """`name`, or `name_2`, `name_3`, ... if an input or population has it already."""
        taken = {i.name for i in self.inputs} | set(self.made)
        unique, count = name, 1
        while unique in taken:
            count += 1
            unique = f"{name}_{count}"
        return unique

    def input(self, name: str, dtype: str, shape: tuple[int, ...]) -> v.Value:
        """Declare an input of the network."""
        unique = self.unique(naming.identifier(name))
        self.inputs.append(m.Input(unique, dtype, shape))
        return v.source_value(unique, shape)

    def population(
        self,
        neuron: m.Neuron,
        value: v.Value,
        tensor: str,
        node: Node | None = None,
        views: tuple[v.View, ...] | None = None,
        inner: Sequence[Node] = (),
    ) -> v.Value:
        """Make the population `neuron(value)` and return its value as the tensor is laid out.

        Args:
            neuron: Applied in the layout of the terms; its parameters must have that layout.
            value: The summed input.
            tensor: The ONNX tensor that the population equals.
            node: The nonlinear node, if there is one.
            views: From the population's layout to the tensor's; None: those of the value.
            inner: Nodes that make up the neuron, the one to name it after first; it takes its name
                from them only if there are no others.
        """
        own = {n.index for n in (*inner, *((node,) if node else ()))}
        nodes = [self.nodes[i] for i in sorted({*value.nodes, *own})]
        outer = [n for n in nodes if n.index not in own] or [*inner[:1]] if inner else nodes
        name = self.unique(self._wanted(outer, tensor))
        shape = shapes.neuron_shape(neuron, value.inner)
        made = m.Population(
            name,
            shape,
            neuron,
            bias=self._bias(value.bias, f"{name}.bias"),
            origin=tuple(n.name for n in nodes),
            incoming=tuple(m.Incoming(t.source, t.ops) for t in value.terms),
        )
        views = v.simplify_views(value.views if views is None else views, shape)
        self.made[name] = Made(made, tensor, v.inverse_views(views, shape))
        return v.source_value(name, shape, views)

    def _wanted(self, nodes: list[Node], tensor: str) -> str:
        if not nodes:
            return naming.identifier(tensor)
        return naming.base_name(naming.naming_node(nodes))

    def materialise(self, value: v.Value, tensor: str) -> v.Value:
        """The value as an `Identity` population of its own, unless it is one already."""
        return value if v.is_source(value) else self.population(m.Identity(), value, tensor)

    def amend(self, name: str, neuron: m.Neuron, node: Node, tensor: str) -> None:
        """Give a population another neuron, when a later node only changes its activation."""
        made = self.made[name]
        origin = (*made.population.origin, node.name)
        population = replace(made.population, neuron=neuron, origin=origin)
        self.made[name] = replace(made, population=population, tensor=tensor)

    def _bias(self, bias: Array | None, name: str) -> m.Ref | None:
        if bias is None or not np.any(bias):
            return None
        return self.tensors.add(name, v.per_channel(bias))
