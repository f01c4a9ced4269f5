"""Compiling to spike times with an exit: what is fitted, recorded and reported."""

from __future__ import annotations

from pathlib import Path

import exit_networks
import numpy as np
import pytest
from timed_exits import timed

import snnc
from snnc.backends.reference import Simulator
from snnc.diagnostics import InputError
from snnc.driver.exits import record
from snnc.driver.samples import ArraySamples
from snnc.evaluation.reference import InterpretedAnn
from snnc.exits.recorded import unheard

PIPELINE = "fold-batch-norm,fuse-linear,normalize,schedule-ttfs{window=8}"


def compiled(folder: Path, policy: str) -> snnc.Compiled:
    ann = exit_networks.network()
    path = exit_networks.saved(ann, folder)
    data = exit_networks.labelled(ann, 90)
    return snnc.compile(path, calibration=data, exit=policy, passes=PIPELINE, check_passes=True)


def test_a_fitted_exit_is_reported_with_the_windows(tmp_path: Path) -> None:
    found = compiled(tmp_path, "margin")
    report = found.report
    assert report["phases"]["steps"] == 32
    assert report["phases"]["heads"]["last"] == [25, 32]
    assert report["exit"]["choosing"]["steps_full"] == 32
    assert report["exit"]["choosing"]["mean_steps"] < 32
    assert {check["measure"] for check in report["checks"]} == {"values", "times", "rates"}
    measured = found.evaluate(exit_networks.labelled(exit_networks.network(), 40))
    assert measured.exit is not None
    assert measured.exit.full is not None
    assert measured.exit.stopped.steps < measured.exit.full.steps
    assert measured.exit.stopped.spikes < measured.exit.full.spikes


def test_recording_leaves_out_what_no_head_says() -> None:
    network, ann = timed(window=8), exit_networks.network()
    data = ArraySamples(*exit_networks.labelled(ann, 20))
    found = record(network, InterpretedAnn(ann), data)
    assert found.skipped == unheard(network) == 7
    assert found.steps == 32
    full = Simulator(network).run(data.x).outputs["last"]
    np.testing.assert_allclose(found.outputs["last"], full[7:], rtol=0, atol=1e-12)
    assert (full[:7] == full[7]).all()


def test_counting_spikes_of_membranes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neurons fire once here") as caught:
        compiled(tmp_path, "bayes")
    assert caught.value.diagnostics[0].code == "SN746"
