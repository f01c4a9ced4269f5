"""The neurons: activation functions at stage ann, spiking neurons at stages snn and fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from snnc.ir.operators import Parameter, Ref

Reset: TypeAlias = Literal["subtract", "zero", "none"]
MaxRule: TypeAlias = Literal["running_max", "gate"]
NegativeSpikes: TypeAlias = Literal["none", "retract", "leaky"]
Rounding: TypeAlias = Literal["ceil", "round"]
Ties: TypeAlias = Literal["up", "even"]


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
class Quantized:
    """A uniform staircase: `y = step * n`, `n = clip(floor(x / step + shift), lowest, levels)`.

    QCFS with threshold lambda and L levels (Bu et al. 2022, eq. 4) is `step = lambda / L`,
    `levels = L`; LSQ of b bits (Esser et al. 2020, eq. 1 and 2) is `levels = 2^b - 1`. `lowest`
    is 0 or, for signed activations, below it. `ties="even"` rounds `x / step` to the nearest whole
    number and exact halves to the even one, as ONNX Round and QuantizeLinear do; it goes with a
    shift of 0.5. Stage ann.
    """

    step: Parameter
    levels: int
    lowest: int = 0
    shift: Parameter = 0.5
    ties: Ties = "up"

    @property
    def signed(self) -> bool:
        """Whether it has levels below zero."""
        return self.lowest < 0


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
    """Integrate-and-fire. Stages snn and fixed.

    Soft reset: Rueckauer et al. 2017; negative spikes and the cap: Li, Ma, Furber 2022.

    Each step: `U = leak * V + input`, held within `-saturation` to `saturation` (None: unbounded)
    as a register of some bits does; spike `S` in `{-1, 0, 1}`; then the reset.

    - `S = 1` where `U >= threshold` and the net count `N` of spikes is below `max_spikes`.
    - `negative_spikes="retract"`: `S = -1` where `U < 0` and `N > min_spikes`.
    - `negative_spikes="leaky"`: `S = -1` where `U <= -threshold / slope` (Kim et al. 2020).
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
    saturation: float | None = None


@dataclass(frozen=True, slots=True)
class RunningMax2d:
    """Exact max pooling of spike trains: `M(t) = max C_k(t)`, `S = M(t) - M(t-1)`.

    `C_k(t)` is the summed input of cell k of the window up to and with step t. Stages snn, fixed.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    ceil_mode: bool = False


@dataclass(frozen=True, slots=True)
class MaxGate2d:
    """Approximate max pooling: the cell with the largest count passes (Rueckauer et al. 2017).

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


@dataclass(frozen=True, slots=True)
class TTFS:
    """Time to first spike: one spike at most, and its time is the value (Park et al. 2020).

    `V = V + bias + sum of w * value of the source's spike`; in step t of its fire window, from 0,
    it fires where `V >= threshold * exp((delay - t) / tau)`, once, and is silent from then on, its
    potential at 0. That spike is worth `threshold * exp((delay - t) / tau)` to its readers
    (Park and Yoon 2021, eq. 3 to 5). `rounding="round"` compares with the threshold of `t + 1/2`,
    so that the value is the nearest one on the scale of t. It fires in the first `steps` steps of
    the window only: `steps` levels, of ratio `exp(1 / tau)`.

    Stages ann and snn. At stage ann it is the function that this computes, the surrogate with which
    such networks are trained: `snnc.ir.spike_times` has it.
    """

    tau: float
    steps: int
    delay: float = 0.0
    threshold: float = 1.0
    rounding: Rounding = "round"


@dataclass(frozen=True, slots=True)
class IntegerTTFS:
    """`TTFS` with its kernel written out in whole numbers. Stage fixed.

    In step t of the fire window it fires where `V >= thresholds[t]`; that spike is worth
    `values[t]`. `values` is (steps,), `thresholds` (steps,) or (steps, C), one per channel.
    """

    values: Ref
    thresholds: Ref


AnnNeuron: TypeAlias = Identity | Relu | Clip | LeakyRelu | Quantized | MaxPool2d | TTFS
SpikingNeuron: TypeAlias = IF | RunningMax2d | MaxGate2d | Integrator | TTFS
FixedNeuron: TypeAlias = IF | RunningMax2d | MaxGate2d | Integrator | IntegerTTFS
Neuron: TypeAlias = AnnNeuron | SpikingNeuron | FixedNeuron
POOL_NEURONS = (MaxPool2d, RunningMax2d, MaxGate2d)
