"""Exit policies in whole numbers, for targets that decide inside the chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.answers import class_count, read_out_unit
from snnc.ir.exits import NEVER, asked_heads, budgets
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.tensors import Array
from snnc.ir.verify_integer_exits import LARGEST_SHIFT, one_unit
from snnc.passes.base import Context, Property
from snnc.passes.properties import FIXED
from snnc.passes.tensors import NewTensors

ONE = 2**16
"""What a table holds for the largest class: the unit of its probabilities."""
TABLES = "exit.tables"
MOST_ENTRIES = 2**16
_GONE = 64
"""An exponent at which a weight has long been rounded to 0."""

_FORMED = ("confidence", "margin")
_KEPT = ("patience", "fixed", "integer_confidence", "integer_margin")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerExit:
    """Let an exit policy compare whole numbers, as a chip counts them.

    `confidence` and `margin` become `integer_confidence` and `integer_margin`; `patience` and
    `fixed` compare none and stay. `entries`: the most that the table of a head may have, by which
    `integer_confidence` looks up the exponential of a difference (Li, Jones, Furber 2023, eq. 1 to
    3). With more entries fewer bits of a difference are left out.
    """

    name: ClassVar[str] = "integer-exit"
    requires: ClassVar[tuple[Property, ...]] = (FIXED,)
    ensures: ClassVar[tuple[Property, ...]] = (FIXED,)
    entries: int = 4096

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with the integer form of its policy.

        Raises:
            InputError: the policy has no integer form (SN747), a head counts its classes
                differently (SN749), or `entries` is out of range (SN721).
        """
        if not 2 <= self.entries <= MOST_ENTRIES:
            text = f"integer-exit: entries={self.entries} is not 2 to {MOST_ENTRIES}"
            raise InputError(Diagnostic("SN721", text))
        policy = network.exit
        if policy is None:
            context.note("integer-exit: the network has no exit policy")
            return network
        check_form(KEYWORD_OF[type(policy)], "depth" if budgets(policy) else "time")
        if not isinstance(policy, m.Confidence | m.Margin):
            return network
        check_units(network, asked_heads(policy))
        if isinstance(policy, m.Margin):
            return replace(network, exit=_margin(network, policy))
        return self._confidence(network, policy, context)

    def _confidence(self, network: m.Network, policy: m.Confidence, context: Context) -> m.Network:
        divisors = _divisors(network, policy)
        shifts = tuple(shift_of(divisor, self.entries) for divisor in divisors)
        tables = tables_of(divisors, shifts, self.entries)
        classes = class_count(network, network.heads[-1])
        tensors = NewTensors(network)
        whole = m.IntegerConfidence(
            heads=policy.heads,
            first_step=policy.first_step,
            last_step=policy.last_step,
            shifts=shifts,
            tables=tensors.put(TABLES, tables),
            limits=tuple(sum_limit(threshold, classes) for threshold in policy.thresholds),
        )
        errors = [
            probability_error(divisor, shift, classes)
            for divisor, shift in zip(divisors, shifts, strict=True)
        ]
        context.note(
            f"integer-exit: tables of {tables.shape[1]} entries; probabilities are off by at most "
            f"{max(errors):.2g}"
        )
        return tensors.attach(replace(network, exit=whole))


def check_form(rule: str, order: str) -> None:
    """Refuse a policy that cannot be decided with whole numbers.

    Args:
        rule: its name in the text form.
        order: `time` or `depth`.

    Raises:
        InputError: SN747.
    """
    if rule not in (*_FORMED, *_KEPT):
        text = f"the exit policy {rule} has no integer form"
        help_ = "use confidence, margin, patience or fixed"
        raise InputError(Diagnostic("SN747", text, "exit", help_))
    if order == "depth":
        text = f"the exit policy {rule} asks heads in order=depth, which has no integer form"
        raise InputError(Diagnostic("SN747", text, "exit", "use order=time"))


def check_units(network: m.Network, heads: Sequence[str]) -> None:
    """Refuse heads whose whole read-outs say nothing about the largest class.

    Args:
        network: at stage fixed.
        heads: names of those that are asked; the last head answers in any case.

    Raises:
        InputError: SN749.
    """
    for head in network.heads:
        population = network.population(head.population)
        answers = head.name in heads or head == network.heads[-1]
        if answers and not one_unit(network, head, population):
            text = f"head {head.name} counts one unit of different classes differently"
            help_ = f"give population {population.name} one positive scale, or ask other heads"
            raise InputError(Diagnostic("SN749", text, "exit", help_))


def _divisors(network: m.Network, policy: m.Confidence | m.Margin) -> list[Fraction]:
    """How many units of its whole read-out make 1 of `z`, for each asked head, exactly."""
    heads = {head.name: head for head in network.heads}
    found = []
    for name, temperature in zip(policy.heads, policy.temperatures, strict=True):
        unit = float(read_out_unit(network, heads[name])[0])
        # The product as the floating-point policy has it.
        found.append(Fraction(policy.alpha * temperature) / Fraction(unit))
    return found


def _margin(network: m.Network, policy: m.Margin) -> m.IntegerMargin:
    limits = [
        lead_limit(threshold, divisor)
        for threshold, divisor in zip(policy.thresholds, _divisors(network, policy), strict=True)
    ]
    return m.IntegerMargin(
        heads=policy.heads,
        first_step=policy.first_step,
        last_step=policy.last_step,
        limits=tuple(limits),
    )


def lead_limit(threshold: float, divisor: Fraction) -> int:
    """The largest whole lead whose `lead / divisor` is not above a threshold.

    A lead is at least 0, so -1 stands for any threshold below.
    """
    if math.isinf(threshold):
        return NEVER if threshold > 0 else -1
    return max(-1, min(NEVER, math.floor(Fraction(threshold) * divisor)))


def sum_limit(threshold: float, classes: int) -> int:
    """The limit of a sum of table entries so that `sum < limit` where `ONE / sum > threshold`.

    The sum has `ONE` for the largest class, so it is within `ONE` and `classes * ONE`; 0 is no
    sum's limit.
    """
    if threshold >= 1:
        return 0
    always = classes * ONE + 1
    if threshold <= 0:
        return always
    # A whole sum is below a number where it is below that number rounded up.
    return min(always, math.ceil(ONE / Fraction(threshold)))


def shift_of(divisor: Fraction, entries: int) -> int:
    """The fewest bits to leave out so that the last of `entries` entries is 0.

    Raises:
        InputError: SN721, no number of bits is enough.
    """
    for shift in range(LARGEST_SHIFT + 1):
        if _entry((entries - 1) << shift, divisor) == 0:
            return shift
    text = f"integer-exit: a difference of 1 in the exit's z is {float(divisor):g} units"
    raise InputError(Diagnostic("SN721", text, "exit", "use a smaller alpha"))


def tables_of(divisors: Sequence[Fraction], shifts: Sequence[int], entries: int) -> Array:
    """A row `ONE * exp(-(k << shift) / divisor)`, rounded, for each head, (heads, L) int64.

    L is at most `entries`: where all rows end with several zeros, one is enough.
    """
    rows = [
        [_entry(k << shift, divisor) for k in range(entries)]
        for divisor, shift in zip(divisors, shifts, strict=True)
    ]
    table = np.array(rows, np.int64)
    used = int(np.flatnonzero(table.any(axis=0))[-1]) + 1
    return table[:, : used + 1]


def _entry(difference: int, divisor: Fraction) -> int:
    exponent = difference / divisor
    return 0 if exponent > _GONE else round(ONE * math.exp(-float(exponent)))


def probability_error(divisor: Fraction, shift: int, classes: int) -> float:
    """By how much a table's largest probability `ONE / sum` can be off, at most.

    An entry stands for differences up to `(1 << shift) - 1` larger than its own, and is rounded: in
    units of `ONE`, a class of weight w counts as between `w - c` and `r w + c`, with
    `r = exp(((1 << shift) - 1) / divisor)` and `c = 1 / (2 ONE)` (the last entry included, whose
    weights are below c). With C = (classes - 1) c the probability 1 / (1 + x) is told as at most
    `C / (1 + C)` too large, and as too small by at most the maximum over x of
    `1 / (1 + x) - 1 / (1 + r x + C)`, which lies at `x = (s - 1 - C) / (s (s - 1))`, `s = sqrt(r)`.
    """
    rounding = (classes - 1) / (2 * ONE)
    root = math.exp(float(((1 << shift) - 1) / divisor) / 2)
    x = 0.0
    if root - 1 > rounding:
        x = min((root - 1 - rounding) / (root * (root - 1)), classes - 1.0)
    below = 1 / (1 + x) - 1 / (1 + rounding + root * root * x)
    return max(below, rounding / (1 + rounding))
