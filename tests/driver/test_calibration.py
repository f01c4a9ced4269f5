"""Statistics of the ANN's activations on a data set, and what is kept of the data."""

from __future__ import annotations

import nets
import numpy as np
import pytest

from snnc.diagnostics import InputError
from snnc.driver import calibration as c
from snnc.driver.samples import ArraySamples
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir import model as m
from snnc.ir.interpret import evaluate


def network() -> m.Network:
    builder = nets.Builder(seed=5, shape=(2, 6, 6))
    conv = builder.conv("conv", 3, 2)
    builder.add("conv", (3, 6, 6), m.Relu(), ("image", (conv,)), bias=(3,))
    dense = builder.dense("fc", 4, 108)
    builder.add("fc", (4,), m.Identity(), ("conv", (m.Flatten(), dense)))
    return builder.network("fc")


def test_statistics_are_those_of_all_samples_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c, "BATCH", 7)
    monkeypatch.setattr(c, "KEPT_SAMPLES", 10)
    ann = network()
    x = np.random.default_rng(0).random((25, 2, 6, 6), dtype=np.float32)
    found = c.calibrate(ann, InterpretedAnn(ann), ArraySamples(x, np.arange(25)))
    values = evaluate(ann, {"image": x})
    for name, activations in values.items():
        axes = (0, *range(2, activations.ndim))
        np.testing.assert_allclose(
            found.statistics[name].mean, activations.mean(axis=axes), rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            found.statistics[name].maximum, activations.max(axis=axes), rtol=1e-6
        )
    assert found.count == 25
    assert found.samples is not None
    np.testing.assert_array_equal(found.samples["image"], x[:10])
    np.testing.assert_array_equal(found.labels, np.arange(25))


def test_no_sample_is_refused() -> None:
    ann = network()
    empty = ArraySamples(np.zeros((0, 2, 6, 6), np.float32))
    with pytest.raises(InputError, match="SN927"):
        c.calibrate(ann, InterpretedAnn(ann), empty)


def test_a_network_with_two_inputs_takes_no_data_set() -> None:
    ann = m.Network("two", "ann", (m.Input("a", "f32", (1,)), m.Input("b", "f32", (1,))), (), ())
    with pytest.raises(InputError, match=r"SN931.*a, b"):
        c.require_single_input(ann)
