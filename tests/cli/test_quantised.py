"""The command line on networks with quantised activations, from the model to the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_models
import pytest
import quantised_examples as examples

import snnc
from snnc.cli import main
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir import model as m
from snnc.ir.storage import save

LEVELS = 3
NODES = """
    a = Gemm <transB = 1> (x, w1, b1)
    r = Div (a, step1)
    h = Add (r, half)
    f = Floor (h)
    c = Clip (f, zero, top)
    q = Mul (c, step1)
    d = Gemm <transB = 1> (q, w2)
    s = Div (d, step2)
    i = Add (s, half)
    g = Floor (i)
    e = Clip (g, zero, top)
    p = Mul (e, step2)
    y = Gemm <transB = 1> (p, w3)
"""


def model() -> Any:
    """Two hidden layers with QCFS activations (Bu et al. 2022), as PyTorch exports them."""
    scalars = {"step1": 0.4, "step2": 0.3, "half": 0.5, "zero": 0.0, "top": float(LEVELS)}
    weights: dict[str, Any] = {n: np.float32(v) for n, v in scalars.items()}
    weights |= {"w1": (12, 8), "b1": (12,), "w2": (10, 12), "w3": (4, 10)}
    return onnx_models.build(NODES, weights, inputs="float[N,8] x", seed=4)


@pytest.fixture(scope="session")
def qcfs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The model, labelled data, and the program compiled from the model without options."""
    import onnx

    folder = tmp_path_factory.mktemp("qcfs")
    places = {name: folder / name for name in ("model.onnx", "data.npz", "out")}
    onnx.save(model(), places["model.onnx"])
    assert main(["compile", str(places["model.onnx"]), "-o", str(places["out"]), "-q"]) == 0
    x = np.random.default_rng(1).random((60, 8), dtype=np.float32)
    compiled = snnc.load(places["out"])
    assert compiled.ann is not None
    logits = InterpretedAnn(compiled.ann).logits(x, compiled.ann.heads[-1].name)
    np.savez(places["data.npz"], x=x, y=logits.argmax(axis=1))
    return {"model": places["model.onnx"], "data": places["data.npz"], "out": places["out"]}


@pytest.fixture
def wrong(qcfs: dict[str, Path], tmp_path: Path) -> Path:
    """The program with one weight changed."""
    compiled = snnc.load(qcfs["out"])
    first = compiled.network.populations[0].name
    changed = examples.perturbed(compiled.network, f"{first}.weight", 0.5)
    golden = {i.name: np.zeros((1, *i.shape), np.float32) for i in changed.inputs}
    return replace(compiled, network=changed, golden_inputs=golden).save(tmp_path / "wrong")


def test_compile_says_what_it_chose_why_and_for_how_many_steps(
    cli: Any, qcfs: dict[str, Path]
) -> None:
    outcome = cli("compile", qcfs["model"], "-o", "out")
    assert outcome.code == 0
    assert "chosen     because the activations are quantised" in outcome.out
    assert "steps      at most 20 (window 3; ends when nothing fires)" in outcome.out
    found = cli("compile", qcfs["model"], "-o", "out", "--json").json
    assert "mode=qffs" in found["choice"]["spec"]
    assert (found["steps"], found["window"]) == (20, 3)


def test_compile_with_fewer_steps_than_the_window_says_what_that_means(
    cli: Any, qcfs: dict[str, Path]
) -> None:
    outcome = cli("compile", qcfs["model"], "-o", "out", "--steps", 2)
    assert outcome.code == 0
    assert "2 steps end before the network can settle" in outcome.err


def test_checked_passes_are_listed_with_levels_limit_and_counts(
    cli: Any, qcfs: dict[str, Path]
) -> None:
    found = cli("compile", qcfs["model"], "-o", "out", "--check-passes", "--json").json
    assert [c["measure"] for c in found["checks"]][-2:] == ["limit", "counts"]
    assert {c["measure"] for c in found["checks"][:-2]} == {"values"}
    assert "counts of 2 layers" in cli("compile", qcfs["model"], "-o", "out", "--check-passes").out


def test_eval_shows_settling_steps_and_that_every_count_is_equal(
    cli: Any, qcfs: dict[str, Path]
) -> None:
    outcome = cli("eval", qcfs["out"], "--data", qcfs["data"], "--exact")
    assert outcome.code == 0
    text = " ".join(outcome.out.split())
    assert "settled at step mean" in text
    assert "equal to the quantised ANN in every neuron of every layer (1,320 values" in text
    assert "unequal" in text


def test_eval_as_json_has_the_histogram_and_the_comparison(cli: Any, qcfs: dict[str, Path]) -> None:
    found = cli("eval", qcfs["out"], "--data", qcfs["data"], "--exact", "--json").json
    settled = found["settled"]
    assert sum(settled["histogram"].values()) == settled["samples"] == 60
    assert settled["unsettled"] == 0
    assert found["mean_steps"] == pytest.approx(settled["mean"])
    assert max(int(step) for step in settled["histogram"]) == settled["max"] <= 20
    assert found["agreement"] == found["snn_accuracy"] == 1.0
    assert found["exactness"]["unequal"] == 0
    assert found["exactness"]["precision"] == "float64"
    assert found["levels"] == LEVELS
    assert [layer["unequal"] for layer in found["layers"]] == [0, 0, None]


def test_a_model_is_evaluated_with_the_same_default(cli: Any, qcfs: dict[str, Path]) -> None:
    found = cli("eval", qcfs["model"], "--data", qcfs["data"], "--json").json
    assert found["ann_engine"] == "onnxruntime"
    assert found["exactness"]["engine"] == "onnxruntime"
    assert found["exactness"]["equal"]
    assert found["settled"]["unsettled"] == 0


def test_a_wrong_weight_fails_the_exact_comparison(
    cli: Any, qcfs: dict[str, Path], wrong: Path
) -> None:
    outcome = cli("eval", wrong, "--data", qcfs["data"], "--exact", "--json")
    assert outcome.code == 1
    assert outcome.json["error"][0]["code"] == "SN943"
    assert outcome.json["exactness"]["unexplained"] > 0
    assert outcome.json["layers"][0]["unequal"] > 0
    without = cli("eval", wrong, "--data", qcfs["data"])
    assert without.code == 0
    assert "without a reason; the conversion is not exact" in " ".join(without.out.split())


def test_too_few_steps_are_named_with_the_samples_they_fail(
    cli: Any, qcfs: dict[str, Path]
) -> None:
    outcome = cli("eval", qcfs["out"], "--data", qcfs["data"], "--exact", "--steps", 2)
    assert outcome.code == 1
    assert "2 time steps are fewer than the window of 3" in outcome.err
    assert "60 of 60 samples had not come to rest" in outcome.err
    assert "error[SN943]" in outcome.err
    assert "none of 60 samples" in outcome.out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--dtype", "float16"), "SN923"),
        (("--exact", "--dtype", "float32"), "SN936"),
        (("--exact", "--passes", "to-spiking"), "SN936"),
    ],
)
def test_contradicting_options_are_refused(
    cli: Any, qcfs: dict[str, Path], options: tuple[str, ...], code: str
) -> None:
    outcome = cli("eval", qcfs["out"], "--data", qcfs["data"], *options)
    assert outcome.code == 2
    assert f"error[{code}]" in outcome.err


def test_exact_is_refused_for_a_network_of_rates(cli: Any, qcfs: dict[str, Path]) -> None:
    passes = "fold-quantizers,map-quantized{mode=qcfs}"
    outcome = cli("eval", qcfs["model"], "--data", qcfs["data"], "--exact", "--passes", passes)
    assert outcome.code == 1
    assert "error[SN944]" in outcome.err


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_run_prints_when_samples_came_to_rest(cli: Any, qcfs: dict[str, Path], dtype: str) -> None:
    options = ("--inputs", qcfs["data"], "--dtype", dtype)
    outcome = cli("run", qcfs["out"], *options)
    assert outcome.code == 0
    assert "came to rest at step" in outcome.out
    assert "settled" in outcome.out
    found = cli("run", qcfs["out"], *options, "--json", "--trace", "t.npz").json
    assert found["accuracy"] == 1.0
    assert found["precision"] == dtype
    assert len(found["settled"]) == 60
    np.testing.assert_array_equal(np.load("t.npz")["settled"], found["settled"])
    assert min(found["settled"]) >= 3


def test_run_says_that_samples_were_still_at_work(cli: Any, qcfs: dict[str, Path]) -> None:
    outcome = cli("run", qcfs["out"], "--inputs", qcfs["data"], "--steps", 2)
    assert "no sample came to rest within 2 time steps" in outcome.out


def test_run_rounds_inputs_as_the_simulator_does_with_the_samples_as_they_are(cli: Any) -> None:
    """At exact halves float32 and float64 quotients fall on different sides."""
    snn = examples.spiking(examples.network())
    coding = m.Rounded(0.1, 9)
    snn = replace(snn, inputs=tuple(replace(i, coding=coding) for i in snn.inputs))
    save(snn, Path("net.snn"))
    x = (np.rint(20 * examples.images(60)) / 20).astype(np.float32)
    np.savez("data.npz", x=x)
    command = ("run", "net.snn", "--inputs", "data.npz", "--trace", "trace.npz")
    expected = snnc.load("net.snn").run(x).outputs["fc"]
    wide = snnc.load("net.snn").run(x.astype(np.float64)).outputs["fc"]
    assert not np.array_equal(expected, wide)
    for options, outputs in (((), expected), (("--dtype", "float64"), wide)):
        assert cli(*command, *options).code == 0
        with np.load("trace.npz") as trace:
            np.testing.assert_allclose(trace["outputs/fc"], outputs, atol=1e-9)


def test_inspect_shows_window_and_coding(cli: Any, qcfs: dict[str, Path]) -> None:
    text = cli("inspect", qcfs["out"]).out
    assert "at most 20 (window 3; ends when nothing fires)" in text
    assert "coding direct" in text
    found = cli("inspect", qcfs["out"], "--json").json
    assert (found["steps"], found["window"]) == (20, 3)
    assert found["inputs"][0]["coding"] == "direct"


def test_inspect_shows_the_steps_of_a_rounded_input(cli: Any) -> None:
    from snnc.ir import model as m

    network = examples.spiking(examples.network())
    entry = replace(network.inputs[0], coding=m.Rounded(0.25, 7, -8))
    save(replace(network, inputs=(entry,)), Path("net.snn"))
    text = cli("inspect", "net.snn").out
    assert "coding rounded(step=0.25, levels=7, lowest=-8, shift=0.5, ties=up)" in text


def test_targets_show_what_they_allow_for_quantised_networks(cli: Any) -> None:
    assert "quantised networks: qffs (exact), because" in " ".join(cli("targets").out.split())
    text = cli("targets", "reference").out
    assert "quantised networks: qffs" in text
    assert "gated_input" in text
    assert cli("targets", "reference", "--json").json["quantised"]["mode"] == "qffs"


def test_passes_show_the_default_pipelines_by_kind_of_network(cli: Any) -> None:
    text = cli("passes").out
    assert "map-quantized{mode=qffs}" in text
    assert "map-quantized{mode=qcfs}" in text
    found = cli("passes", "--json").json
    assert set(found["default_quantised_pipelines"]) == {"qffs", "qcfs"}
    assert "qffs" in cli("passes", "map-quantized").out


def test_opt_needs_no_passes_for_a_network_of_stage_ann(cli: Any) -> None:
    save(examples.network(), Path("net.snn"))
    outcome = cli("opt", "net.snn", "-o", "out.snn")
    assert outcome.code == 0
    assert "map-quantized{mode=qffs}: the activations are quantised" in outcome.err
    assert "gated(" in Path("out.snn").read_text()


def test_many_levels_are_named_when_compiling_and_when_evaluating(cli: Any) -> None:
    save(examples.network(levels=255), Path("net.snn"))
    np.savez("data.npz", x=examples.images(4))
    outcome = cli("compile", "net.snn", "-o", "out", "--steps", 32)
    assert outcome.code == 0
    assert "note: activations have up to 255 levels (8 bits)" in outcome.err
    assert "requantize{bits=4,layers=all}" in outcome.err
    assert "up to 255 levels" in cli("eval", "out", "--data", "data.npz").err


def test_the_report_shows_choice_settling_and_verdict(cli: Any, qcfs: dict[str, Path]) -> None:
    assert cli("report", qcfs["out"], "--data", qcfs["data"], "-o", "page.html").code == 0
    page = Path("page.html").read_text()
    assert "This pipeline was chosen because the activations are quantised" in page
    assert "at most 20 time steps, input in the first 3" in page
    assert "When samples come to rest" in page
    assert "Spike counts: equal to the quantised ANN in every neuron of every layer" in page


@pytest.mark.parametrize("code", ["SN943", "SN944"])
def test_the_new_codes_are_explained(cli: Any, code: str) -> None:
    outcome = cli("explain", code)
    assert outcome.code == 0
    assert "--exact" in outcome.out
