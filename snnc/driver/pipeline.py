"""From a pipeline's text to passes, and the run with its hooks."""

from __future__ import annotations

from collections.abc import Sequence

from snnc.backends.base import Limits, Target
from snnc.diagnostics import Diagnostic, UsageError
from snnc.driver.hooks import PrintAfter
from snnc.evaluation.levels import most_levels
from snnc.ir.model import Network
from snnc.options import build_all
from snnc.passes import (
    CANDIDATE_PIPELINES,
    PASSES,
    QUANTISED_CANDIDATES,
    QUANTISED_PREPARATION,
)
from snnc.passes.base import Context, Pass
from snnc.passes.defaults import (
    MANY_LEVELS,
    default_pipeline,
    kind_of_network,
    mapping_mode,
)
from snnc.passes.manager import Hook, PipelineError, run_pipeline
from snnc.passes.trained_times import has_spike_times
from snnc.text import one_of


class PassCrashError(RuntimeError):
    """A pass failed in a way nobody foresaw; carries what a crash report needs."""

    def __init__(self, spec: str, network: Network) -> None:
        self.spec = spec
        self.network = network
        super().__init__(f"pass {spec} failed")


def build_pipeline(text: str, target: Target | None = None) -> tuple[Pass, ...]:
    """The passes of a pipeline, then those of the target.

    Raises:
        UsageError: an unknown pass or a malformed option (SN70x).
    """
    specs = [text]
    if target is not None:
        specs.extend(target.pipeline)
    return tuple(p for spec in specs for p in build_all(spec, PASSES))


def candidate_pipelines(network: Network, limits: Limits) -> dict[str, str]:
    """What `--auto` tries on a network of stage ann for a target, best first, by name.

    Raises:
        UsageError: SN936, the network was trained with spike times.
    """
    if has_spike_times(network):
        text = "--auto searches the time steps of a rate code, and the network has spike times"
        cure = "leave it out: the window is the one that the network was trained with"
        raise UsageError(Diagnostic("SN936", text, where="--auto", help=cure))
    kind = kind_of_network(network)
    if kind == "float":
        return dict(CANDIDATE_PIPELINES)
    mode, _ = mapping_mode(limits, 1, None)
    found = dict(QUANTISED_CANDIDATES)
    if kind == "mixed":
        spec = default_pipeline(network, limits).spec
        found = {m: spec.replace(f"mode={mode}", f"mode={m}") for m in ("qffs", "qcfs")}
    elif most_levels(network) > MANY_LEVELS:
        coarser = "requantize{bits=4,layers=all},calibrate-bias"
        found["4 bits"] = f"{QUANTISED_PREPARATION},{coarser},map-quantized{{mode={mode}}}"
    return {n: s for n, s in found.items() if mode == "qffs" or "mode=qffs" not in s}


def check_stop(passes: Sequence[Pass], stop_after: str | None) -> None:
    """Refuse a `--stop-after` that names no pass of the pipeline.

    Raises:
        UsageError: SN923.
    """
    names = [p.name for p in passes]
    if stop_after is not None and stop_after not in names:
        text = f'the pipeline has no pass "{stop_after}" to stop after{one_of(stop_after, names)}'
        raise UsageError(Diagnostic("SN923", text, where="--stop-after"))


def check_printed(hooks: Sequence[Hook], passes: Sequence[Pass]) -> None:
    """Refuse a `--print-ir-after` that names no pass of the pipeline and would print nothing.

    Raises:
        UsageError: SN923.
    """
    names = ["all", *(p.name for p in passes)]
    for hook in hooks:
        if isinstance(hook, PrintAfter) and hook.name not in names:
            text = f'the pipeline has no pass "{hook.name}" to print after'
            text += one_of(hook.name, names)
            raise UsageError(Diagnostic("SN923", text, where="--print-ir-after"))


def run_passes(
    network: Network,
    passes: Sequence[Pass],
    context: Context,
    hooks: Sequence[Hook] = (),
    stop_after: str | None = None,
) -> Network:
    """Run a pipeline; an unforeseen failure of a pass becomes a `PassCrashError`."""
    try:
        return run_pipeline(network, passes, context, hooks, stop_after=stop_after)
    except PipelineError as error:
        cause = error.__cause__ or error
        raise PassCrashError(error.failure.spec, error.failure.before) from cause
