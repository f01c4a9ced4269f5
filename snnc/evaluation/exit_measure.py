"""The exits of a network on a data set: run with them, compare with the full-length run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from snnc.backends.reference.trace import Trace
from snnc.evaluation.costs import CostSums
from snnc.evaluation.energy import OperationCounts, estimates
from snnc.evaluation.exit_alternatives import Alternatives, fixed_steps
from snnc.evaluation.exit_sums import ExitSums, HeadSums
from snnc.evaluation.exits import ExitReport, RunCost
from snnc.evaluation.reference import AnnReference
from snnc.evaluation.settling import SettlingSums
from snnc.exits.search import silent_steps
from snnc.ir import exits
from snnc.ir import model as m
from snnc.ir.answers import classify
from snnc.ir.decide import Decider
from snnc.ir.fields import write_call
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.interpret import network_macs
from snnc.ir.tensors import Array


class ExitMeasure:
    """Gathers what a network's exit policy does.

    Args:
        network: with an exit policy.
        ann: the ANN, for its operations and the accuracy of its heads.
        full: whether full-length runs are given as well, each before the run with exits.

    Attributes:
        ann_heads: the heads whose values `count` needs of the ANN.
    """

    def __init__(self, network: m.Network, ann: AnnReference | None, *, full: bool) -> None:
        self.network = network
        self.ann = ann
        self.sums = ExitSums(network)
        self.alone = HeadSums(network) if full else None
        self.alternatives = Alternatives(network) if full else None
        known = () if ann is None else ann.network.heads
        names = {head.name for head in known} if full else set()
        self.ann_heads = tuple(head.name for head in network.heads if head.name in names)
        self._answers: Array | None = None

    def count(self, trace: Trace, labels: Array | None, logits: Mapping[str, Array]) -> None:
        """Add a run of a batch, with exits or without; `logits`: the ANN's, by head."""
        if trace.exits is not None:
            self.sums.add(trace, labels, self._answers)
            return
        if self.alone is None or self.alternatives is None:
            raise ValueError("no full-length run was announced")
        last = self.network.heads[-1]
        self._answers = classify(last, trace.outputs[last.name][-1])
        self.alternatives.add(trace, labels)
        if labels is not None:
            self.alone.add(trace, labels, {name: logits[name] for name in self.ann_heads})

    @property
    def mean_steps(self) -> float:
        """Mean time steps until the answer."""
        return self.sums.mean_steps

    def report(
        self, full: RunCost | None, curve: Sequence[float], settling: SettlingSums | None
    ) -> ExitReport:
        """The report of everything added so far.

        Args:
            full: costs of the full-length run, None where it was not made.
            curve: its accuracy after each step.
            settling: when its samples came to rest, for gated networks.
        """
        policy = self.network.exit
        assert policy is not None
        sums, other = self.sums, self.alternatives
        macs = None if self.ann is None else network_macs(self.ann.network)
        accuracy, silent = sums.accuracy, silent_steps(self.network)
        return ExitReport(
            policy=KEYWORD_OF[type(policy)],
            text=write_call(policy),
            thresholds=thresholds(self.network),
            order="depth" if exits.budgets(policy) else "time",
            stopped=cost_of(sums.mean_steps, sums.costs, sums.costs.operations(macs)),
            full=full,
            accuracy=accuracy,
            accuracy_full=curve[-1] if curve and other is not None else None,
            same_answer=None if other is None else sums.same / sums.samples,
            sure=sums.sure,
            ece=sums.calibration_error(),
            histogram=sums.histogram,
            heads=sums.heads(self.alone),
            front=None if other is None else other.front(),
            oracle=None if other is None else other.oracle(),
            fixed=None if other is None else fixed_steps(curve, accuracy, settling, silent),
            course=None if other is None else other.course(),
        )


def thresholds(network: m.Network) -> tuple[float, ...]:
    """What the scores of a network's policy must exceed; () where it has no thresholds."""
    if isinstance(network.exit, m.Patience | m.Fixed):
        return ()
    return Decider(network).limits()


def cost_of(steps: float, sums: CostSums, counts: OperationCounts) -> RunCost:
    """The mean costs of a run of `steps` time steps, with prices."""
    return RunCost(
        steps=steps,
        equivalent_steps=sums.equivalent_steps(),
        spikes=counts.spikes,
        synops=counts.synops,
        updates=counts.updates,
        energy=tuple(e.as_dict() for e in estimates(counts)),
    )
