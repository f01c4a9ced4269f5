"""First placements: row by row, along a Hilbert curve, and by two eigenvectors.

Each takes symmetric traffic of C cores and C places (C, 2), and returns for each core the index of
its place.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from snnc.backends.truenorth.placement.board import hop_weight
from snnc.backends.truenorth.placement.spectrum import components, coordinates
from snnc.ir.tensors import Array

ASSIGNED = 1500
"""Cores up to which all are assigned to places at once, which takes time with their cube."""

ANGLES = (0.0, 22.5, 45.0, 67.5)
"""Degrees by which the eigenvectors are turned. Where a network is as wide as high, their two
eigenvalues are equal and any turn of them is as good to the spectrum, but not to the mesh."""


def in_rows(traffic: sparse.csr_array, places: Array) -> Array:
    """Core after core, place after place."""
    del traffic
    return np.arange(len(places))


def along_hilbert(traffic: sparse.csr_array, places: Array) -> Array:
    """Cores in the order of the second eigenvector, on places in the order of a Hilbert curve."""
    ordered = np.concatenate(
        [
            part[np.argsort(coordinates(_within(traffic, part))[:, 0], kind="stable")]
            for part in _parts(traffic)
        ]
    )
    found = np.empty(len(places), np.int64)
    found[ordered] = np.argsort(hilbert_index(places), kind="stable")
    return found


def spectral(traffic: sparse.csr_array, places: Array) -> Array:
    """By two eigenvectors. Each connected part gets a stretch of the Hilbert curve."""
    curve = np.argsort(hilbert_index(places), kind="stable")
    found = np.empty(len(places), np.int64)
    start = 0
    parts = _parts(traffic)
    for part in parts:
        chosen = np.sort(curve[start : start + len(part)]) if len(parts) > 1 else curve
        found[part] = chosen[_spectral_part(_within(traffic, part), places[chosen])]
        start += len(part)
    return found


def _spectral_part(traffic: sparse.csr_array, places: Array) -> Array:
    """One connected part: the best turn by median cuts; up to `ASSIGNED` cores, assignment."""
    cores = len(places)
    flat = coordinates(traffic)
    tried = [(turn(flat, angle), angle) for angle in ANGLES]
    cuts = [median_cuts(turned, places) for turned, _ in tried]
    weights = [hop_weight(traffic, places[cut]) for cut in cuts]
    best = int(np.argmin(weights))
    if cores > ASSIGNED:
        return cuts[best]
    assigned = snapped(tried[best][0], places)
    return assigned if hop_weight(traffic, places[assigned]) < weights[best] else cuts[best]


def _parts(traffic: sparse.csr_array) -> list[Array]:
    """Connected parts; cores without any traffic are one part at the end."""
    parts = components(traffic)
    linked = [part for part in parts if len(part) > 1]
    alone = [part for part in parts if len(part) == 1]
    return linked + ([np.concatenate(alone)] if alone else [])


def _within(traffic: sparse.csr_array, part: Array) -> sparse.csr_array:
    """Traffic between the cores of a part."""
    return sparse.csr_array(traffic[part][:, part])


def turn(points: Array, degrees: float) -> Array:
    """Points (C, 2) turned about the origin."""
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    turned: Array = points @ np.array([[cosine, sine], [-sine, cosine]])
    return turned


def median_cuts(points: Array, places: Array) -> Array:
    """Cut places and points in half again and again, across the longer side of the places.

    Either half of the places gets as many cores as it has places, those of the smaller coordinates
    first: order along both axes is kept from coarse to fine.

    Returns:
        Index of the place of each point.
    """
    found = np.empty(len(places), np.int64)
    stack = [(np.arange(len(points)), np.arange(len(places)))]
    while stack:
        cores, left = stack.pop()
        if len(cores) == 1:
            found[cores] = left
            continue
        here = places[left]
        low, high = here.min(axis=0), here.max(axis=0)
        axis = int(high[1] - low[1] > high[0] - low[0])
        near = here[:, axis] < (low[axis] + high[axis] + 1) // 2
        ordered = cores[np.argsort(points[cores, axis], kind="stable")]
        count = int(near.sum())
        stack.append((ordered[:count], left[near]))
        stack.append((ordered[count:], left[~near]))
    return found


def snapped(points: Array, places: Array) -> Array:
    """Assign points to places with the least sum of squared distances, after snapping to ranks.

    The point with the n-th smallest coordinate wants the n-th smallest coordinate of the places,
    in both directions by itself; the assignment settles who gets what.

    Returns:
        Index of the place of each point.
    """
    wanted = np.empty(places.shape)
    for axis in (0, 1):
        order = np.argsort(points[:, axis], kind="stable")
        wanted[order, axis] = np.sort(places[:, axis])
    distances = ((wanted[:, None] - places[None]) ** 2).sum(axis=2)
    found: Array = linear_sum_assignment(distances)[1]
    return found


def hilbert_index(places: Array) -> Array:
    """Where places (C, 2) lie along the Hilbert curve of the smallest square that holds them.

    The usual conversion bit by bit (Hilbert 1891; Warren, Hacker's Delight, chapter 16).
    """
    x, y = places[:, 0].astype(np.int64), places[:, 1].astype(np.int64)
    side = 1
    while side <= max(x.max(initial=0), y.max(initial=0)):
        side *= 2
    index = np.zeros(len(x), np.int64)
    bit = side // 2
    while bit:
        right, up = (x & bit) > 0, (y & bit) > 0
        index += bit * bit * ((3 * right) ^ up)
        flip = ~up & right
        x, y = np.where(flip, side - 1 - x, x), np.where(flip, side - 1 - y, y)
        x, y = np.where(up, x, y), np.where(up, y, x)
        bit //= 2
    return index
