"""What fusing does to long chains and to sums of sums."""

from __future__ import annotations

import nets
import numpy as np
from pass_tools import ann_values, largest_error, run_specs

from snnc.ir import model as m

SHAPE = (2, 8, 8)


def test_scales_around_views_and_averages_become_one():
    b = nets.Builder()
    before, behind = (m.Scale(b.tensor(n, (2,), 1.0)) for n in ("before", "behind"))
    between = (m.Pad2d((1, 0, 0, 1)), m.AvgPool2d((3, 3), (3, 3)), m.Slice(1, 0, 3, 2))
    b.add("out", (2, 2, 3), m.Identity(), ("image", (before, *between, behind)))
    network = b.network()
    after = run_specs(network, "fuse-linear")
    kinds = [type(op) for op in after.population("out").incoming[0].ops]
    assert kinds == [m.Pad2d, m.AvgPool2d, m.Slice, m.Scale]
    x = nets.images(4, shape=SHAPE)
    assert largest_error(ann_values(network, x), ann_values(after, x)) < 1e-6


def test_sums_of_sums_do_not_double_their_connections_without_end():
    """Forty sums of a value with itself would be 2^40 connections."""
    b = nets.Builder()
    source = "image"
    for index in range(40):
        half = (m.Scale(0.5),)
        b.add(f"sum{index}", SHAPE, m.Identity(), (source, half), (source, half))
        source = f"sum{index}"
    b.add("out", SHAPE, m.Relu(), (source, ()))
    network = b.network()
    after = run_specs(network, "fuse-linear")
    assert len(after.populations) < 12
    assert max(len(p.incoming) for p in after.populations) <= 64
    x = nets.images(4, shape=SHAPE)
    np.testing.assert_allclose(
        ann_values(after, x)["out"], ann_values(network, x)["out"], atol=1e-6
    )
