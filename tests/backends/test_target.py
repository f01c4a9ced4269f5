"""The table of targets, and the codes of this package."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from raised_codes import raised_codes
from spiking_networks import build, inputs_for

import snnc.backends
from snnc.backends import TARGETS, find_target
from snnc.backends.codes import CODES
from snnc.backends.reference import Simulator
from snnc.backends.truenorth.codes import CODES as TRUENORTH
from snnc.backends.truenorth.legality_codes import CODES as LEGALITY
from snnc.diagnostics import UsageError
from snnc.ir import model as m


@dataclass(frozen=True)
class Program:
    network: m.Network
    files: dict[str, bytes] = field(default_factory=dict)


def test_the_reference_target_runs_a_program_as_the_simulator_does() -> None:
    network = build("residual", 0)
    target = find_target("reference")
    arrays = inputs_for(network, 2, 0)
    trace = target.run(Program(network), arrays, record=["a"])
    direct = Simulator(network).run(arrays, record=["a"])
    np.testing.assert_array_equal(trace.rasters["a"], direct.rasters["a"])
    assert target.emit(network, arrays) == {}


def test_the_reference_target_takes_all_that_spikes_and_says_what_does_not() -> None:
    network = build("signed", 0)
    target = TARGETS["reference"]
    assert target.check(network) == []
    assert [d.code for d in target.check(replace(network, stage="ann"))] == ["SN501"]


def test_the_limits_of_the_reference_target_name_everything_of_the_ir() -> None:
    """A new operator or spiking neuron must be added to the simulator, or to none."""
    limits = TARGETS["reference"].limits
    names = {cls: name for name, cls in m.KEYWORDS.items()}
    operators = {names[cls] for cls in m.Operator.__args__}  # type: ignore[attr-defined]
    spiking = (m.SpikingNeuron.__args__, m.FixedNeuron.__args__)  # type: ignore[attr-defined]
    neurons = {names[cls] for stage in spiking for cls in stage}
    codings = {names[cls] for cls in m.Coding.__args__}  # type: ignore[attr-defined]
    assert set(limits.operators) == operators
    assert set(limits.neurons) == neurons
    assert set(limits.codings) == codings
    assert limits.as_dict()["signed_spikes"] is True
    assert limits.as_dict()["gated_input"] is True
    assert limits.as_dict()["phases"] is True
    codings = ["direct", "rounded", "graded", "poisson", "events"]
    assert limits.as_dict()["codings"] == [*codings, "spike_time", "integer_spike_time"]


def test_an_unknown_target_is_a_usage_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="reference") as caught:
        find_target("brain")
    assert caught.value.diagnostics[0].code == "SN512"


def test_every_code_raised_is_explained_and_every_explanation_is_raised() -> None:
    explained = CODES | TRUENORTH | LEGALITY
    assert raised_codes(snnc.backends) == set(explained)
    assert all(code.startswith("SN5") and len(text) > 60 for code, text in explained.items())
