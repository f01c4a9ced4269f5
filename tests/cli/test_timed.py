"""What the commands print of networks of spike times: windows, spikes per neuron, energies."""

from __future__ import annotations

import json
from pathlib import Path

import exit_networks
import numpy as np
import pytest
from timed_exits import stopping, timed

from snnc.cli import main
from snnc.ir.storage import save


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with a policy, and labelled samples beside it."""
    folder = tmp_path_factory.mktemp("timed")
    save(stopping(timed(window=8), "margin", 0.3), folder / "net.snn")
    x, y = exit_networks.labelled(exit_networks.network(), 30)
    np.savez(folder / "data.npz", x=x, y=y)
    return folder / "net.snn"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


def test_inspect_prints_the_windows(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "inspect", network)
    assert "32 time steps in windows of 8" in text
    row = next(line.split() for line in text.splitlines() if line.split()[:2] == ["fc2", "9-16"])
    assert row[2:4] == ["17-24", "8"]
    found = json.loads(printed(capsys, "--json", "inspect", network))
    assert found["phases"]["window"] == 8
    assert found["window"] is None


def test_eval_compares_with_another_run(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = network.with_name("data.npz")
    out = printed(capsys, "--json", "eval", network, "--data", data)
    first = tmp_path / "first.json"
    first.write_text(out)
    again = json.loads(
        printed(capsys, "--json", "eval", network, "--data", data, "--relative-to", first)
    )
    assert json.loads(out)["relative_energy"] == []
    for estimate in again["relative_energy"]:
        assert estimate["reference"] == "first.json"
        assert estimate["energy"] == pytest.approx(1.0)
        assert estimate["kind"] == "estimate"
    text = printed(capsys, "eval", network, "--data", data, "--relative-to", "cifar10")
    assert "spikes per neuron" in text
    assert "energy estimate, spinnaker-relative" in text
    assert "TSC, VGG-16 on CIFAR-10" in text
    assert "per neuron" in next(line for line in text.splitlines() if line.startswith("layer "))


def test_a_reference_that_is_none_is_refused(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = network.with_name("data.npz")
    wrong = tmp_path / "other.json"
    wrong.write_text('{"mean_steps": 3}')
    for reference, code in (("cifar11", "SN923"), (wrong, "SN924")):
        found = main(["eval", str(network), "--data", str(data), "--relative-to", str(reference)])
        assert found != 0
        assert code in capsys.readouterr().err
