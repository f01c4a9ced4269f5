"""Evaluations with exits as JSON objects, with figures that are easy to follow."""

from __future__ import annotations

from typing import Any

import report_examples

FOUND: dict[str, Any] = {
    "policy": "confidence",
    "text": 'confidence(heads=["final"])',
    "threshold": 0.5,
    "thresholds": [0.5],
    "order": "time",
    "mean_steps": 2.25,
    "steps_full": 4.0,
    "equivalent_steps": 2.25,
    "accuracy": 0.95,
    "accuracy_full": 0.97,
    "same_answer": 0.98,
    "sure": 0.9,
    "spikes_per_sample": 1200.0,
    "spikes_full": 2400.0,
    "synops_per_sample": 5e6,
    "synops_full": 2e7,
    "updates_per_sample": 0.0,
    "updates_full": 0.0,
    "energy": {
        "with": [{"name": "45nm-cmos", "picojoules": 4.5e6}],
        "without": [{"name": "45nm-cmos", "picojoules": 1.8e7}],
    },
    "histogram": {"1": 20, "2": 50, "4": 30},
    "heads": [
        {
            "name": "internal<",
            "share": 0.75,
            "mean_steps": 2.0,
            "accuracy": 0.96,
            "accuracy_full": 0.9,
            "ann_accuracy": 0.91,
        },
        {
            "name": "final",
            "share": 0.0,
            "mean_steps": None,
            "accuracy": None,
            "accuracy_full": 0.97,
            "ann_accuracy": None,
        },
    ],
    "ece": 0.0123,
    "pareto": [
        {"threshold": 0.25, "mean_steps": 1.5, "accuracy": 0.96},
        {"threshold": 0.75, "mean_steps": 2.5, "accuracy": 0.9651},
        {"threshold": None, "mean_steps": 4.0, "accuracy": 0.97},
    ],
    "oracle": [{"mean_steps": 1.0, "accuracy": 0.5}, {"mean_steps": 1.4, "accuracy": 0.99}],
    "fixed": {
        "step": 3,
        "mean_steps": 2.75,
        "accuracy": 0.96,
        "t_star": 4,
        "t_star_mean_steps": 4.0,
        "t_star_accuracy": 0.97,
        "best_step": 4,
        "best_accuracy": 0.97,
    },
    "score": None,
}
EVALUATION: dict[str, Any] = {
    **report_examples.EVALUATION,
    "accuracy_by_step": [0.5, 0.8, 0.96, 0.97],
    "spikes_per_sample": 2400.0,
    "synops_per_sample": 2e7,
    "layers": [],
    "layer_samples": 0,
    "notes": [],
    "exit": FOUND,
}
