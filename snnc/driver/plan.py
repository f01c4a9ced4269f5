"""All passes of a compilation in order, and their run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from snnc.backends.base import Target
from snnc.diagnostics import Diagnostic, UsageError
from snnc.driver.classifiers import INSERTING, classifiers_spec
from snnc.driver.exits import COUNTING, counts_spikes, is_given, reads_membranes
from snnc.driver.hooks import Shifted
from snnc.driver.pipeline import build_pipeline, check_printed, check_stop, run_passes
from snnc.driver.wishes import CompileOptions
from snnc.exits.requests import Request
from snnc.ir.model import Network
from snnc.options import format_spec
from snnc.passes.base import Context, Pass
from snnc.passes.manager import Hook
from snnc.passes.set_exit import SetExit


@dataclass(frozen=True, slots=True)
class Plan:
    """The passes of a compilation.

    Attributes:
        inserting: what adds classifiers to the imported network; the ANN has them, too.
        passes: the pipeline.
        counting: what lets heads spike, for a policy that needs it; run where they do not.
        target: passes of the target.
        setting: what sets an exit policy that was given in full.
    """

    inserting: tuple[Pass, ...]
    passes: tuple[Pass, ...]
    counting: tuple[Pass, ...] = ()
    target: tuple[Pass, ...] = ()
    setting: tuple[Pass, ...] = ()

    @property
    def everything(self) -> tuple[Pass, ...]:
        """All passes in order."""
        return (*self.inserting, *self.passes, *self.counting, *self.target, *self.setting)


def make_plan(
    pipeline: str, options: CompileOptions, target: Target, request: Request | None
) -> Plan:
    """The plan of a pipeline with everything that the options add to it.

    Raises:
        UsageError: an unknown pass or option (SN70x), insert-classifiers behind another pass
            (SN936), or an option that names a pass which is not there (SN923).
    """
    inserting = added_classifiers(options)
    general = build_pipeline(pipeline)
    _check_first(general)
    leading = tuple(p for p in general if p.name == INSERTING)
    counting = build_pipeline(COUNTING) if request is not None and counts_spikes(request) else ()
    given = (SetExit(policy=format_spec(request)),) if request and is_given(request) else ()
    plan = Plan(
        (*inserting, *leading),
        general[len(leading) :],
        () if any(p.name == COUNTING for p in general) else counting,
        _own_passes(target, general),
        given,
    )
    check_stop(plan.everything, options.stop_after)
    check_printed(options.hooks, plan.everything)
    return plan


def _own_passes(target: Target, general: Sequence[Pass]) -> tuple[Pass, ...]:
    """The passes of the target, without those that the pipeline names with options of its own."""
    names = {step.name for step in general}
    return tuple(p for p in build_pipeline(",".join(target.pipeline)) if p.name not in names)


def added_classifiers(options: CompileOptions) -> tuple[Pass, ...]:
    """The pass that `classifiers` asks for."""
    if options.classifiers is None:
        return ()
    return build_pipeline(classifiers_spec(options.classifiers))


def _check_first(passes: Sequence[Pass]) -> None:
    """Refuse insert-classifiers behind another pass.

    Statistics and the ANN that everything is compared with are those of the network with all its
    heads, so these must be there before anything else happens.
    """
    for before, step in pairwise(passes):
        if step.name == INSERTING and before.name != INSERTING:
            text = f"{INSERTING} stands behind {before.name}; a compilation needs it in front"
            cure = "put it first, or use --classifiers"
            raise UsageError(Diagnostic("SN936", text, "--passes", cure))


def run_plan(
    plan: Plan,
    network: Network,
    context: Context,
    hooks: Sequence[Hook] = (),
    stop_after: str | None = None,
) -> Network:
    """Run everything behind the inserted classifiers; hooks count all passes of the plan."""
    if any(step.name == stop_after for step in plan.inserting):
        return network
    done = len(plan.inserting)
    for part in (plan.passes, plan.counting, plan.target, plan.setting):
        if part is plan.counting and not reads_membranes(network):
            continue
        shifted = [Shifted(hook, done) for hook in hooks] if done else hooks
        network = run_passes(network, part, context, shifted, stop_after)
        done += len(part)
        if any(step.name == stop_after for step in part):
            break
    return network
