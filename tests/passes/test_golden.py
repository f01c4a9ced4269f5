"""The IR text after every pass of the default pipeline, as files that a person can review."""

from __future__ import annotations

import re

import nets
import pytest
from pass_tools import make_context

from snnc.ir.print import to_text
from snnc.options import build, parse_specs
from snnc.passes import DEFAULT_PIPELINE, PASSES
from snnc.passes.manager import run_pipeline


@pytest.mark.parametrize("name", ["plain", "residual", "max_pool"])
def test_the_default_pipeline_writes_these_texts(name, golden):
    network = nets.NETWORKS[name]()
    context = make_context(network, steps=16)
    passes = [build(PASSES[n], options) for n, options in parse_specs(DEFAULT_PIPELINE)]

    def compare(index, spec, before, after):
        # Digests of computed weights depend on the last bit of a rounding: left out.
        text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:...", to_text(after))
        golden(f"{name}/{index:02}-{passes[index - 1].name}.snn", text)

    golden(f"{name}/00-import.snn", re.sub(r"sha256:[0-9a-f]{64}", "sha256:...", to_text(network)))
    run_pipeline(network, passes, context, [compare])
