"""When heads say something new, and exit policies that do not fit it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import network as rate_coded
from timed_exits import stopping, timed

from snnc.ir import model as m
from snnc.ir.head_windows import head_windows
from snnc.ir.verify import verify


def codes(network: m.Network) -> set[str]:
    return {found.code for found in verify(network)}


def test_without_phases_heads_speak_in_every_step() -> None:
    assert head_windows(rate_coded(heads=2, steps=8)) == {"b": range(1, 9), "last": range(1, 9)}


def test_membranes_speak_while_they_integrate_and_spikes_while_they_fire() -> None:
    found = head_windows(timed(window=8))
    assert found == {"fc1.head": range(9, 17), "fc2.head": range(17, 25), "last": range(25, 33)}
    found = head_windows(timed(window=8, read="first_spike"))
    assert found == {"fc1.head": range(17, 25), "fc2.head": range(25, 33), "last": range(33, 41)}


def test_early_firing_moves_windows_forward_and_a_short_run_cuts_them() -> None:
    network = timed(window=8, early=3)
    assert head_windows(network)["last"] == range(16, 24)
    assert network.schedule is not None
    short = replace(network, schedule=replace(network.schedule, steps=18))
    assert head_windows(short)["last"] == range(16, 19)
    none = replace(network, schedule=replace(network.schedule, steps=9))
    assert len(head_windows(none)["last"]) == 0


def test_a_network_without_schedule_has_no_windows() -> None:
    with pytest.raises(ValueError, match="schedule"):
        head_windows(replace(timed(), schedule=None))


def test_policies_that_fit_are_valid() -> None:
    assert codes(stopping(timed(), "margin", 0.5)) == set()
    assert codes(stopping(timed(), "patience", 3)) == set()
    assert codes(replace(timed(), exit=m.Fixed(head="fc1.head", step=9))) == set()


@pytest.mark.parametrize(
    ("policy", "read"),
    [
        (m.Fixed(head="last", step=24), "membrane"),
        (m.Fixed(head="fc1.head", step=8), "membrane"),
        (m.Patience(heads=("last",), repeats=(2,), last_step=24), "membrane"),
        (m.Patience(heads=("last",), repeats=(2,)), "first_spike"),
        (
            m.Patience(heads=("fc1.head", "last"), repeats=(2, 2), order="depth", budgets=(16,)),
            "membrane",
        ),
    ],
)
def test_policies_that_ask_where_nothing_is_said_are_refused(
    policy: m.ExitPolicy, read: str
) -> None:
    assert codes(replace(timed(window=8, read=read), exit=policy)) == {"SN435"}


def test_bayes_is_refused_by_name() -> None:
    network = timed().with_arrays({})
    policy = m.Bayes(heads=("fc1.head", "last"), strength=m.Ref("s"), threshold=0.9)
    messages = [
        str(found) for found in verify(replace(network, exit=policy)) if found.code == "SN426"
    ]
    assert any("a spike's time is its value" in message for message in messages)
