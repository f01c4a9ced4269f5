"""The options of exit policies, as a user gives them: None is left to be fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from snnc.ir.exits import Order

Score: TypeAlias = Literal["any", "softmax", "margin"]
Strength: TypeAlias = Literal["auto", "likelihood", "accuracy"]

DEFAULT_LUCK = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamic:
    """What all policies take that stop some samples earlier than others.

    Attributes:
        heads: names of the heads that are asked; None: all of them and the last one alone are both
            tried.
        first_step: before it, nobody is asked.
        last_step: the step in which every sample is answered at the latest; None: searched.
        luck: how many standard errors the fitted accuracy must lie above what is demanded.
    """

    heads: tuple[str, ...] | None = None
    first_step: int = 1
    last_step: int | None = None
    luck: float = DEFAULT_LUCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered(Dynamic):
    """Policies that can ask heads in order of depth.

    Attributes:
        order: `time`, or `depth` for the spatial exit.
        budgets: for order `depth`, time steps of each head but the last; None: searched.
    """

    order: Order = "time"
    budgets: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ScaledRequest(Ordered):
    """Policies on scaled read-outs.

    Attributes:
        threshold: of all heads; None: fitted.
        alpha: steps after which a read-out counts in full; None: searched, or if a threshold is
            given the number of steps in which the network's input acts.
        temperature: of all heads; None: calibrated per head, or if a threshold is given 1.
    """

    threshold: float | None = None
    alpha: float | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceRequest(_ScaledRequest):
    """Dynamic Confidence.

    Attributes:
        score: the largest probability of the softmax, the margin between the two best, or whichever
            is faster. A given threshold or alpha means the softmax.
    """

    name: ClassVar[str] = "confidence"
    score: Score = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRequest(_ScaledRequest):
    """The difference between the two best classes."""

    name: ClassVar[str] = "margin"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyRequest(_ScaledRequest):
    """One less the normalised entropy of the softmax."""

    name: ClassVar[str] = "entropy"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatienceRequest(Ordered):
    """The same answer for a number of steps in a row.

    Attributes:
        repeats: that number, of all heads; None: fitted.
    """

    name: ClassVar[str] = "patience"
    repeats: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedRequest:
    """The same number of steps for every sample.

    Attributes:
        step: that number; None: fitted.
        head: the head that answers; None: the last one.
        luck: as for the other policies.
    """

    name: ClassVar[str] = "fixed"
    step: int | None = None
    head: str | None = None
    luck: float = DEFAULT_LUCK


@dataclass(frozen=True, slots=True, kw_only=True)
class BayesRequest(Dynamic):
    """BayesianSpikeFusion; its tables are always fitted.

    Attributes:
        threshold: of the probability that the best class is ahead; None: fitted.
        strength: how the strength of the prior is fitted: by the marginal likelihood of the last
            head's counts, by the accuracy of the answers, or by default.
    """

    name: ClassVar[str] = "bayes"
    threshold: float | None = None
    strength: Strength = "auto"


ScaledRequest: TypeAlias = ConfidenceRequest | MarginRequest | EntropyRequest
Request: TypeAlias = ScaledRequest | PatienceRequest | FixedRequest | BayesRequest

REQUESTS: dict[str, type[Request]] = {
    cls.name: cls
    for cls in (
        ConfidenceRequest,
        MarginRequest,
        EntropyRequest,
        PatienceRequest,
        FixedRequest,
        BayesRequest,
    )
}
"""The policies by the name that a user writes."""
