"""Fitting exits of networks of spike times: only what heads say within their windows counts."""

from __future__ import annotations

from dataclasses import replace

import exit_networks
import numpy as np
import pytest
from timed_exits import stopping, timed

from snnc.backends.reference import Simulator
from snnc.diagnostics import UsageError
from snnc.driver.exits import halves
from snnc.exits.asked import asked
from snnc.exits.fit import fit
from snnc.exits.recorded import Recorded, unheard
from snnc.exits.requests import check_network, parse_request
from snnc.exits.search import last_step_choices, silent_steps
from snnc.ir import model as m
from snnc.ir.head_windows import head_windows
from snnc.ir.verify import verify

SAMPLES = 100
REQUESTS = ("confidence{alpha=1}", "margin", "patience", "fixed")
FITS = [*((text, "membrane") for text in REQUESTS), ("entropy{alpha=2}", "first_spike")]


def recorded(network: m.Network, samples: int = SAMPLES, *, whole: bool = False) -> Recorded:
    """Read-outs of a full run, whole or from the step before the first head speaks."""
    x, labels = exit_networks.labelled(exit_networks.network(), samples)
    skipped = 0 if whole else unheard(network)
    outputs = Simulator(network).run(x, exits=False).outputs
    return Recorded({n: v[skipped:] for n, v in outputs.items()}, labels, skipped=skipped)


def test_one_silent_step_stands_for_those_before_any_head_speaks() -> None:
    network = timed(window=8)
    found = recorded(network)
    assert found.skipped == unheard(network) == 7
    assert found.steps == 32
    assert len(found.outputs["last"]) == 25
    assert found.part(slice(0, 9)).skipped == 7


@pytest.mark.parametrize(("text", "read"), FITS)
def test_a_fit_does_not_need_the_steps_that_are_left_out(text: str, read: str) -> None:
    network = timed(window=8, read=read)
    fits = [
        fit(network, parse_request(text), *halves(recorded(network, whole=whole)))
        for whole in (False, True)
    ]
    assert fits[0].policy == fits[1].policy
    assert fits[0].record == fits[1].record
    assert list(verify(replace(network, exit=fits[0].policy))) == []


@pytest.mark.parametrize("text", REQUESTS)
def test_what_is_fitted_is_what_the_simulator_does(text: str) -> None:
    network = timed(window=8)
    found = recorded(network)
    fitted = fit(network, parse_request(text), *halves(found))
    stopped = replace(network, exit=fitted.policy)
    x, labels = exit_networks.labelled(exit_networks.network(), SAMPLES)
    executed = Simulator(stopped).run(x).exits
    assert executed is not None
    rows = asked(stopped, found)
    stops, every = rows.stops(), np.arange(SAMPLES)
    np.testing.assert_array_equal(executed.step, rows.step[stops, every])
    np.testing.assert_array_equal(executed.answer, rows.answer[stops, every])
    held = halves(Recorded({"": np.arange(float(SAMPLES)).reshape(1, SAMPLES, 1)}, labels))[1]
    chosen = held.outputs[""].ravel().astype(int)
    assert fitted.record["choosing"]["mean_steps"] == pytest.approx(executed.step[chosen].mean())
    right = executed.answer[chosen] == labels[chosen]
    assert fitted.record["choosing"]["accuracy"] == pytest.approx(right.mean())


def test_a_fit_saves_steps_and_loses_nothing() -> None:
    network = timed(window=8)
    record = fit(network, parse_request("margin"), *halves(recorded(network))).record
    found = record["choosing"]
    assert found["mean_steps"] < 31
    assert found["accuracy"] >= found["accuracy_full"]
    opens = head_windows(network)["last"].start
    assert min(record["fixed"]["step"], record["fixed"]["t_star"]) >= opens


def test_last_steps_are_counted_from_the_window_of_the_last_head() -> None:
    network = timed(window=8)
    assert silent_steps(network) == 24
    assert last_step_choices(1, 32, 24) == [25, 26, 27, 28, 29, 30, 31, 32]
    assert last_step_choices(29, 32, 24) == [29, 30, 31, 32]
    assert last_step_choices(3, 20) == last_step_choices(3, 20, 0)


def test_nobody_is_asked_outside_its_window() -> None:
    network = stopping(timed(window=8), "margin", 0.1)
    rows = asked(network, recorded(network, 30, whole=True))
    windows = [head_windows(network)[h.name] for h in network.heads]
    for row, head in enumerate(rows.head[:-1]):
        inside = rows.step[row, 0] in windows[head]
        assert (rows.score[row] > -np.inf).all() == inside
        assert (rows.score[row] == -np.inf).all() != inside


@pytest.mark.parametrize(
    ("text", "read", "words"),
    [
        ("margin{order=depth}", "membrane", "one after the other anyway"),
        ("fixed{step=24}", "membrane", "is empty until step 25"),
        ("fixed{step=8,head=fc1.head}", "membrane", "is empty until step 9"),
        ("margin{last-step=24}", "membrane", "is empty until step 25"),
        ("patience", "first_spike", "gives one answer"),
    ],
)
def test_requests_without_meaning_are_refused(text: str, read: str, words: str) -> None:
    network = timed(window=8, read=read)
    with pytest.raises(UsageError, match=words) as caught:
        check_network(network, parse_request(text))
    assert caught.value.diagnostics[0].code == "SN954"


def test_bayes_is_refused_by_name() -> None:
    network = timed(window=8)
    with pytest.raises(UsageError, match="the time of a spike is its value") as caught:
        fit(network, parse_request("bayes"), *halves(recorded(network)))
    assert caught.value.diagnostics[0].code == "SN956"
