"""Why a conversion lost accuracy: the first bad layer, the kind of its error, what to try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snnc.evaluation.layers import LayerReport
from snnc.evaluation.result import Evaluation

COLLAPSE_POINTS = 2.0
"""A drop of more than this many points below the ANN is explained without being asked."""

BAD_OWN_ERROR = 0.1
"""A layer is bad when the error that arises in it is above this share of its mean activation."""

ADVICE = {
    "clipping": (
        "activations are larger than the highest rate can say: normalise with a higher "
        "percentile or the maximum (--passes ...,normalize{percentile=99.99},...), or add "
        "calibration samples"
    ),
    "quantisation": (
        "the number of steps is too small for the rates of this layer: raise --steps, normalise "
        "with a lower percentile or per channel, or retrain with quantised activations"
    ),
    "unevenness": (
        "spikes arrive unevenly, so neurons fire too often or too late: raise --steps, add "
        "calibrate-bias or calibrate-potential, or let neurons take spikes back "
        "(to-spiking{signed=true})"
    ),
}


ROUNDED = {
    "clipping": ADVICE["clipping"],
    "quantisation": (
        "the rates of this layer have another grid than its quantisation levels: raise --steps, "
        "to a multiple of the levels best, or map-quantized{mode=qffs}, which is exact"
    ),
    "unevenness": (
        "spikes arrive unevenly, so neurons fire too often or too late: raise --steps, add "
        "calibrate-potential, or map-quantized{mode=qffs}, whose neurons take spikes back"
    ),
}
"""The same for networks whose activations the ANN rounds."""

TIMED = {
    "clipping": (
        "activations are larger than what the earliest spike is worth: run fit-ttfs-kernels, "
        "normalise with a higher percentile or the maximum, or add calibration samples"
    ),
    "quantisation": (
        "spike times are too coarse for this layer, or values below its least one are not sent: "
        "run fit-ttfs-kernels, take a longer window with a larger tau "
        "(schedule-ttfs{window=...,tau=...}), or prune less"
    ),
    "unevenness": (
        "neurons fire before all their input has come: a smaller early_fire in schedule-ttfs, or "
        "none"
    ),
}
"""The same for networks whose values are spike times."""

UNSETTLED = (
    "the run ended before the spikes came to rest: raise --steps to the window and the number of "
    "layers at least; with many levels, requantize{bits=4,layers=all} needs far fewer steps"
)
SETTLED = (
    "the network came to rest, so it computes its quantised form exactly and more steps change "
    "nothing: more bits (requantize{bits=...}), calibrate-bias behind requantize, or more "
    "calibration samples"
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What went wrong first. `drop_points` is None where there are no accuracies."""

    layer: str
    onnx_nodes: tuple[str, ...]
    cause: str
    own_error: float
    parts: dict[str, float]
    drop_points: float | None
    first_bad: bool
    advice: str

    def as_dict(self) -> dict[str, Any]:
        """The diagnosis as a JSON object."""
        return {
            "layer": self.layer,
            "onnx_nodes": list(self.onnx_nodes),
            "cause": self.cause,
            "own_error": self.own_error,
            "parts": dict(self.parts),
            "drop_points": self.drop_points,
            "first_bad": self.first_bad,
            "advice": self.advice,
        }

    def __str__(self) -> str:
        nodes = ", ".join(f'"{n}"' for n in self.onnx_nodes) or "(no ONNX node)"
        which = (
            "the first bad layer is" if self.first_bad else "the layer with the largest error is"
        )
        parts = ", ".join(f"{name} {100 * share:.1f} %" for name, share in self.parts.items())
        lines = [
            f"{which} {self.layer}, ONNX node {nodes}: mostly {self.cause}",
            f"  error over mean activation: {parts}",
            f"  try: {self.advice}",
        ]
        if self.drop_points is not None:
            lines.insert(0, f"the spiking network is {self.drop_points:.2f} points below the ANN")
        return "\n".join(lines)


def drop_points(evaluation: Evaluation) -> float | None:
    """By how many points the spiking network is below the ANN; None without accuracies."""
    if evaluation.snn_accuracy is None or evaluation.ann_accuracy is None:
        return None
    return 100.0 * (evaluation.ann_accuracy - evaluation.snn_accuracy)


def exit_drop_points(evaluation: Evaluation) -> float | None:
    """By how many points the answers at the exits are below the ANN; None without accuracies."""
    found = evaluation.exit
    if found is None or found.accuracy is None or evaluation.ann_accuracy is None:
        return None
    return 100.0 * (evaluation.ann_accuracy - found.accuracy)


def collapsed(evaluation: Evaluation) -> bool:
    """Whether so much accuracy (without labels: agreement) is lost that it must be explained."""
    drop = drop_points(evaluation)
    if drop is not None:
        return drop > COLLAPSE_POINTS
    return evaluation.agreement is not None and evaluation.agreement < 1 - COLLAPSE_POINTS / 100


def diagnose(evaluation: Evaluation) -> Diagnosis | None:
    """The first layer whose own error is large, else the worst one; None without an ANN."""
    judged = [layer for layer in evaluation.layers if layer.errors is not None]
    if not judged:
        return None
    bad = next((layer for layer in judged if _own(layer) > BAD_OWN_ERROR), None)
    layer = bad if bad is not None else max(judged, key=_own)
    errors = layer.errors
    if errors is None or errors.own == 0:
        return None
    return Diagnosis(
        layer=layer.name,
        onnx_nodes=layer.onnx_nodes,
        cause=errors.main_cause,
        own_error=errors.own,
        parts=errors.as_dict(),
        drop_points=drop_points(evaluation),
        first_bad=bad is not None,
        advice=_advice(evaluation, errors.main_cause),
    )


def _advice(evaluation: Evaluation, cause: str) -> str:
    """What to try, by the cause and by whether the network is quantised or has spike times."""
    if evaluation.phases is not None:
        return TIMED[cause]
    if evaluation.settled is not None:
        return UNSETTLED if evaluation.settled.unsettled else SETTLED
    return ROUNDED[cause] if evaluation.levels else ADVICE[cause]


def _own(layer: LayerReport) -> float:
    return layer.errors.own if layer.errors is not None else 0.0
