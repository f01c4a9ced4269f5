"""The passes, by name, and the pipelines made of them."""

from __future__ import annotations

from snnc.passes.base import Pass
from snnc.passes.calibrate import CalibrateBias, CalibratePotential
from snnc.passes.fold_batch_norm import FoldBatchNorm
from snnc.passes.fuse_linear import FuseLinear
from snnc.passes.max_pool import MaxPool
from snnc.passes.normalize import Normalize
from snnc.passes.to_spiking import ToSpiking

PASSES: dict[str, type[Pass]] = {
    cls.name: cls
    for cls in (
        FoldBatchNorm,
        FuseLinear,
        MaxPool,
        Normalize,
        ToSpiking,
        CalibrateBias,
        CalibratePotential,
    )
}
"""Every pass, in the order in which a pipeline usually has them."""

PREPARATION = "fold-batch-norm,fuse-linear,max-pool"
DEFAULT_PIPELINE = f"{PREPARATION},normalize{{method=mmse}},to-spiking,calibrate-potential"
"""The most accurate pipeline with plain (unsigned) spikes over T = 1 to 64;
benchmarks/normalization.py prints the table that it was chosen from."""

CANDIDATE_PIPELINES: dict[str, str] = {
    "mmse, potential": DEFAULT_PIPELINE,
    "percentile, potential": f"{PREPARATION},normalize,to-spiking,calibrate-potential",
    "percentile, bias": f"{PREPARATION},normalize,to-spiking,calibrate-bias",
    "mmse": f"{PREPARATION},normalize{{method=mmse}},to-spiking",
}
"""What `--auto` tries, best first."""
