"""The connections of a network as Lava processes, and the text that makes and joins them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from snnc.backends.loihi.layout import lava_kernel, lava_shape
from snnc.backends.loihi.names import Names
from snnc.ir import model as m
from snnc.ir.latency import HOP
from snnc.ir.shapes import operator_shape
from snnc.ir.tensors import Array, Shape

LINE = 92
"""Characters of a statement inside a method."""

SPARSE_SIZE = 16384
SPARSE_SHARE = 0.25
"""From that many weights on, a matrix with at most that share of non-zeros becomes `Sparse`.

Measured of the products that Lava 0.10.0 makes (int32, NumPy 1.26 and SciPy 1.15): with a quarter
of non-zeros that of compressed rows is 4 to 5 times as fast from 147,456 weights on and takes half
the memory; with 5,184 weights and fewer it is the slower one.
"""


@dataclass(slots=True)
class Lines:
    """Statements of a layer: processes, then wires; arrays go to weights.npz."""

    processes: list[str] = field(default_factory=list)
    wires: list[str] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)


def call(kind: str, last: str = "", /, **arguments: object) -> str:
    """`Kind(a=1, b=2, last)`; arguments that are None are left out."""
    given = [f"{name}={value}" for name, value in arguments.items() if value is not None]
    return f"{kind}({', '.join([*given, last] if last else given)})"


def wrapped(statement: str) -> list[str]:
    """A statement of one call as lines that are short enough."""
    if len(statement) <= LINE or "(" not in statement:
        return [statement]
    head, _, rest = statement.partition("(")
    inner = rest[:-1]
    if len(inner) + 4 <= LINE:
        return [f"{head}(", f"    {inner}", ")"]
    return [f"{head}(", *(f"    {part}," for part in _arguments(inner)), ")"]


def _arguments(text: str) -> list[str]:
    """The arguments of a call, cut at commas outside brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()]


class Connection:
    """One connection on its way from the source's port to the target's."""

    def __init__(self, lines: Lines, names: Names, stem: str, port: str, shape: Shape) -> None:
        self._lines = lines
        self._names = names
        self._stem = stem
        self._port = port
        self._shape = shape

    def delayed(self, steps: int, exponent: int = 0) -> None:
        """Put a Delay into the way; of 0 steps none is needed."""
        if steps == 0:
            return
        name = self._names.new(f"{self._stem}_delay")
        factor = exponent or None
        made = call("Delay", shape=lava_shape(self._shape), delay=steps, weight_exp=factor)
        self._through(name, "Delay", made)

    def shaped(self, op: m.Flatten | m.Reshape) -> None:
        """Another shape of the same elements, in ONNX's order."""
        after = operator_shape(op, self._shape, _no_tensor)
        if after == self._shape:
            return
        self._port += f"{_transposed(self._shape)}"
        self._port += ".flatten()" if len(after) == 1 else f".reshape({after})"
        self._port += _transposed(after)
        self._shape = after

    def convolved(self, conv: m.Conv2d, weight: Array, exponent: int, bits: int) -> None:
        """Put a Conv into the way; the stock model ignores weight_exp, so the weights have it."""
        kernel = lava_kernel(conv, weight)
        name = self._names.new(self._stem)
        self._lines.arrays[name] = kernel.weight.astype(np.int8)
        shift = f" << {exponent}" if exponent else ""
        made = call(
            "Conv",
            weight=f'w["{name}"]{shift}',
            input_shape=lava_shape(self._shape),
            stride=kernel.stride if kernel.stride != (1, 1) else None,
            padding=kernel.padding if kernel.padding != (0, 0) else None,
            dilation=kernel.dilation if kernel.dilation != (1, 1) else None,
            groups=kernel.groups if kernel.groups != 1 else None,
            num_message_bits=bits,
        )
        self._through(name, "Conv", made)
        self._shape = operator_shape(conv, self._shape, lambda _ref: weight.shape)

    def multiplied(self, weight: Array, exponent: int, bits: int) -> None:
        """Put a Dense, or a Sparse where most weights are zero, into the way.

        Lava drops the last bit of 8-bit weights of mixed signs, so twice the weights are given to
        it, and half of the sum is taken.
        """
        name = self._names.new(self._stem)
        self._lines.arrays[name] = weight.astype(np.int8)
        thin = np.count_nonzero(weight) <= SPARSE_SHARE * weight.size
        kind = "Sparse" if thin and weight.size >= SPARSE_SIZE else "Dense"
        self._lines.kinds |= {"csr"} if kind == "Sparse" else set()
        made = call(
            kind,
            weights=f'2 * w["{name}"]' if kind == "Dense" else f'csr_matrix(2 * w["{name}"])',
            weight_exp=exponent - 1 or None,
            num_message_bits=bits,
        )
        self._through(name, kind, made)
        self._shape = (len(weight),)

    def ends_at(self, port: str) -> list[str]:
        """The wire to the target."""
        return _wire(self._port, port)

    def _through(self, name: str, kind: str, made: str) -> None:
        self._lines.kinds.add(kind)
        self._lines.processes.extend(wrapped(f"self.{name} = {made}"))
        self._lines.wires.extend(_wire(self._port, f"self.{name}.s_in"))
        self._port = f"self.{name}.a_out"


def _wire(port: str, target: str) -> list[str]:
    line = f"{port}.connect({target})"
    return [line] if len(line) <= LINE else [f"{port}.connect(", f"    {target}", ")"]


def exponent_of(ops: tuple[m.Operator, ...]) -> int:
    """The weight exponent that a scale at the end of a chain stands for."""
    factors = [op.factor for op in ops if isinstance(op, m.Scale)]
    return sum(int(math.log2(f)) for f in factors if not isinstance(f, m.Ref))


def lay(
    connection: Connection, network: m.Network, incoming: m.Incoming, bits: int, hop: int
) -> None:
    """Lead a connection through all that it consists of.

    Args:
        connection: at the source's port.
        network: whose tensors are used.
        incoming: what is laid.
        bits: of the source's messages.
        hop: time steps that the connection takes by itself where it has no weights.
    """
    exponent = exponent_of(incoming.ops)
    weighted = any(isinstance(op, m.Conv2d | m.Dense) for op in incoming.ops)
    if weighted:
        connection.delayed(incoming.delay)
    else:
        connection.delayed(incoming.delay + hop, exponent)
    for op in incoming.ops:
        if isinstance(op, m.Conv2d):
            connection.convolved(op, network.array(op.weight), exponent, bits)
        elif isinstance(op, m.Dense):
            connection.multiplied(network.array(op.weight), exponent, bits)
        elif isinstance(op, m.Flatten | m.Reshape):
            connection.shaped(op)


def hop_of(neuron: m.Neuron) -> int:
    """Steps of a connection without weights; a running maximum brings the hop itself."""
    return 0 if isinstance(neuron, m.RunningMax2d) else HOP


def _transposed(shape: Shape) -> str:
    """From ONNX's order of axes to Lava's or back: nothing for vectors."""
    axes = tuple(reversed(range(len(shape))))
    return "" if len(shape) == 1 else f".transpose({axes})"


def _no_tensor(ref: m.Ref) -> Shape:
    raise KeyError(ref.name)
