"""The IR text after every pass of the default pipelines, as files that a person can review."""

from __future__ import annotations

import re
from dataclasses import replace

import nets
import pytest
from pass_tools import make_context

from snnc.backends import TARGETS
from snnc.ir.print import to_text
from snnc.options import build, parse_specs
from snnc.passes import PASSES
from snnc.passes.defaults import default_pipeline
from snnc.passes.manager import run_pipeline

NETWORKS = {n: nets.NETWORKS[n] for n in ("plain", "residual", "max_pool")} | nets.QUANTISED


@pytest.mark.parametrize("name", NETWORKS)
def test_the_default_pipeline_writes_these_texts(name, golden):
    network = NETWORKS[name]()
    context = replace(make_context(network, steps=16), steps_given=name not in nets.QUANTISED)
    spec = default_pipeline(network, TARGETS["reference"].limits).spec
    passes = [build(PASSES[n], options) for n, options in parse_specs(spec)]

    def compare(index, spec, before, after):
        # Digests of computed weights depend on the last bit of a rounding: left out.
        text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:...", to_text(after))
        golden(f"{name}/{index:02}-{passes[index - 1].name}.snn", text)

    golden(f"{name}/00-import.snn", re.sub(r"sha256:[0-9a-f]{64}", "sha256:...", to_text(network)))
    run_pipeline(network, passes, context, [compare])


@pytest.mark.parametrize("name", ["residual", "quantised"])
def test_the_passes_of_target_loihi_write_these_texts(name, golden):
    network = NETWORKS[name]()
    context = replace(make_context(network, steps=16), steps_given=name not in nets.QUANTISED)
    target = TARGETS["loihi"]
    spec = ",".join([default_pipeline(network, target.limits).spec, *target.pipeline])
    passes = [build(PASSES[n], options) for n, options in parse_specs(spec)]

    def compare(index, spec, before, after):
        if passes[index - 1].name in target.pipeline:
            text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:...", to_text(after))
            # The last bits of a factor depend on the version of NumPy.
            text = re.sub(r"\d+\.\d{6,}(e-?\d+)?", lambda n: f"{float(n[0]):.4g}", text)
            golden(f"{name}-loihi/{index:02}-{passes[index - 1].name}.snn", text)

    run_pipeline(network, passes, context, [compare])
