"""Networks that were edited by hand are read like any other, and checked before they run."""

from __future__ import annotations

from pathlib import Path

import pytest

import snnc
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.storage import save


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A valid spiking network with an exit, in its text form."""
    network = m.Network(
        "n",
        "snn",
        (m.Input("x", "f32", (2,)),),
        (m.Population("p", (2,), m.Integrator(), incoming=(m.Incoming("x"),)),),
        (m.Head("out", "p", m.Membrane()),),
        schedule=m.Synchronous(4),
        exit=m.Patience(heads=("out",), repeats=(2,), last_step=3),
    )
    save(network, tmp_path / "net.snn")
    return tmp_path / "net.snn"


def test_a_valid_network_is_read(stored: Path) -> None:
    assert snnc.load(stored).network.exit == m.Patience(heads=("out",), repeats=(2,), last_step=3)


@pytest.mark.parametrize(
    ("written", "edited", "code"),
    [
        ('heads=["out"]', 'heads=["in"]', "SN421"),
        ("repeats=[2]", "repeats=[2, 2]", "SN422"),
        ("last_step=3", "last_step=9", "SN424"),
        ("last_step=3", "last_step=0", "SN424"),
        ("order=time", "order=depth", "SN422"),
    ],
)
def test_a_network_that_breaks_a_rule_is_refused_before_it_runs(
    stored: Path, written: str, edited: str, code: str
) -> None:
    text = stored.read_text()
    assert written in text
    stored.write_text(text.replace(written, edited))
    with pytest.raises(InputError) as caught:
        snnc.load(stored)
    assert code in [found.code for found in caught.value.diagnostics]
