"""Published relative energies and sparsities, recomputed from their spikes and time steps."""

from __future__ import annotations

import pytest

from snnc.evaluation.normalised_energy import (
    REFERENCES,
    Reference,
    firing_rate,
    reference_of,
    relative_energy,
    spikes_per_neuron,
)

ROUNDED = 500
NEURONS = 280_576
"""VGG-16 on 32x32 images: the input, all convolutions, two dense layers; the read-out is not in."""

CIFAR10 = {
    "T2FSNN": (0.069e6, 680),
    "trained, 1e-5": (0.067e6, 544),
    "trained, 1e-4": (0.049e6, 544),
    "TSC": (0.193e6, 512),
    "burst": (6.920e6, 1125),
    "phase": (35.196e6, 1500),
    "rate": (2.612e6, 512),
}
CIFAR100 = {
    "trained": (0.078e6, 544),
    "T2FSNN": (0.084e6, 680),
    "TSC": (0.170e6, 512),
    "burst": (25e6, 3100),
    "phase": (258e6, 8950),
    "rate": (2.048e6, 512),
}
PUBLISHED = {
    # TrueNorth, SpiNNaker, as Park and Yoon 2021 print them.
    ("cifar10", "trained, 1e-5"): (0.78, 0.60),
    ("cifar10", "T2FSNN"): (0.94, 0.71),
    ("cifar10", "rate"): (6.01, 9.01),
    ("cifar100", "trained"): (0.82, 0.68),
}
"""What of the tables is known to two decimals; spikes are printed in three digits."""


def energies(data: str, row: str) -> tuple[float, float]:
    spikes, steps = (CIFAR10 if data == "cifar10" else CIFAR100)[row]
    truenorth, spinnaker = relative_energy(spikes, steps, REFERENCES[data])
    return truenorth.energy, spinnaker.energy


def slack(data: str, row: str, share: float) -> float:
    """What rounding of the printed spikes (to thousands) and of the printed energy explains."""
    table = CIFAR10 if data == "cifar10" else CIFAR100
    spikes, most = table[row][0], table["TSC"][0]
    return 0.005 + share * spikes / most * (ROUNDED / spikes + ROUNDED / most)


@pytest.mark.parametrize(("data", "row"), list(PUBLISHED))
def test_the_published_tables_come_out(data: str, row: str) -> None:
    pairs = zip(energies(data, row), PUBLISHED[data, row], (0.4, 0.64), strict=True)
    for found, printed, share in pairs:
        assert abs(found - printed) <= slack(data, row, share)


def by_hand(data: str, row: str) -> tuple[float, float]:
    """The formula once more, written out."""
    table = CIFAR10 if data == "cifar10" else CIFAR100
    (spikes, steps), (most, long) = table[row], table["TSC"]
    return 0.4 * spikes / most + 0.6 * steps / long, 0.64 * spikes / most + 0.36 * steps / long


@pytest.mark.parametrize("data", ["cifar10", "cifar100"])
def test_every_row_of_both_tables_follows_the_formula(data: str) -> None:
    for row in CIFAR10 if data == "cifar10" else CIFAR100:
        assert energies(data, row) == pytest.approx(by_hand(data, row), rel=1e-12)
    assert energies(data, "TSC") == pytest.approx((1.0, 1.0))


def test_the_coarsest_published_count_is_met_within_its_digits() -> None:
    """258 million spikes, to the million, are printed as an energy of 619."""
    found = energies("cifar100", "phase")[0]
    assert found == pytest.approx(619, rel=0.5 / 258 + ROUNDED / 0.170e6)
    assert found != pytest.approx(619 * 1.01, rel=0.5 / 258 + ROUNDED / 0.170e6)


def test_other_shares_or_another_reference_would_not_give_the_tables() -> None:
    """Negative control."""
    spikes, steps = CIFAR10["rate"]
    wrong = Reference("swapped", REFERENCES["cifar100"].spikes, REFERENCES["cifar100"].steps)
    assert abs(relative_energy(spikes, steps, wrong)[0].energy - 6.01) > 0.5
    truenorth, spinnaker = energies("cifar10", "rate")
    assert abs(truenorth - 9.01) > 1
    assert abs(spinnaker - 6.01) > 1


@pytest.mark.parametrize(
    ("spikes", "printed"),
    [
        (0.067e6, 23.88),
        (0.049e6, 17.46),
        (0.069e6, 24.59),
        (35.196e6, 12544),
        (0.084e6, 29.94),
        (0.078e6, 27.80),
    ],
)
def test_published_sparsities_are_spikes_per_neuron(spikes: float, printed: float) -> None:
    found = 100 * spikes_per_neuron(spikes, NEURONS)
    assert found == pytest.approx(printed, abs=0.005 if printed < 100 else 0.5)
    assert abs(100 * spikes_per_neuron(spikes, NEURONS + 10_000) - printed) > 0.3


def test_rates_are_per_step() -> None:
    assert firing_rate(0.067e6, NEURONS, 544) == pytest.approx(0.2388 / 544, rel=1e-3)


def test_estimates_say_what_they_are_and_what_they_are_relative_to() -> None:
    rate = reference_of({"spikes_per_sample": 1000.0, "mean_steps": 64.0}, "rate code")
    truenorth, _ = relative_energy(50.0, 128.0, rate)
    told = truenorth.as_dict()
    assert told["kind"] == "estimate"
    assert told["reference"] == "rate code"
    assert told["dynamic"] == pytest.approx(0.4 * 0.05)
    assert told["static"] == pytest.approx(0.6 * 2)
    assert told["energy"] == pytest.approx(0.02 + 1.2)


def test_a_reference_without_spikes_is_refused() -> None:
    with pytest.raises(ValueError, match="not above 0"):
        Reference("silent", 0.0, 10)
    with pytest.raises(KeyError):
        reference_of({"mean_steps": 3.0}, "no evaluation")
