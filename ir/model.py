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

from snnc.ir.tensors import Array, Shape, TensorRef, TensorStore

Stage: TypeAlias = Literal["ann", "snn", "fixed"]
Reset: TypeAlias = Literal["subtract", "zero", "none"]
MaxRule: TypeAlias = Literal["running_max", "gate"]
NegativeSpikes: TypeAlias = Literal["none", "retract", "leaky"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor by its name in the network's table, printed `@name`."""

    name: str


Parameter: TypeAlias = float | Ref
"""One number for all neurons, or a tensor of shape `(C,)` (per channel) or of the full shape."""


# ---- linear operators ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dense:
    """`y = W x`; weight `(out, in)`, input `(in,)`."""

    weight: Ref


@dataclass(frozen=True, slots=True)
class Conv2d:
    """Cross-correlation as ONNX Conv; weight `(out, in / groups, kh, kw)`, input `(in, H, W)`.

    `pads` is `(top, left, bottom, right)`, filled with zero.
    """

    weight: Ref
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True, slots=True)
class ConvTranspose2d:
    """As ONNX ConvTranspose; weight `(in, out / groups, kh, kw)`, input `(in, H, W)`."""

    weight: Ref
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    output_padding: tuple[int, int] = (0, 0)
    groups: int = 1


@dataclass(frozen=True, slots=True)
class AvgPool2d:
    """Mean over windows, as ONNX AveragePool.

    The divisor counts the window's cells inside the image, with `count_include_pad` also those in
    the padding; cells that only `ceil_mode` adds behind the padding never count.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    count_include_pad: bool = False
    ceil_mode: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """`y = factor * x`, one factor for all, per channel `(C,)`, or elementwise (full shape)."""

    factor: Parameter


@dataclass(frozen=True, slots=True)
class Flatten:
    """`(C, H, W)` to `(C * H * W,)`, row-major."""


@dataclass(frozen=True, slots=True)
class Reshape:
    """Another shape of the same elements, row-major."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Transpose:
    """`axes[i]` is the input axis (batch axis left out) that becomes output axis `i`."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Embed:
    """Put the input at `offset` along `axis` of a tensor of zeros of length `size` there."""

    axis: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Elements `start, start + step, ... < stop` along `axis`."""

    axis: int
    start: int
    stop: int
    step: int = 1


@dataclass(frozen=True, slots=True)
class Pad2d:
    """Zeros around an image; `pads` is `(top, left, bottom, right)`."""

    pads: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Upsample2d:
    """Nearest-neighbour upsampling by whole factors: every pixel becomes a block."""

    factors: tuple[int, int]


Operator: TypeAlias = (
    Dense
    | Conv2d
    | ConvTranspose2d
    | AvgPool2d
    | Scale
    | Flatten
    | Reshape
    | Transpose
    | Embed
    | Slice
    | Pad2d
    | Upsample2d
)


# ---- neurons ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identity:
    """`y = x`: a linear value that several consumers share, or an output. Stage ann."""


@dataclass(frozen=True, slots=True)
class Relu:
    """`y = max(x, 0)`. Stage ann."""


@dataclass(frozen=True, slots=True)
class Clip:
    """`y = min(max(x, 0), high)`. Stage ann."""

    high: Parameter


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """`y = x` for `x >= 0`, else `slope * x`; slope `>= 0`. Stage ann."""

    slope: Parameter


@dataclass(frozen=True, slots=True)
class MaxPool2d:
    """Largest value of each window; padding never wins. Stage ann.

    Its summed input has another shape than the population: `shapes.neuron_shape` relates them.
    `spiking` names the rule that stands for it among spikes.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    ceil_mode: bool = False
    spiking: MaxRule = "running_max"


@dataclass(frozen=True, slots=True)
class IF:
    """Integrate-and-fire, formulas 1.1 and 3.8 to 3.11. Stages snn and fixed.

    Each step: `U = leak * V + input`; spike `S` in `{-1, 0, 1}`; then the reset.

    - `S = 1` where `U >= threshold` and the net count `N` of spikes is below `max_spikes`.
    - `negative_spikes="retract"`: `S = -1` where `U < 0` and `N > min_spikes`.
    - `negative_spikes="leaky"`: `S = -1` where `U <= -threshold / slope` (formulas 1.6).
    - `reset="subtract"`: `V = U - threshold * S` (`+ threshold / slope` for a leaky `S = -1`);
      `reset="zero"`: `V = 0` where `S != 0`; `reset="none"`: `V = U`.

    `max_spikes` and `min_spikes` of None mean no bound.
    """

    threshold: Parameter = 1.0
    reset: Reset = "subtract"
    v_init: Parameter = 0.0
    leak: float = 1.0
    negative_spikes: NegativeSpikes = "none"
    slope: Parameter = 1.0
    max_spikes: int | None = None
    min_spikes: int | None = None


@dataclass(frozen=True, slots=True)
class RunningMax2d:
    """Exact max pooling of spike trains (formulas 1.7): `M(t) = max C_k(t)`, `S = M(t) - M(t-1)`.

    `C_k(t)` is the summed input of cell k of the window up to and with step t. Stages snn, fixed.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    ceil_mode: bool = False


@dataclass(frozen=True, slots=True)
class MaxGate2d:
    """Approximate max pooling: the input of the cell with the largest count passes (1.7).

    The count includes the current step; ties go to the lowest index. Stages snn and fixed.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    ceil_mode: bool = False


@dataclass(frozen=True, slots=True)
class Integrator:
    """Accumulates its input and never fires: `V = V + input`. Stages snn and fixed."""

    v_init: Parameter = 0.0


AnnNeuron: TypeAlias = Identity | Relu | Clip | LeakyRelu | MaxPool2d
SpikingNeuron: TypeAlias = IF | RunningMax2d | MaxGate2d | Integrator
Neuron: TypeAlias = AnnNeuron | SpikingNeuron
POOL_NEURONS = (MaxPool2d, RunningMax2d, MaxGate2d)


# ---- inputs, heads, schedule -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Direct:
    """The analog value acts as a constant current in every step (direct coding)."""


@dataclass(frozen=True, slots=True)
class Poisson:
    """Bernoulli spikes of probability `min(|x| / scale, 1)` and the sign of x, seeded."""

    scale: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Events:
    """The caller brings an array `(T, ...)`: its own input for every step."""


Coding: TypeAlias = Direct | Poisson | Events


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the network; `low` and `high` of its values where they are known."""

    name: str
    dtype: str
    shape: Shape
    coding: Coding = Direct()


@dataclass(frozen=True, slots=True)
class Logits:
    """Read the population's value (stage ann). `host`: operators left to the host, in order."""

    host: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Membrane:
    """Read the membrane potential of an integrator, which is `steps * logits`."""

    host: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpikeCount:
    """Read the net number of spikes; the population's `scale` turns a rate into ANN units."""

    host: tuple[str, ...] = ()


Readout: TypeAlias = Logits | Membrane | SpikeCount


@dataclass(frozen=True, slots=True)
class Head:
    """An output; several make a multi-exit network, in order of depth, the last always answers."""

    name: str
    population: str
    readout: Readout


@dataclass(frozen=True, slots=True)
class Synchronous:
    """All populations, the input and the bias act in each of the `steps` time steps."""

    steps: int


Schedule: TypeAlias = Synchronous


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

    `scale`: ANN units of one spike per step, i.e. ANN activation ~ scale * firing rate; 1.0 until
    a pass normalises. `origin`: names of the ONNX nodes that this population stands for.
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
    `schedule` is None at stage ann.
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
    """Names of all tensors that the populations mention, in order, with repeats."""
    found: list[str] = []
    for population in network.populations:
        for part in (population.neuron, population.bias, population.scale):
            found.extend(references(part))
        for incoming in population.incoming:
            for op in incoming.ops:
                found.extend(references(op))
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
    "max_pool2d": MaxPool2d,
    "if": IF,
    "running_max2d": RunningMax2d,
    "max_gate2d": MaxGate2d,
    "integrator": Integrator,
    "direct": Direct,
    "poisson": Poisson,
    "events": Events,
    "logits": Logits,
    "membrane": Membrane,
    "spike_count": SpikeCount,
    "synchronous": Synchronous,
}
"""Every dataclass of the text form under its printed name."""
