"""The passes, by name, and the pipelines made of them."""

from __future__ import annotations

from snnc.passes.add_latency import AddLatency
from snnc.passes.base import Pass
from snnc.passes.calibrate import CalibrateBias, CalibratePotential
from snnc.passes.encode_inputs import EncodeInputs
from snnc.passes.fit_ttfs_kernels import FitTtfsKernels
from snnc.passes.fold_batch_norm import FoldBatchNorm
from snnc.passes.fold_chains import FoldChains
from snnc.passes.fold_quantizers import FoldQuantizers
from snnc.passes.fuse_linear import FuseLinear
from snnc.passes.insert_classifiers import InsertClassifiers
from snnc.passes.integer_exit import IntegerExit
from snnc.passes.map_quantized import MapQuantized
from snnc.passes.max_pool import MaxPool
from snnc.passes.normalize import Normalize
from snnc.passes.quantize_weights import QuantizeWeights
from snnc.passes.requantize import Requantize
from snnc.passes.schedule_ttfs import ScheduleTtfs
from snnc.passes.set_exit import SetExit
from snnc.passes.spike_heads import SpikeHeads
from snnc.passes.split_fan_in import SplitFanIn
from snnc.passes.to_gates import ToGates
from snnc.passes.to_spiking import ToSpiking

PASSES: dict[str, type[Pass]] = {
    cls.name: cls
    for cls in (
        InsertClassifiers,
        FoldBatchNorm,
        FuseLinear,
        MaxPool,
        FoldQuantizers,
        Requantize,
        Normalize,
        ToSpiking,
        MapQuantized,
        ScheduleTtfs,
        FitTtfsKernels,
        CalibrateBias,
        CalibratePotential,
        SpikeHeads,
        EncodeInputs,
        FoldChains,
        QuantizeWeights,
        SplitFanIn,
        ToGates,
        AddLatency,
        SetExit,
        IntegerExit,
    )
}
"""Every pass, in the order in which a pipeline usually has them."""

PREPARATION = "fold-batch-norm,fuse-linear,max-pool"
QUANTISED_PREPARATION = f"{PREPARATION},fold-quantizers"
DEFAULT_PIPELINE = f"{PREPARATION},normalize{{method=mmse}},to-spiking,calibrate-potential"
"""The most accurate pipeline with plain (unsigned) spikes over T = 1 to 64;
benchmarks/normalization.py prints the table that it was chosen from."""

TTFS_PIPELINE = f"{PREPARATION},normalize{{method=max}},schedule-ttfs,fit-ttfs-kernels"
"""Time to first spike without training; benchmarks/ttfs.py prints the table behind it."""
TTFS_TRAINED_PIPELINE = f"{PREPARATION},schedule-ttfs"
"""Time to first spike with the kernels that a network was trained with."""

CANDIDATE_PIPELINES: dict[str, str] = {
    "mmse, potential": DEFAULT_PIPELINE,
    "percentile, potential": f"{PREPARATION},normalize,to-spiking,calibrate-potential",
    "percentile, bias": f"{PREPARATION},normalize,to-spiking,calibrate-bias",
    "mmse": f"{PREPARATION},normalize{{method=mmse}},to-spiking",
}
"""What `--auto` tries on networks with continuous activations, best first."""

QUANTISED_CANDIDATES: dict[str, str] = {
    "qffs": f"{QUANTISED_PREPARATION},map-quantized{{mode=qffs}}",
    "qcfs, potential": f"{QUANTISED_PREPARATION},map-quantized{{mode=qcfs}},calibrate-potential",
    "qcfs": f"{QUANTISED_PREPARATION},map-quantized{{mode=qcfs}}",
}
"""What `--auto` tries on networks with quantised activations, best first."""
