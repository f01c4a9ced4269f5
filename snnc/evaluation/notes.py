"""What a reader of an evaluation should know beside its figures."""

from __future__ import annotations

from collections.abc import Iterator

from snnc.evaluation.inputs import takes_events
from snnc.evaluation.reference import AnnReference
from snnc.evaluation.settling import Settling
from snnc.ir import model as m


def network_notes(network: m.Network, ann: AnnReference | None, *, labelled: bool) -> Iterator[str]:
    """Why some measures are missing or what they mean."""
    if ann is None:
        yield "no ANN to compare with: ann_accuracy, agreement and layer errors are null"
    elif ann.engine == "interpreter":
        yield "the ANN is the stored network of stage ann, computed by the interpreter"
    if not labelled:
        yield "the data has no labels: accuracies are null"
    if takes_events(network) and ann is not None:
        yield "the ANN is given the mean of the events over the time steps"
    if len(network.heads) > 1:
        names = ", ".join(h.name for h in network.heads)
        yield f"of the heads {names} the last one answers"


def rest_notes(network: m.Network, settled: Settling | None, steps: int) -> Iterator[str]:
    """Of a network with gated input: what ended before it came to rest.

    Args:
        network: the spiking network.
        settled: when samples came to rest, None for other networks.
        steps: time steps of the run.
    """
    schedule = network.schedule
    if not isinstance(schedule, m.Gated) or settled is None or settled.unsettled == 0:
        return
    text = f"{settled.unsettled:,} of {settled.samples:,} samples had not come to rest"
    if steps < schedule.window:
        yield (
            f"{steps} time steps are fewer than the window of {schedule.window} in which input "
            f"acts, so {text}: read-outs are those of {steps} steps, not the quantised ANN's"
        )
    else:
        yield f"{text} after {steps} time steps: more --steps make them exact"
