"""The manager checks around every pass and keeps the record."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

import nets
import pytest
from pass_tools import make_context, run_specs

from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.options import build, parse_specs
from snnc.passes import CANDIDATE_PIPELINES, DEFAULT_PIPELINE, PASSES, QUANTISED_CANDIDATES
from snnc.passes.base import Context, Property
from snnc.passes.manager import PipelineError, run_pipeline
from snnc.passes.properties import ANN


def test_every_pass_is_in_the_table_under_its_name_with_a_docstring():
    for name, cls in PASSES.items():
        assert cls.name == name
        assert (cls.__doc__ or "").strip().split("\n")[0].endswith((".", ":"))


def test_default_and_candidate_pipelines_are_valid_specs():
    candidates = (*CANDIDATE_PIPELINES.values(), *QUANTISED_CANDIDATES.values())
    for specs in (DEFAULT_PIPELINE, *candidates):
        for name, options in parse_specs(specs):
            build(PASSES[name], options)


def test_the_network_records_what_made_it():
    made = run_specs(nets.plain(), "fold-batch-norm,max-pool,normalize{percentile=99.0}")
    assert made.passes == ("fold-batch-norm", "max-pool", "normalize{percentile=99.0}")


def test_a_pass_that_does_not_apply_says_what_it_needs():
    with pytest.raises(InputError, match=r"SN710.*normalize needs stage ann.*at stage snn"):
        run_specs(nets.plain(), "max-pool,normalize,to-spiking,normalize")
    with pytest.raises(InputError, match=r"SN710.*pool0 does not read one population"):
        run_specs(nets.max_pool(), "normalize")


def test_hooks_see_every_pass_and_stop_after_stops():
    seen = []
    context = make_context(nets.plain())
    passes = [PASSES[n]() for n in ("fold-batch-norm", "fuse-linear", "max-pool")]
    made = run_pipeline(
        nets.plain(),
        passes,
        context,
        [lambda index, spec, before, after: seen.append((index, spec, before != after))],
        stop_after="fuse-linear",
    )
    assert seen == [(1, "fold-batch-norm", True), (2, "fuse-linear", True)]
    assert made.passes == ("fold-batch-norm", "fuse-linear")
    assert context.reference is not None


def test_the_reference_is_the_last_network_that_computes_what_the_trained_one_does():
    context = make_context(nets.plain())
    run_specs(nets.plain(), "fold-batch-norm,max-pool,requantize,fuse-linear", context)
    assert context.approximated
    assert context.reference.passes == ("fold-batch-norm", "max-pool")


@dataclass(frozen=True)
class Breaking:
    """A pass with a bug."""

    name: ClassVar[str] = "breaking"
    requires: ClassVar[tuple[Property, ...]] = (ANN,)
    ensures: ClassVar[tuple[Property, ...]] = (ANN,)
    how: str = "raise"

    def run(self, network: m.Network, context: Context) -> m.Network:
        if self.how == "raise":
            raise ZeroDivisionError
        if self.how == "promise":
            return replace(network, stage="snn", schedule=m.Synchronous(1))
        return replace(network, heads=(m.Head("out", "nowhere", m.Logits()),))


@pytest.mark.parametrize(
    ("how", "cause"),
    [("raise", "^$"), ("promise", "SN711.*stage ann"), ("verify", "SN711.*nowhere")],
)
def test_a_bug_in_a_pass_keeps_the_network_before_it(how, cause):
    network = nets.plain()
    with pytest.raises(PipelineError) as caught:
        run_pipeline(network, [Breaking(how)], Context())
    assert caught.value.failure.before == network
    assert re.search(cause, str(caught.value.__cause__))
