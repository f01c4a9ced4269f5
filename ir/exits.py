"""Exit policies: when a sample's answer is sure enough to stop, and which head gives it.

`decide` executes them. In each time step the policy asks its heads for a score; the first whose
score exceeds its threshold answers, and the sample costs nothing more. A sample that no head is
sure of is answered by the last head at `last_step`.

Order `time`: all layers run in every step, and in each step the heads are asked in order of depth.
Order `depth`, the spatial exit: the layers that the first head needs run alone, for at most its
budget of steps; only for samples that it is not sure of do the layers of the next head start, with
the same spikes from their first step on (they were kept), and so on. All steps that a policy names
are then steps of the layers of the head that is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from snnc.ir.operators import Parameter, Ref

Order: TypeAlias = Literal["time", "depth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What most policies say: whom they ask, and when.

    Attributes:
        heads: names of the heads that are asked, in the network's order.
        first_step: before it, no head is sure.
        last_step: the step in which every sample is answered at the latest (order `depth`: a step
            of the last head's layers); None: the schedule's.
        order: see above.
        budgets: for order `depth`, time steps of each head but the last.
    """

    heads: tuple[str, ...]
    first_step: int = 1
    last_step: int | None = None
    order: Order = "time"
    budgets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scaled(Asking):
    """Policies on the read-out `O`, which grows with time: `z = O / (alpha * temperature)`.

    Attributes:
        alpha: the number of driven steps after which the read-out counts in full (Li, Jones,
            Furber 2023, eq. 3).
        temperatures: of each head (Guo et al. 2017).
        thresholds: of each head.
    """

    alpha: float
    temperatures: tuple[float, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence(_Scaled):
    """Dynamic Confidence: the largest probability of `softmax(z)`, at most 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin(_Scaled):
    """The difference between the two largest of `z`, without an upper bound.

    On first spikes it is by how many steps the first neuron is ahead, so that a threshold of 0
    stops a sample when the first one fires. Neurons that fire first in one step are a tie: no later
    step parts them, the margin stays 0, and the lowest index answers at `last_step`. `Confidence`
    and `Entropy` (threshold 0) see that some classes are ahead of others, stop at such a tie too,
    and give the same answer.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Entropy(_Scaled):
    """One less the entropy of `softmax(z)` over its largest possible value, between 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience(Asking):
    """The number of steps in a row with the same answer reaches `repeats` (one per head).

    All steps from the first one on count, also those before `first_step`.
    """

    repeats: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerMargin(Asking):
    """`margin` in whole numbers: sure where (largest - second largest) > limit.

    The values are whole read-outs, one per class: an integrator's potential, or a net number of
    spikes (a neuron's potential or the steps since its first spike are whole by themselves). Only
    networks of stage fixed have them. The score is the difference itself.

    Attributes:
        limits: of each head, between -1 (always sure) and `NEVER`.
    """

    limits: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerConfidence(Asking):
    """`confidence` in whole numbers: sure where a sum of table entries is below the limit.

    With whole read-outs (see `IntegerMargin`) `v_k`, `d_k = max(v) - v_k >= 0`, and the head's row
    of a table with L columns, the sum is `sum over k of table[min(d_k >> shift, L - 1)]`. A table
    of `exp(-d)` makes `table[0] / sum` the largest probability of the softmax, which is the score
    (Li, Jones, Furber 2023, eq. 1 to 3): for this the last column, which stands for every larger
    difference, is 0. No division and no exponential is left.

    Attributes:
        shifts: bits of the differences that each head leaves out.
        tables: whole numbers, (heads, L) int64, falling to 0 along each row.
        limits: of each head, at least 0 (never sure).
    """

    shifts: tuple[int, ...]
    tables: Ref
    limits: tuple[int, ...]


NEVER = 2**53
"""The limit of an integer margin that nobody exceeds: whole read-outs are exact below 2^51."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Every sample stops after `step` time steps; `head` answers."""

    head: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bayes:
    """BayesianSpikeFusion: spikes of internal heads are the prior of the last head's.

    With `N` driven steps, `K_i` the spike counts of head `i` (from 1) and the smoothed rate
    `E_1 = (K_1 + 1/2) / (N + 1)`, each further head has the prior `Beta(a, a (1/E - 1))` of mean
    `E` and strength `a / E`, and the posterior mean `(a + K_i) / (a / E + N)`, which is the next
    one's `E` (there smoothed alike). The last posterior mean answers (Habara, Sato, Awano 2024).

    Attributes:
        heads: the internal heads and the last one, which all count spikes.
        strength: `a` of each head but the first in each step, (len(heads) - 1, steps).
        threshold: of the probability that the best class is ahead of the runner-up.
        dispersion: factor of the posterior variances, one number or one per step (steps,).
        first_step: before it, no sample stops.
        last_step: the step in which every sample stops at the latest; None: the schedule's.
    """

    heads: tuple[str, ...]
    strength: Ref
    threshold: float
    dispersion: Parameter = 1.0
    first_step: int = 1
    last_step: int | None = None


ExitPolicy: TypeAlias = (
    Confidence | Margin | Entropy | IntegerMargin | IntegerConfidence | Patience | Fixed | Bayes
)
Scaled: TypeAlias = Confidence | Margin | Entropy
Whole: TypeAlias = IntegerMargin | IntegerConfidence
"""The policies that compare whole numbers."""


def asked_heads(policy: ExitPolicy) -> tuple[str, ...]:
    """The names of the heads whose read-outs a policy looks at."""
    return (policy.head,) if isinstance(policy, Fixed) else policy.heads


def deadline(policy: ExitPolicy, steps: int) -> int:
    """The step in which every sample is answered at the latest, in a run of `steps` steps."""
    last = policy.step if isinstance(policy, Fixed) else policy.last_step
    return steps if last is None else min(last, steps)


def budgets(policy: ExitPolicy) -> tuple[int, ...]:
    """The time steps of each internal head where heads are asked in order of depth, else none."""
    if isinstance(policy, Fixed | Bayes) or policy.order == "time":
        return ()
    return policy.budgets
