"""A report and an evaluation as JSON objects, with names that could break a page."""

from __future__ import annotations

from typing import Any

LAYER: dict[str, Any] = {
    "name": "<conv>&1",
    "onnx_nodes": ["/a<b>/Conv"],
    "neurons": 3,
    "spikes_per_sample": 12.5,
    "mean_rate": 0.1,
    "correlation": 0.99,
    "relative_error": 0.05,
    "clipped": 0.01,
    "silent": None,
    "errors": {"inherited": 0.1, "clipping": 0.2, "quantisation": 0.05, "unevenness": 0.0},
}
EVALUATION: dict[str, Any] = {
    "samples": 100,
    "ann_accuracy": 0.99,
    "snn_accuracy": 0.97,
    "agreement": 0.98,
    "steps": 4,
    "mean_steps": 4.0,
    "settled": None,
    "exactness": None,
    "accuracy_by_step": [0.5, 0.8, 0.9, 0.97],
    "spikes_per_sample": 12.5,
    "synops_per_sample": 1000.0,
    "ann_macs": None,
    "layers": [LAYER],
    "layer_samples": 100,
    "energy_estimates": [],
    "notes": ["one < two"],
}
REPORT: dict[str, Any] = {
    "network": "<script>alert(1)</script>",
    "target": "reference",
    "steps": 4,
    "pipeline": ["normalize"],
    "populations": [],
    "calibration": {"data": "", "samples": 0},
    "notes": [],
    "checks": [],
    "auto": None,
    "choice": None,
    "window": None,
    "evaluation": EVALUATION,
}
