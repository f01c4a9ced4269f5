"""Places of cores: each once and on the mesh, the same every time, and close together."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from benchmark_runs import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_maps import random_counts, wired_map
from scipy import sparse

from snnc.backends.truenorth.chip import TRUENORTH, ChipSpec
from snnc.backends.truenorth.placement.board import hop_weight, places, rectangle
from snnc.backends.truenorth.placement.methods import METHODS, place, placed
from snnc.diagnostics import InputError, UsageError

SMALL = ChipSpec(grid=(5, 4))
METHOD = st.sampled_from(METHODS)


@pytest.fixture(scope="module")
def graphs() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        return importlib.import_module("placement")


def traffic_of(seed: int, cores: int, links: int = 40) -> sparse.csr_array:
    return sparse.csr_array(random_counts(seed, cores, links).astype(float))


def on_places_of_their_own(points: Any, spec: ChipSpec) -> bool:
    inside = ((points >= 0) & (points < np.array(spec.grid))).all()
    return bool(inside) and len({(int(x), int(y)) for x, y in points}) == len(points)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**20), cores=st.integers(1, 20), links=st.integers(0, 60), method=METHOD
)
def test_every_core_gets_a_place_of_its_own(seed: int, cores: int, links: int, method: Any) -> None:
    """Also without links, in several parts, and where the mesh is filled to the last place."""
    points = place(traffic_of(seed, cores, links), SMALL, method=method, seed=seed)
    assert points.dtype == np.int16
    assert points.shape == (cores, 2)
    assert on_places_of_their_own(points, SMALL)


def test_the_check_of_places_sees_one_taken_twice_and_one_off_the_mesh() -> None:
    assert not on_places_of_their_own(np.array([[0, 1], [0, 1]]), SMALL)
    assert not on_places_of_their_own(np.array([[0, 1], [5, 0]]), SMALL)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20), cores=st.integers(1, 20), links=st.integers(0, 80))
def test_no_method_is_worse_than_what_it_starts_from(seed: int, cores: int, links: int) -> None:
    traffic = traffic_of(seed, cores, links)
    weight = {
        method: hop_weight(traffic, place(traffic, SMALL, method=method)) for method in METHODS
    }
    assert weight["anneal"] <= weight["spectral"] <= weight["rows"]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_places(method: Any, graphs: Any) -> None:
    traffic = graphs.scattered(36)
    first, second = (place(traffic, TRUENORTH, method=method, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = place(traffic, TRUENORTH, method=method, seed=4)
    assert np.array_equal(first, other) == (method in ("rows", "hilbert"))


@pytest.mark.parametrize(
    ("sides", "most"), [((6, 5, 4, 2), 2.0), ((10,) * 4, 3.7), ((10,) * 15, 5.0)]
)
def test_layers_lie_close_to_those_they_drive(graphs: Any, sides: Any, most: float) -> None:
    """Mean hops; at random places it is a third of the sum of both sides: 6, 13 and 26."""
    traffic = graphs.layered(sides)
    hops = {
        method: hop_weight(traffic, place(traffic, TRUENORTH, method=method)) / traffic.sum()
        for method in ("spectral", "rows", "hilbert")
    }
    assert hops["spectral"] < most
    assert hops["spectral"] < hops["hilbert"] < hops["rows"]


def test_a_grid_of_cores_is_found_again(graphs: Any) -> None:
    """16 x 16 cores linked to their neighbours, given in random order: nearly a hop each."""
    numbers = np.random.default_rng(0).permutation(256).reshape(16, 16)
    pairs = [*zip(numbers[1:].ravel(), numbers[:-1].ravel(), strict=True)]
    pairs += zip(numbers[:, 1:].ravel(), numbers[:, :-1].ravel(), strict=True)
    rows, columns = np.array(pairs).T
    traffic = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(256, 256))
    mean = hop_weight(traffic, place(traffic, TRUENORTH)) / len(rows)
    assert mean < 1.15
    shuffled = np.random.default_rng(1).permutation(places(16, 16))
    assert hop_weight(traffic, shuffled) / len(rows) > 9


def test_parts_without_links_to_each_other_stay_together() -> None:
    """Four rings of 16 cores: nobody of a ring is far from it."""
    rows = np.arange(64)
    columns = rows // 16 * 16 + (rows + 1) % 16
    mixed = np.random.default_rng(0).permutation(64)
    traffic = sparse.csr_array((np.ones(64), (mixed[rows], mixed[columns])), shape=(64, 64))
    points = place(traffic, TRUENORTH)
    assert hop_weight(traffic, points) / 64 < 1.3


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), method=METHOD)
def test_fixed_cores_lie_where_they_are_put(seed: int, method: Any) -> None:
    fixed = {3: (4, 3), 0: (1, 0)}  # the first is outside the rectangle of 3 x 3
    points = place(traffic_of(seed, 8), SMALL, method=method, seed=seed, fixed=fixed)
    assert on_places_of_their_own(points, SMALL)
    assert {n: tuple(points[n].tolist()) for n in fixed} == fixed


def test_cores_come_to_a_fixed_one() -> None:
    """A chain that is held at one end of the mesh lies at that end."""
    chain = sparse.csr_array(np.eye(4, k=1))
    points = place(chain, ChipSpec(grid=(2, 2)), fixed={0: (1, 1)})
    assert hop_weight(chain, points) == 3


@pytest.mark.parametrize(
    ("cores", "grid", "size"),
    [(1, (64, 64), (1, 1)), (81, (64, 64), (9, 9)), (82, (64, 64), (10, 9)),
     (4096, (64, 64), (64, 64)), (12, (3, 9), (3, 4)), (12, (9, 2), (6, 2))],
)  # fmt: skip
def test_the_rectangle_is_about_square(cores: int, grid: Any, size: Any) -> None:
    assert rectangle(cores, ChipSpec(grid=grid)) == size


def code(error: pytest.ExceptionInfo[Any]) -> str:
    return str(error.value.diagnostics[0].code)


def test_more_cores_than_the_chip_has_are_refused() -> None:
    with pytest.raises(InputError, match="21 cores; a chip has 5 x 4 = 20") as error:
        place(traffic_of(0, 21), SMALL)
    assert code(error) == "SN582"


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UsageError, match="rows, hilbert") as error:
        place(traffic_of(0, 4), SMALL, method="best")  # type: ignore[arg-type]
    assert code(error) == "SN583"


@pytest.mark.parametrize(
    "traffic", [sparse.csr_array((2, 3)), sparse.csr_array(np.diag([1.0, -1.0])),
                sparse.csr_array(np.diag([1.0, np.nan]))]
)  # fmt: skip
def test_traffic_must_be_amounts_between_cores(traffic: Any) -> None:
    with pytest.raises(InputError) as error:
        place(traffic, SMALL)
    assert code(error) == "SN584"


@pytest.mark.parametrize("fixed", [{4: (0, 0)}, {0: (5, 0)}, {0: (0, -1)}, {0: (1, 1), 2: (1, 1)}])
def test_fixed_places_must_be_there_and_free(fixed: Any) -> None:
    with pytest.raises(InputError) as error:
        place(traffic_of(0, 4), SMALL, fixed=fixed)
    assert code(error) == "SN585"


def test_placing_a_core_map_changes_its_positions_alone() -> None:
    before = wired_map(random_counts(5, 12))
    after = placed(before)
    assert not np.array_equal(after.positions, before.positions)
    for field in fields(before):
        if field.name != "positions":
            assert getattr(after, field.name) is getattr(before, field.name)


def test_measured_spikes_decide_who_lies_together() -> None:
    """Core 0 drives all others by one neuron each; only the one to core 9 fires."""
    counts = np.zeros((16, 16), int)
    counts[0, 1:] = 1
    core_map = wired_map(counts)
    spikes = np.zeros((16, 256), int)
    spikes[0, 8] = 100
    points = placed(core_map, spikes=spikes).positions
    assert np.abs(points[0].astype(int) - points[9]).sum() == 1
