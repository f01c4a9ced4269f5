"""What target truenorth refuses: code, place and cure of each reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from truenorth_cases import network

from snnc.backends.truenorth.checks import findings
from snnc.backends.truenorth.exact_lower import lower_exactly
from snnc.backends.truenorth.lower import lower
from snnc.diagnostics import InputError
from snnc.ir import model as m

NET = network("conv", 4, 1)


def with_neuron(name: str, **fields: Any) -> m.Network:
    """The network with other neurons in one population."""
    populations = [
        replace(p, neuron=replace(p.neuron, **fields)) if p.name == name else p
        for p in NET.populations
    ]
    return NET.with_populations(populations)


def with_population(name: str, **fields: Any) -> m.Network:
    """The network with one population changed."""
    return NET.with_populations(
        [replace(p, **fields) if p.name == name else p for p in NET.populations]
    )


def with_input(coding: m.Coding) -> m.Network:
    """The network with another input coding."""
    return replace(NET, inputs=(replace(NET.inputs[0], coding=coding),))


def with_arrays(**arrays: Any) -> m.Network:
    """The network with other tensors; underscores stand for dots."""
    return NET.with_arrays({n.replace("_", "."): np.asarray(a) for n, a in arrays.items()})


CASES: dict[str, tuple[Callable[[], m.Network], str, str]] = {
    "fractions": (lambda: replace(NET, stage="snn"), "SN586", "stage snn"),
    "window": (lambda: replace(NET, schedule=m.Gated(12, 4)), "SN586", "gated"),
    "pooling": (
        lambda: with_population("p", neuron=m.RunningMax2d((1, 1))),
        "SN587",
        "max pooling of spike trains has no form",
    ),
    "integrator": (lambda: with_population("fc", neuron=m.Integrator()), "SN587", "never fires"),
    "negative spikes": (lambda: with_neuron("fc", negative_spikes="retract"), "SN587", "negative"),
    "cap": (lambda: with_neuron("fc", max_spikes=3), "SN587", "largest spike count"),
    "saturation": (lambda: with_neuron("fc", saturation=100.0), "SN587", "saturates"),
    "leak": (lambda: with_neuron("fc", leak=0.5), "SN587", "leaks"),
    "fractions of weights": (
        lambda: with_arrays(p_weight=np.full((3, 1, 2, 2), 0.25)),
        "SN588",
        "no whole numbers",
    ),
    "operator": (
        lambda: with_population("p", incoming=(m.Incoming("c1", (m.AvgPool2d((2, 2), (2, 2)),)),)),
        "SN588",
        "AvgPool2d",
    ),
    "half a threshold": (lambda: with_neuron("fc", threshold=2.5), "SN589", "threshold"),
    "threshold": (lambda: with_neuron("fc", threshold=262_144.0), "SN589", "262143"),
    "bias": (lambda: with_arrays(fc_bias=np.full(5, 256)), "SN589", "leak of 256"),
    "potential": (
        lambda: replace(NET, schedule=m.Synchronous(200_000)),
        "SN590",
        "membrane potential can reach",
    ),
    "read-out": (
        lambda: replace(NET, heads=(m.Head("out", "fc", m.FirstSpike()),)),
        "SN591",
        "FirstSpike",
    ),
    "exit": (
        lambda: replace(
            NET, exit=m.Entropy(heads=("out0",), alpha=8.0, temperatures=(1.0,), thresholds=(0.5,))
        ),
        "SN591",
        "fractions",
    ),
    "large events": (lambda: with_input(m.Events(3)), "SN592", "events of up to 3"),
    "events of any size": (lambda: with_input(m.Events()), "SN592", "any size"),
}


@pytest.mark.parametrize("name", CASES)
def test_every_reason(name: str) -> None:
    make, code, text = CASES[name]
    found = findings(make())
    assert code in [d.code for d in found], [str(d) for d in found]
    chosen = next(d for d in found if d.code == code)
    assert text in chosen.message
    assert chosen.where
    assert chosen.help


def test_a_network_that_is_fine() -> None:
    assert findings(NET) == []


def test_everything_on_the_host() -> None:
    image = m.Input("image", "float32", (2, 6, 6), m.Graded(1 / 255, 255))
    first = NET.populations[0]
    net = replace(NET, inputs=(image,), heads=(m.Head("out", "c1", m.SpikeCount()),))
    codes = {d.code for d in findings(net.with_populations([first]))}
    assert codes == {"SN591", "SN592"}


def test_weights_without_a_code() -> None:
    weight = NET.array(m.Ref("c1.weight")).astype(np.int64) * 37 + 1
    net = NET.with_arrays({"c1.weight": weight})
    with pytest.raises(InputError) as caught:
        lower(net)
    assert [d.code for d in caught.value.diagnostics] == ["SN593"]
    assert caught.value.diagnostics[0].where == "/c1"


def test_too_many_inputs_names_the_layer_the_need_and_the_cure() -> None:
    weight = np.ones((5, 300), np.int8)
    image = m.Input("image", "float32", (300,), m.Poisson())
    fc = m.Population(
        "fc",
        (5,),
        m.IF(threshold=10.0, v_init=5.0),
        incoming=(m.Incoming("image", (m.Dense(m.Ref("w")),)),),
        origin=("/fc/Gemm",),
    )
    empty = m.Network("wide", "fixed", (image,), (), (), schedule=m.Synchronous(4))
    head = (m.Head("out", "fc", m.SpikeCount()),)
    net = replace(empty.with_arrays({"w": weight}), heads=head).with_populations([fc])
    with pytest.raises(InputError) as caught:
        lower(net)
    found = caught.value.diagnostics[0]
    assert found.code == "SN594"
    assert "population fc needs 600 axons on one core; TrueNorth has 256" in found.message
    assert found.where == "/fc/Gemm"
    assert "--partial-sums rate or exact" in found.help


def test_a_start_at_the_threshold() -> None:
    with pytest.raises(InputError) as caught:
        lower(with_neuron("fc", v_init=10_000.0, reset="zero"))
    assert caught.value.diagnostics[0].code == "SN595"


def test_gates_that_forget_have_no_exact_sums() -> None:
    with pytest.raises(InputError) as caught:
        lower_exactly(with_neuron("fc", leak=0.0))
    assert caught.value.diagnostics[0].code == "SN596"
