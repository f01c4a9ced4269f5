"""Invariants SN2xx: every shape follows from its sources, every parameter fits its population."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from snnc.ir import model as m
from snnc.ir import shapes
from snnc.ir.hints import KEYWORD_OF, field_types
from snnc.ir.tensors import Shape
from snnc.ir.verify_base import (
    STAGES,
    Finding,
    Invariant,
    known_tensors,
    place,
    sources,
    tensor_shape,
)

Windowed: TypeAlias = m.AvgPool2d | m.MaxPool2d | m.RunningMax2d | m.MaxGate2d

_POSITIVE = ("strides", "dilations", "kernel", "groups", "factors", "step")
_NOT_NEGATIVE = ("pads", "output_padding")


def _dimensions(network: m.Network) -> Iterator[Finding]:
    entities = [(i.shape, f"input {i.name}") for i in network.inputs]
    entities += [(p.shape, place(p)) for p in network.populations]
    entities += [(ref.shape, f"tensor @{name}") for name, ref in network.tensors.items()]
    for shape, where in entities:
        if not shape or any(n < 1 for n in shape):
            message = f"the shape {list(shape)} is not a list of sizes from 1"
            yield message, where, "the batch axis is left out; a single value has the shape [1]"


def _geometry(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        pools = [population.neuron] if isinstance(population.neuron, m.POOL_NEURONS) else []
        nodes = [*pools, *(op for i in population.incoming for op in i.ops)]
        for node in nodes:
            name = KEYWORD_OF.get(type(node), type(node).__name__)
            for field in field_types(type(node)):
                lowest = 1 if field in _POSITIVE else 0 if field in _NOT_NEGATIVE else None
                value = getattr(node, field)
                numbers = value if isinstance(value, tuple) else (value,)
                if lowest is not None and any(n < lowest for n in numbers):
                    shown = list(value) if isinstance(value, tuple) else value
                    message = f'field "{field}" of {name} is {shown}; {lowest} is the least'
                    yield message, place(population), ""


def term_shapes(
    network: m.Network, population: m.Population
) -> Iterator[tuple[m.Incoming, Shape | shapes.ShapeError]]:
    """Every incoming connection with the shape it brings, or why it brings none.

    Connections whose source or tensors are unknown are left out: other invariants report those.
    """
    known = sources(network)
    for incoming in population.incoming:
        if incoming.source not in known or not all(
            known_tensors(network, op) for op in incoming.ops
        ):
            continue
        try:
            start = known[incoming.source].shape
            yield incoming, shapes.chain_shape(incoming.ops, start, tensor_shape(network))
        except shapes.ShapeError as error:
            yield incoming, error


def summed(network: m.Network, population: m.Population) -> Shape | None:
    """The shape of the summed input, where the connections say one and the same."""
    found = {shape for _, shape in term_shapes(network, population)}
    return (
        next((s for s in found if not isinstance(s, Exception)), None) if len(found) == 1 else None
    )


def _chains(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        for incoming, shape in term_shapes(network, population):
            if isinstance(shape, shapes.ShapeError):
                yield f"the connection from {incoming.source}: {shape}", place(population), ""


def _terms(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        terms = [
            (incoming.source, list(shape))
            for incoming, shape in term_shapes(network, population)
            if not isinstance(shape, shapes.ShapeError)
        ]
        if any(shape != terms[0][1] for _, shape in terms):
            listed = ", ".join(f"{source} brings {shape}" for source, shape in terms)
            yield f"connections bring different shapes: {listed}", place(population), ""


def _declared(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        shape = summed(network, population)
        if shape is None:
            continue
        try:
            computed = shapes.neuron_shape(population.neuron, shape)
        except shapes.ShapeError as error:
            yield str(error), place(population), ""
            continue
        if computed != population.shape:
            yield (
                f"the shape is {list(population.shape)}, the connections make {list(computed)}",
                place(population),
                "declare the computed shape",
            )


def _bias(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        shape = summed(network, population)
        if population.bias is not None and shape is not None:
            yield from _fits(network, population, population.bias, shape, "the bias")


def _parameters(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        yield from _fits(network, population, population.scale, population.shape, "the scale")
        neuron = population.neuron
        if isinstance(neuron, m.IntegerTTFS):  # its tables go by time step: see SN432
            continue
        for field in field_types(type(neuron)):
            value = getattr(neuron, field)
            what = f'field "{field}" of {KEYWORD_OF.get(type(neuron), "the neuron")},'
            yield from _fits(network, population, value, population.shape, what)


def _fits(
    network: m.Network, population: m.Population, value: object, shape: Shape, what: str
) -> Iterator[Finding]:
    if not isinstance(value, m.Ref) or value.name not in network.tensors:
        return
    try:
        shapes.check_parameter(value, shape, tensor_shape(network), what)
    except shapes.ShapeError as error:
        yield str(error), place(population), "per channel or the full shape, nothing else"


def _windows(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        for pool, shape in _pools(network, population):
            if len(shape) == 3 and _empty_window(pool, (shape[1], shape[2])):
                yield (
                    f"a window of {KEYWORD_OF[type(pool)]} lies wholly in the padding",
                    place(population),
                    "make the pads smaller than the window",
                )


def _pools(network: m.Network, population: m.Population) -> Iterator[tuple[Windowed, Shape]]:
    """Poolings whose result is undefined for an empty window, with the shape they get."""
    known = sources(network)
    for incoming, end in term_shapes(network, population):
        if isinstance(end, shapes.ShapeError):
            continue
        shape = known[incoming.source].shape
        for op in incoming.ops:
            if isinstance(op, m.AvgPool2d) and not op.count_include_pad:
                yield op, shape
            shape = shapes.operator_shape(op, shape, tensor_shape(network))
    total = summed(network, population)
    if isinstance(population.neuron, m.POOL_NEURONS) and total is not None:
        yield population.neuron, total


def _empty_window(pool: Windowed, size: tuple[int, int]) -> bool:
    try:
        counts = shapes.window_counts(size, pool)
    except shapes.ShapeError:
        return False
    dilations = (1, 1) if isinstance(pool, m.AvgPool2d) else pool.dilations
    for axis in (0, 1):
        for index in range(counts[axis]):
            start = index * pool.strides[axis] - pool.pads[axis]
            cells = (start + dilations[axis] * k for k in range(pool.kernel[axis]))
            if not any(0 <= cell < size[axis] for cell in cells):
                return True
    return False


INVARIANTS = (
    Invariant("SN201", STAGES, "every operator fits what it is applied to", _chains),
    Invariant("SN202", STAGES, "the terms of a sum have one shape", _terms),
    Invariant("SN203", STAGES, "declared shapes are the computed ones", _declared),
    Invariant("SN204", STAGES, "a bias is per channel or of the summed shape", _bias),
    Invariant("SN205", STAGES, "parameters are numbers, per channel or full", _parameters),
    Invariant("SN206", STAGES, "sizes are whole numbers from 1", _dimensions),
    Invariant("SN207", STAGES, "strides, kernels, groups >= 1; pads >= 0", _geometry),
    Invariant("SN208", STAGES, "every pooling window has a cell inside", _windows),
)
