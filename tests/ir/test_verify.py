"""The verifier: valid networks have no findings; every broken invariant is found by its code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import phased_networks
import pytest
from hypothesis import given
from policies import BREAKAGES
from strategies import fuzz, networks, random_network

from snnc.ir import model as m
from snnc.ir.codes import CODES
from snnc.ir.diagnostics import InputError
from snnc.ir.tensors import TensorRef
from snnc.ir.verify import INVARIANTS, check, verify


def ann() -> m.Network:
    """image (2, 4, 4) -> conv (3, 4, 4) -> pool (3, 2, 2) -> fc (5,)."""
    conv = m.Population(
        "conv",
        (3, 4, 4),
        m.Clip(6.0),
        bias=m.Ref("conv.bias"),
        origin=("/conv/Conv", "/relu"),
        incoming=(m.Incoming("image", (m.Conv2d(m.Ref("conv.weight"), pads=(1, 1, 1, 1)),)),),
    )
    pool = m.Population(
        "pool", (3, 2, 2), m.MaxPool2d((2, 2), (2, 2)), incoming=(m.Incoming("conv"),)
    )
    ops = (m.Flatten(), m.Dense(m.Ref("fc.weight")))
    fc = m.Population("fc", (5,), m.Identity(), incoming=(m.Incoming("pool", ops),))
    network = m.Network(
        name="net",
        stage="ann",
        inputs=(m.Input("image", "f32", (2, 4, 4)),),
        populations=(conv, pool, fc),
        heads=(m.Head("final", "fc", m.Logits()),),
    )
    return network.with_arrays(
        {
            "conv.weight": np.ones((3, 2, 3, 3), np.float32),
            "conv.bias": np.zeros(3, np.float32),
            "fc.weight": np.ones((5, 12), np.float32),
        }
    )


def snn() -> m.Network:
    network = ann()
    conv, pool, fc = network.populations
    return replace(
        network,
        stage="snn",
        schedule=m.Synchronous(8),
        populations=(
            replace(conv, neuron=m.IF(), scale=0.5),
            replace(pool, neuron=m.RunningMax2d((2, 2), (2, 2))),
            replace(fc, neuron=m.Integrator()),
        ),
        heads=(m.Head("final", "fc", m.Membrane()),),
    )


def fixed() -> m.Network:
    network = replace(snn(), stage="fixed")
    arrays = {name: network.array(m.Ref(name)).astype(np.int8) for name in network.tensors}
    return network.with_arrays(arrays)


BASES: dict[str, Callable[[], m.Network]] = {"ann": ann, "snn": snn, "fixed": fixed}
PHASED: dict[str, Callable[[], m.Network]] = {
    "snn": phased_networks.phased,
    "fixed": phased_networks.phased_fixed,
}


def population(network: m.Network, index: int, **changes: Any) -> m.Network:
    populations = list(network.populations)
    populations[index] = replace(populations[index], **changes)
    return replace(network, populations=tuple(populations))


def neuron(network: m.Network, index: int, **changes: Any) -> m.Network:
    return population(network, index, neuron=replace(network.populations[index].neuron, **changes))


def incoming(network: m.Network, index: int, *terms: m.Incoming) -> m.Network:
    return population(network, index, incoming=terms)


def codes(network: m.Network) -> set[str]:
    return {d.code for d in verify(network)}


def tensor(network: m.Network, name: str, values: Any) -> m.Network:
    return network.with_arrays({name: np.asarray(values)})


CONV = m.Conv2d(m.Ref("conv.weight"), pads=(1, 1, 1, 1))
INF = float("inf")
NAN = float("nan")

# Stage of the sound network, what is done to it, and the code that must be among the findings.
CASES: list[tuple[str, Callable[[m.Network], m.Network], str]] = [
    ("ann", lambda n: population(n, 1, name="conv"), "SN101"),
    ("ann", lambda n: population(n, 1, name="image"), "SN101"),
    ("ann", lambda n: replace(n, heads=n.heads * 2), "SN101"),
    ("ann", lambda n: population(n, 2, name="a b"), "SN102"),
    ("ann", lambda n: population(n, 2, name="Ünï"), "SN102"),
    ("ann", lambda n: replace(n, heads=(m.Head("", "fc", m.Logits()),)), "SN102"),
    ("ann", lambda n: incoming(n, 1, m.Incoming("cnv")), "SN103"),
    ("ann", lambda n: replace(n, populations=n.populations[::-1]), "SN104"),
    ("ann", lambda n: incoming(n, 0, m.Incoming("conv")), "SN104"),
    ("ann", lambda n: neuron(n, 0, high=NAN), "SN105"),
    ("ann", lambda n: neuron(n, 0, high="6"), "SN105"),
    ("ann", lambda n: neuron(n, 1, kernel=(2,)), "SN105"),
    ("ann", lambda n: population(n, 0, scale=None), "SN105"),
    ("ann", lambda n: population(n, 0, origin="conv"), "SN105"),
    ("snn", lambda n: neuron(n, 0, reset="half"), "SN105"),
    ("ann", lambda n: incoming(n, 1), "SN106"),
    ("ann", lambda n: replace(n, heads=()), "SN107"),
    ("ann", lambda n: replace(n, heads=(m.Head("h", "image", m.Logits()),)), "SN108"),
    ("snn", lambda n: incoming(n, 1, m.Incoming("conv", (), -1)), "SN109"),
    ("ann", lambda n: incoming(n, 1, m.Incoming("conv", (), 1)), "SN109"),
    ("ann", lambda n: replace(n, inputs=()), "SN110"),
    ("snn", lambda n: replace(n, schedule=m.Pipelined(4, (1,))), "SN111"),
    ("snn", lambda n: replace(n, schedule=m.PipelinedGated(4, 2, (-1, 1, 2))), "SN111"),
    ("ann", lambda n: replace(n, inputs=(m.Input("image", "f16", (2, 4, 4)),)), "SN110"),
    ("ann", lambda n: replace(n, inputs=(m.Input("image", "f32", (1, 4, 4)),)), "SN201"),
    ("ann", lambda n: incoming(n, 2, m.Incoming("pool", (m.Dense(m.Ref("fc.weight")),))), "SN201"),
    ("ann", lambda n: incoming(n, 1, m.Incoming("conv"), m.Incoming("image")), "SN202"),
    ("ann", lambda n: population(n, 0, shape=(3, 5, 4)), "SN203"),
    ("ann", lambda n: neuron(n, 1, kernel=(9, 9)), "SN203"),
    ("ann", lambda n: tensor(n, "conv.bias", np.zeros(4)), "SN204"),
    ("ann", lambda n: tensor(n, "conv.bias", np.zeros(1)), "SN204"),
    ("ann", lambda n: tensor(population(n, 0, scale=m.Ref("s")), "s", np.ones(2)), "SN205"),
    ("snn", lambda n: tensor(neuron(n, 0, threshold=m.Ref("s")), "s", np.ones((4, 4))), "SN205"),
    ("ann", lambda n: replace(n, inputs=(m.Input("image", "f32", ()),)), "SN206"),
    ("ann", lambda n: population(n, 0, shape=(3, 0, 4)), "SN206"),
    ("ann", lambda n: neuron(n, 1, strides=(0, 1)), "SN207"),
    ("ann", lambda n: incoming(n, 0, m.Incoming("image", (replace(CONV, groups=0),))), "SN207"),
    ("ann", lambda n: incoming(n, 1, m.Incoming("conv", (m.Pad2d((0, 0, -1, 0)),))), "SN207"),
    ("ann", lambda n: neuron(n, 1, pads=(2, 0, 0, 0)), "SN208"),
    ("ann", lambda n: replace(n, tensors={}), "SN302"),
    ("ann", lambda n: tensor(n, "unused", np.ones(1)), "SN303"),
    ("ann", lambda n: replace(n, store=type(n.store)()), "SN304"),
    (
        "ann",
        lambda n: replace(
            n, tensors={**n.tensors, "conv.bias": replace(n.tensors["conv.bias"], dtype="i32")}
        ),
        "SN305",
    ),
    ("ann", lambda n: tensor(n, "conv.bias", [0.0, NAN, 1.0]), "SN306"),
    ("ann", lambda n: tensor(n, "conv.bias", [-INF, 0.0, 1.0]), "SN306"),
    (
        "ann",
        lambda n: replace(n, tensors={**n.tensors, "conv.bias": TensorRef("f16", (3,), "ab")}),
        "SN307",
    ),
    ("ann", lambda n: population(n, 2, neuron=m.IF()), "SN401"),
    ("snn", lambda n: population(n, 0, neuron=m.Relu()), "SN401"),
    ("ann", lambda n: replace(n, schedule=m.Synchronous(1)), "SN402"),
    ("fixed", lambda n: replace(n, schedule=None), "SN402"),
    ("ann", lambda n: replace(n, heads=(m.Head("h", "fc", m.Membrane()),)), "SN403"),
    ("snn", lambda n: replace(n, heads=(m.Head("h", "fc", m.SpikeCount()),)), "SN403"),
    ("snn", lambda n: replace(n, heads=(m.Head("h", "pool", m.Membrane()),)), "SN403"),
    ("snn", lambda n: replace(n, heads=(m.Head("h", "fc", m.FirstSpike()),)), "SN403"),
    ("snn", lambda n: replace(n, heads=(m.Head("h", "fc", m.Logits()),)), "SN403"),
    ("snn", lambda n: neuron(n, 0, threshold=0.0), "SN404"),
    ("snn", lambda n: tensor(neuron(n, 0, threshold=m.Ref("t")), "t", [1.0, 0.0, 2.0]), "SN404"),
    ("snn", lambda n: neuron(n, 0, leak=-0.5), "SN405"),
    ("snn", lambda n: neuron(n, 0, leak=1.5), "SN405"),
    ("snn", lambda n: neuron(n, 0, slope=-0.1), "SN406"),
    ("ann", lambda n: population(n, 0, neuron=m.LeakyRelu(-0.1)), "SN406"),
    ("ann", lambda n: neuron(n, 0, high=0.0), "SN407"),
    ("snn", lambda n: neuron(n, 0, min_spikes=1), "SN407"),
    ("snn", lambda n: neuron(n, 0, max_spikes=-1), "SN407"),
    ("snn", lambda n: incoming(n, 1, m.Incoming("image", (CONV,))), "SN408"),
    ("snn", lambda n: population(n, 0, neuron=m.Integrator()), "SN409"),
    ("snn", lambda n: replace(n, schedule=m.Synchronous(0)), "SN410"),
    ("fixed", lambda n: tensor(n, "fc.weight", np.ones((5, 12), np.float32)), "SN411"),
    ("fixed", lambda n: tensor(n, "conv.bias", np.ones(3)), "SN411"),
    ("fixed", lambda n: neuron(n, 0, threshold=1.5), "SN412"),
    ("fixed", lambda n: neuron(n, 2, v_init=0.5), "SN412"),
    ("fixed", lambda n: incoming(n, 1, m.Incoming("conv", (m.Scale(0.25),))), "SN412"),
    ("ann", lambda n: replace(n, inputs=(replace(n.inputs[0], coding=m.Events()),)), "SN413"),
    ("snn", lambda n: replace(n, inputs=(replace(n.inputs[0], coding=m.Poisson(0.0)),)), "SN413"),
    (
        "ann",
        lambda n: replace(n, inputs=(replace(n.inputs[0], coding=m.Rounded(0.1, 3)),)),
        "SN413",
    ),
    ("ann", lambda n: replace(n, stage="qnn"), "SN414"),
    ("ann", lambda n: population(n, 0, neuron=m.Quantized(0.0, 3)), "SN415"),
    ("ann", lambda n: population(n, 0, neuron=m.Quantized(0.5, 0)), "SN415"),
    ("ann", lambda n: population(n, 0, neuron=m.Quantized(0.5, 3, lowest=1)), "SN415"),
    ("ann", lambda n: population(n, 0, neuron=m.Quantized(0.5, 3, 0, 0.25, "even")), "SN415"),
    (
        "snn",
        lambda n: replace(n, inputs=(replace(n.inputs[0], coding=m.Rounded(-1.0, 3)),)),
        "SN415",
    ),
    ("snn", lambda n: replace(n, schedule=m.Gated(8, 0)), "SN416"),
    *(("snn", breakage, code) for breakage, code, _ in BREAKAGES),
    *(
        (stage, lambda _, break_it=breakage, build=PHASED[stage]: break_it(build()), code)
        for stage, breakage, code, _ in phased_networks.BREAKAGES
    ),
]


@pytest.mark.parametrize("stage", BASES)
def test_the_sound_networks_of_these_tests_have_no_findings(stage: str) -> None:
    assert verify(BASES[stage]()) == []


@pytest.mark.parametrize("index", range(len(CASES)))
def test_a_broken_invariant_is_found_by_its_code(index: int) -> None:
    stage, breakage, code = CASES[index]
    found = [d for d in verify(breakage(BASES[stage]())) if d.code == code]
    assert found, code
    assert all(d.message and d.where for d in found)


def test_every_invariant_has_a_breakage_in_these_tests() -> None:
    assert {i.code for i in INVARIANTS} == {code for _, _, code in CASES}


def test_codes_are_distinct_and_explained() -> None:
    listed = [i.code for i in INVARIANTS]
    assert len(set(listed)) == len(listed)
    assert set(listed) <= set(CODES)


@pytest.mark.parametrize("stage", get_args(m.Stage))
def test_random_networks_are_valid(stage: m.Stage) -> None:
    for seed in range(250):
        assert verify(random_network(seed, stage, odd=True)) == [], seed


@fuzz(50)
@given(networks(odd=True))
def test_drawn_networks_are_valid(network: m.Network) -> None:
    assert verify(network) == []


def test_a_finding_names_population_and_onnx_nodes() -> None:
    (found,) = verify(population(ann(), 0, shape=(3, 5, 5)))[:1]
    assert found.where == 'population conv (ONNX nodes "/conv/Conv", "/relu")'


def test_the_count_of_bad_weights_is_said() -> None:
    (found,) = verify(tensor(ann(), "conv.bias", [NAN, 0.0, INF]))
    assert "2 of 3 values of the tensor @conv.bias" in found.message


def test_unknown_sources_come_with_the_nearest_name() -> None:
    found = [d for d in verify(incoming(ann(), 1, m.Incoming("cnv"))) if d.code == "SN103"]
    assert found[0].help == 'did you mean "conv"?'


def test_one_failure_hides_no_other() -> None:
    network = replace(ann(), heads=(), schedule=m.Synchronous(0))
    network = population(tensor(network, "conv.bias", [NAN, 0.0, 0.0]), 2, name="a b")
    assert {"SN102", "SN107", "SN306", "SN402", "SN410"} <= codes(network)


def test_check_raises_all_findings_and_passes_sound_networks() -> None:
    check(snn())
    with pytest.raises(InputError) as caught:
        check(replace(ann(), heads=(), inputs=()))
    assert {"SN103", "SN107", "SN110"} <= {d.code for d in caught.value.diagnostics}


@pytest.mark.parametrize(
    "junk", [None, 3, "text", (), (None,), object(), NAN, (1, "a"), m.Ref("x")]
)
def test_no_junk_in_any_field_crashes_the_verifier(junk: Any) -> None:
    for build in BASES.values():
        base = build()
        for index, entity in enumerate(base.populations):
            for field in ("name", "shape", "neuron", "bias", "scale", "origin", "incoming"):
                if getattr(entity, field) != junk:
                    assert all(
                        d.code in CODES for d in verify(population(base, index, **{field: junk}))
                    )
        for field in ("inputs", "populations", "heads", "schedule", "tensors"):
            assert all(d.code in CODES for d in verify(replace(base, **{field: junk})))


def test_a_loop_with_delay_is_valid_and_without_is_not() -> None:
    base = snn()
    first = base.populations[0].incoming[0]
    assert verify(incoming(base, 0, first, m.Incoming("conv", (), 1))) == []
    assert codes(incoming(base, 0, first, m.Incoming("conv"))) == {"SN104"}


def test_the_scale_of_a_population_may_be_float_at_stage_fixed() -> None:
    scaled = tensor(population(fixed(), 0, scale=m.Ref("s")), "s", np.ones(3, np.float32))
    assert verify(scaled) == []


def test_ceil_mode_windows_that_reach_behind_the_image_are_valid() -> None:
    network = neuron(ann(), 1, kernel=(3, 3), strides=(2, 2), ceil_mode=True)
    assert codes(network) == set()
