"""The import gate finds what is wrong, names the layer, and stays silent otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx_models import build, channels_last, depthwise, numbers, residual, save

from snnc.diagnostics import InputError
from snnc.frontend import importer
from snnc.frontend.gate import TOLERANCE, check_values, random_inputs
from snnc.frontend.importer import Imported, import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m


def _check(result: Imported, network: m.Network) -> float:
    runner = Runner(result, result.values.values(), "model.onnx")
    return check_values(
        network, result.values, runner, result.inputs, random_inputs(network, 4, seed=1)
    ).error


def _perturbed(network: m.Network, tensor: str, amount: float) -> m.Network:
    array = network.array(m.Ref(tensor)).copy()
    array.flat[0] += amount
    return network.with_arrays({tensor: array})


@pytest.mark.parametrize("tensor", ["conv_0.weight", "conv_2.weight", "fc_7.weight", "conv_0.bias"])
def test_one_changed_number_fails_at_its_layer(tensor: str, tmp_path: Path) -> None:
    """Negative control: one perturbed weight fails the gate, and the first layer is named."""
    result = import_model(save(residual(), tmp_path))
    assert tensor in result.network.tensors, sorted(result.network.tensors)
    assert _check(result, result.network) < TOLERANCE / 10
    with pytest.raises(InputError, match="differs from onnxruntime by") as caught:
        _check(result, _perturbed(result.network, tensor, 0.05))
    first = next(p for p in result.network.populations if tensor in _tensors(p))
    diagnostic = caught.value.diagnostics[0]
    assert diagnostic.code == "SN614"
    assert f"population {first.name} " in diagnostic.message
    assert first.origin[-1] in diagnostic.where
    assert "scale" in diagnostic.message


def _tensors(population: m.Population) -> set[str]:
    refs = [*m.references(population.bias)]
    for incoming in population.incoming:
        for op in incoming.ops:
            refs.extend(m.references(op))
    return set(refs)


def test_error_below_the_tolerance_passes(tmp_path: Path) -> None:
    """The gate allows rounding, a ten-thousandth of the layer's scale."""
    result = import_model(save(residual(), tmp_path))
    assert _check(result, _perturbed(result.network, "conv_0.bias", 1e-6)) < TOLERANCE


def test_missing_connection_fails(tmp_path: Path) -> None:
    """Negative control: dropping the shortcut of a residual block is found."""
    result = import_model(save(residual(), tmp_path))
    populations = [
        replace(p, incoming=p.incoming[:1]) if len(p.incoming) > 1 else p
        for p in result.network.populations
    ]
    with pytest.raises(InputError, match="SN614"):
        _check(result, result.network.with_populations(populations))


def test_import_fails_when_the_lowering_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate stands in the import itself; without it the wrong network would come out."""
    path = save(residual(), tmp_path)
    right = importer._network

    def wrong(*args: object) -> m.Network:
        return _perturbed(right(*args), "conv_2.weight", 0.05)  # type: ignore[arg-type]

    monkeypatch.setattr(importer, "_network", wrong)
    with pytest.raises(InputError, match="SN614"):
        import_model(path)
    assert import_model(path, gate=False).gate_error is None


def test_samples_take_the_place_of_random_inputs(tmp_path: Path) -> None:
    path = save(residual(), tmp_path)
    samples = np.random.default_rng(0).uniform(size=(6, 3, 8, 8)).astype(np.float32)
    assert import_model(path, samples=samples).gate_error is not None


@pytest.mark.parametrize("shape", [(6, 3, 8, 9), (0, 3, 8, 8), (6, 8, 8, 3)])
def test_samples_of_another_shape_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = save(residual(), tmp_path)
    with pytest.raises(InputError, match="SN616"):
        import_model(path, samples=np.zeros(shape, np.float32))


def test_model_that_computes_nan_is_refused(tmp_path: Path) -> None:
    model = build(
        "a = Mul(x, c) b = Mul(a, c) r = Relu(b) d = Neg(r) y = Add(d, r)", {"c": numbers(3e38)}
    )
    with pytest.raises(InputError, match="SN615"):
        import_model(save(model, tmp_path))


def test_same_seed_same_error(tmp_path: Path) -> None:
    path = save(depthwise(), tmp_path)
    assert import_model(path, seed=4).gate_error == import_model(path, seed=4).gate_error


def test_populations_in_another_layout_are_compared_through_views(tmp_path: Path) -> None:
    """NHWC: populations are NCHW, their tensors NHWC; the model gains transposes for the gate."""
    result = import_model(save(channels_last(), tmp_path))
    views = [t for t in result.values.values() if t.startswith("snnc/")]
    assert views
    broken = _perturbed(result.network, _first_weight(result.network), 1.0)
    with pytest.raises(InputError, match="SN614"):
        _check(result, broken)


def _first_weight(network: m.Network) -> str:
    return next(name for name in network.tensors if name.endswith(".weight"))


def test_samples_for_several_inputs_are_not_used_in_silence(tmp_path: Path) -> None:
    model = build("y = Add(x, z)", inputs="float[N,3] x, float[N,3] z")
    result = import_model(save(model, tmp_path), samples=np.zeros((2, 3), np.float32))
    assert any("random inputs" in note for note in result.notes)
