"""Fan-in beyond a core of TrueNorth, by partial sums of rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snnc.backends.truenorth.chip import TRUENORTH
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.passes.base import Context, Property
from snnc.passes.properties import FIXED


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFanIn:
    """Rewrite populations whose neurons need more axons than a core has (stage fixed).

    `policy=rate`: their inputs are cut into groups. Of each group, partial neurons add up the
    positive and the negative weights apart and send a spike for every load that has come together,
    which is worth that load to the neuron. What a neuron has received in all is off by a load for
    each group at most, but comes in larger pieces, so that spikes move and counts change a little.
    `copies` of each partial neuron take turns, which makes the load so many times smaller; they
    cost as many times the axons and neurons. A load is a power of two; `copies` of them hold what
    comes in a step in 99 of 100 cases and on average in every sample, in a run of `samples`
    calibration samples. `load` gives it, if it is not 0. `policy=error` refuses such populations.
    `axons`: of a core. `wide`: whether a population is split where a `neuron` needs more axons, or
    also where those of all channels at a `place` of its image do together: single neurons that just
    fit are exact, but each has a core of its own.
    """

    name: ClassVar[str] = "split-fan-in"
    requires: ClassVar[tuple[Property, ...]] = (FIXED,)
    ensures: ClassVar[tuple[Property, ...]] = (FIXED,)
    policy: Literal["rate", "error"] = "rate"
    axons: int = 256
    copies: int = 4
    load: int = 0
    samples: int = 64
    wide: Literal["neuron", "place"] = "neuron"

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network in which every neuron fits a core; as it was where all do.

        Raises:
            InputError: a bad option (SN721), no calibration data (SN705), a population that is not
                to be split (SN786), that cannot be (SN787), or whose inputs come faster than
                partial neurons can send (SN788).
        """
        self._check_options()
        from snnc.passes.splitting import split  # scipy.sparse is slow to import

        return split(self, network, context)

    def _check_options(self) -> None:
        largest = TRUENORTH.largest_strength
        checks = (
            (1 <= self.axons <= TRUENORTH.axons, "axons", self.axons, f"1 to {TRUENORTH.axons}"),
            (0 <= self.load <= largest, "load", self.load, f"0 to {largest}"),
            (1 <= self.copies <= 64, "copies", self.copies, "1 to 64"),
            (self.samples >= 1, "samples", self.samples, "1 or more"),
        )
        for fine, option, value, accepted in checks:
            if not fine:
                text = f"{self.name}: {option}={value} is not {accepted}"
                raise InputError(Diagnostic("SN721", text))
