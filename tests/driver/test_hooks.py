"""Hooks between passes write what was asked for and nothing else."""

from __future__ import annotations

from pathlib import Path

import nets
import pytest

from snnc.driver.hooks import Dump, PrintAfter, PrintChanged, pass_name
from snnc.driver.pipeline import PassCrashError, build_pipeline, run_passes
from snnc.ir import model as m
from snnc.ir.print import to_text
from snnc.ir.storage import load
from snnc.passes.base import Context
from snnc.passes.fold_batch_norm import FoldBatchNorm


def network() -> m.Network:
    builder = nets.Builder(seed=7, shape=(4,))
    builder.add("fc", (3,), m.Relu(), ("image", (builder.dense("fc", 3, 4),)))
    builder.add("out", (2,), m.Identity(), ("fc", (builder.dense("out", 2, 3),)))
    return builder.network("out")


def test_the_name_of_a_pass_is_what_stands_before_its_options() -> None:
    assert pass_name("normalize{percentile=99.0,method=max}") == "normalize"


def test_print_after_prints_the_wanted_pass_only() -> None:
    seen: list[str] = []
    ann = network()
    hook = PrintAfter("max-pool", seen.append)
    run_passes(ann, build_pipeline("fold-batch-norm,max-pool"), Context(), [hook])
    assert len(seen) == 1
    assert seen[0].startswith("// after 02-max-pool\nsnnc-ir 1\n")
    everything: list[str] = []
    hook = PrintAfter("all", everything.append)
    run_passes(ann, build_pipeline("fold-batch-norm,max-pool"), Context(), [hook])
    assert len(everything) == 2


def test_print_changed_shows_only_changed_lines() -> None:
    seen: list[str] = []
    run_passes(network(), build_pipeline("to-spiking"), Context(), [PrintChanged(seen.append)])
    lines = seen[0].splitlines()
    assert any(line.startswith("-network") and "stage=ann" in line for line in lines)
    assert any(line.startswith("+network") and "stage=snn" in line for line in lines)
    assert not any(line.startswith(("-tensor", "+tensor")) for line in lines)


def test_dump_saves_every_stage_so_that_it_loads_again(tmp_path: Path) -> None:
    ann = network()
    passes = build_pipeline("fold-batch-norm,to-spiking")
    after = run_passes(ann, passes, Context(), [Dump(tmp_path / "ir")])
    names = sorted(p.name for p in (tmp_path / "ir").glob("*.snn"))
    assert names == ["00-import.snn", "01-fold-batch-norm.snn", "02-to-spiking.snn"]
    assert load(tmp_path / "ir" / names[0]) == ann
    assert to_text(load(tmp_path / "ir" / names[-1])) == to_text(after)


def test_stop_after_ends_the_pipeline() -> None:
    passes = build_pipeline("fold-batch-norm,to-spiking")
    assert run_passes(network(), passes, Context(), (), "fold-batch-norm").stage == "ann"


def test_a_failing_pass_carries_the_network_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise IndexError("bug")

    monkeypatch.setattr(FoldBatchNorm, "run", fail)
    ann = network()
    with pytest.raises(PassCrashError) as caught:
        run_passes(ann, build_pipeline("fold-batch-norm"), Context())
    assert caught.value.network == ann
    assert caught.value.spec == "fold-batch-norm"
    assert isinstance(caught.value.__cause__, IndexError)
