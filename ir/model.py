"""The intermediate representation: frozen dataclasses, one `Network` for every stage.

A network is a list of populations in topological order. The value of a population is
`neuron(bias + sum over incoming of ops(source))`; `ops` is a chain of linear operators, so all
that is not linear is a neuron. A residual add is two `Incoming`s, a concatenation one
`Incoming` with an `Embed` per branch.

Shapes leave the batch axis out: `(C, H, W)` for images, `(N,)` for vectors. Every dataclass that
appears in the text form is a call `name(field=value, ...)`: `KEYWORDS` gives the name, the fields'
order is the printed order, a field that holds its default is printed all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from snnc.ir.codings import (
    Coding,
    Direct,
    Events,
    Graded,
    IntegerSpikeTime,
    Poisson,
    Rounded,
    SpikeTime,
)
from snnc.ir.exits import (
    Bayes,
    Confidence,
    Entropy,
    ExitPolicy,
    Fixed,
    IntegerConfidence,
    IntegerMargin,
    Margin,
    Patience,
)
from snnc.ir.neurons import (
    IF,
    POOL_NEURONS,
    TTFS,
    AnnNeuron,
    Clip,
    FixedNeuron,
    Identity,
    IntegerTTFS,
    Integrator,
    LeakyRelu,
    MaxGate2d,
    MaxPool2d,
    MaxRule,
    NegativeSpikes,
    Neuron,
    Quantized,
    Relu,
    Reset,
    Rounding,
    RunningMax2d,
    SpikingNeuron,
    Ties,
)
from snnc.ir.operators import (
    AvgPool2d,
    Conv2d,
    ConvTranspose2d,
    Dense,
    Embed,
    Flatten,
    Operator,
    Pad2d,
    Parameter,
    Ref,
    Reshape,
    Scale,
    Slice,
    Transpose,
    Upsample2d,
)
from snnc.ir.read_outs import FirstSpike, Logits, Membrane, Readout, SpikeCount
from snnc.ir.schedule import (
    PIPELINED,
    Gated,
    Phased,
    Pipelined,
    PipelinedGated,
    PipelinedPhased,
    Schedule,
    Synchronous,
)
from snnc.ir.tensors import Array, Shape, TensorRef, TensorStore

__all__ = [
    "IF",
    "KEYWORDS",
    "PIPELINED",
    "POOL_NEURONS",
    "TTFS",
    "AnnNeuron",
    "AvgPool2d",
    "Bayes",
    "Clip",
    "Coding",
    "Confidence",
    "Conv2d",
    "ConvTranspose2d",
    "Dense",
    "Direct",
    "Embed",
    "Entropy",
    "Events",
    "ExitPolicy",
    "FirstSpike",
    "Fixed",
    "FixedNeuron",
    "Flatten",
    "Gated",
    "Graded",
    "Head",
    "Identity",
    "Incoming",
    "Input",
    "IntegerConfidence",
    "IntegerMargin",
    "IntegerSpikeTime",
    "IntegerTTFS",
    "Integrator",
    "LeakyRelu",
    "Logits",
    "Margin",
    "MaxGate2d",
    "MaxPool2d",
    "MaxRule",
    "Membrane",
    "NegativeSpikes",
    "Network",
    "Neuron",
    "Operator",
    "Pad2d",
    "Parameter",
    "Patience",
    "Phased",
    "Pipelined",
    "PipelinedGated",
    "PipelinedPhased",
    "Poisson",
    "Population",
    "Quantized",
    "Readout",
    "Ref",
    "Relu",
    "Reset",
    "Reshape",
    "Rounded",
    "Rounding",
    "RunningMax2d",
    "Scale",
    "Schedule",
    "Slice",
    "SpikeCount",
    "SpikeTime",
    "SpikingNeuron",
    "Stage",
    "Synchronous",
    "Ties",
    "Transpose",
    "Upsample2d",
    "referenced_tensors",
    "references",
]

Stage: TypeAlias = Literal["ann", "snn", "fixed"]


# ---- inputs and heads -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the network: element type, shape of one sample, and how it comes in."""

    name: str
    dtype: str
    shape: Shape
    coding: Coding = field(default_factory=Direct)


@dataclass(frozen=True, slots=True)
class Head:
    """An output; several make a multi-exit network, in order of depth, the last always answers."""

    name: str
    population: str
    readout: Readout


# ---- network ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Incoming:
    """A connection: the source's value through a chain of linear operators.

    `delay` counts time steps (0: step t sees step t of the source).
    """

    source: str
    ops: tuple[Operator, ...] = ()
    delay: int = 0


@dataclass(frozen=True, slots=True)
class Population:
    """Neurons of one kind. `bias` has shape `(C,)` or that of the summed input.

    `scale`: ANN units of one spike per step in which the input acts (`Schedule.drive`), i.e. ANN
    activation ~ scale * firing rate; of an integrator those of one unit of potential. 1.0 until a
    pass normalises or quantises. `origin`: names of the ONNX nodes that this population stands for.
    """

    name: str
    shape: Shape
    neuron: Neuron
    bias: Ref | None = None
    scale: Parameter = 1.0
    origin: tuple[str, ...] = ()
    incoming: tuple[Incoming, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """A network at one stage. Equality leaves the store out: references hold digests.

    `populations`: sources stand before their users. `passes`: the specs that made this network.
    `schedule` is None at stage ann. `exit` says when a sample may stop before the schedule ends; it
    changes no spike up to there.
    """

    name: str
    stage: Stage
    inputs: tuple[Input, ...]
    populations: tuple[Population, ...]
    heads: tuple[Head, ...]
    passes: tuple[str, ...] = ()
    schedule: Schedule | None = None
    tensors: Mapping[str, TensorRef] = field(default_factory=dict)
    store: TensorStore = field(default_factory=TensorStore, compare=False, repr=False)
    exit: ExitPolicy | None = None

    def population(self, name: str) -> Population:
        """The population of that name; KeyError if there is none."""
        for population in self.populations:
            if population.name == name:
                return population
        raise KeyError(name)

    def source_shape(self, name: str) -> Shape:
        """The shape of an input or population; KeyError if there is neither."""
        sources: tuple[Input | Population, ...] = (*self.inputs, *self.populations)
        for source in sources:
            if source.name == name:
                return source.shape
        raise KeyError(name)

    def consumers(self, name: str) -> tuple[Population, ...]:
        """The populations that read `name`, in order."""
        return tuple(p for p in self.populations if any(i.source == name for i in p.incoming))

    def needed_by(self, name: str) -> frozenset[str]:
        """An input or population and all that its value depends on, by name."""
        sources = {p.name: [i.source for i in p.incoming] for p in self.populations}
        found: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(sources.get(current, ()))
        return frozenset(found)

    def array(self, ref: Ref) -> Array:
        """The read-only array a name stands for; KeyError if name or array is missing."""
        return self.store.get(self.tensors[ref.name])

    def with_arrays(self, arrays: Mapping[str, Array]) -> Network:
        """This network with the named tensors added or replaced (the store keeps the old)."""
        table = {**self.tensors, **{n: self.store.add(a) for n, a in arrays.items()}}
        return replace(self, tensors=dict(sorted(table.items())))

    def with_populations(self, populations: Iterable[Population]) -> Network:
        """This network with other populations; tensors nobody names any more are dropped."""
        changed = replace(self, populations=tuple(populations))
        used = set(referenced_tensors(changed))
        table = {name: ref for name, ref in sorted(self.tensors.items()) if name in used}
        return replace(changed, tensors=table)


def references(node: object) -> tuple[str, ...]:
    """Names of the tensors that one neuron, operator or parameter mentions."""
    if isinstance(node, Ref):
        return (node.name,)
    slots = getattr(type(node), "__dataclass_fields__", {})
    found: list[str] = []
    for name in slots:
        found.extend(references(getattr(node, name)))
    return tuple(found)


def referenced_tensors(network: Network) -> tuple[str, ...]:
    """Names of all tensors that populations and exit mention, in order, with repeats."""
    found: list[str] = []
    for population in network.populations:
        for part in (population.neuron, population.bias, population.scale):
            found.extend(references(part))
        for incoming in population.incoming:
            for op in incoming.ops:
                found.extend(references(op))
    found.extend(references(network.exit))
    return tuple(found)


KEYWORDS: dict[str, type] = {
    "dense": Dense,
    "conv2d": Conv2d,
    "conv_transpose2d": ConvTranspose2d,
    "avg_pool2d": AvgPool2d,
    "scale": Scale,
    "flatten": Flatten,
    "reshape": Reshape,
    "transpose": Transpose,
    "embed": Embed,
    "slice": Slice,
    "pad2d": Pad2d,
    "upsample2d": Upsample2d,
    "identity": Identity,
    "relu": Relu,
    "clip": Clip,
    "leaky_relu": LeakyRelu,
    "quantized": Quantized,
    "max_pool2d": MaxPool2d,
    "if": IF,
    "running_max2d": RunningMax2d,
    "max_gate2d": MaxGate2d,
    "integrator": Integrator,
    "ttfs": TTFS,
    "integer_ttfs": IntegerTTFS,
    "direct": Direct,
    "rounded": Rounded,
    "graded": Graded,
    "poisson": Poisson,
    "events": Events,
    "spike_time": SpikeTime,
    "integer_spike_time": IntegerSpikeTime,
    "logits": Logits,
    "membrane": Membrane,
    "spike_count": SpikeCount,
    "first_spike": FirstSpike,
    "synchronous": Synchronous,
    "gated": Gated,
    "pipelined": Pipelined,
    "pipelined_gated": PipelinedGated,
    "phased": Phased,
    "pipelined_phased": PipelinedPhased,
    "confidence": Confidence,
    "margin": Margin,
    "entropy": Entropy,
    "integer_margin": IntegerMargin,
    "integer_confidence": IntegerConfidence,
    "patience": Patience,
    "fixed": Fixed,
    "bayes": Bayes,
}
"""Every dataclass of the text form under its printed name."""
