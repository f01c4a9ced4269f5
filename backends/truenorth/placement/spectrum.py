"""Coordinates of cores from the spectrum of their traffic.

The second and third eigenvectors of the normalised Laplacian `I - D^-1/2 S D^-1/2` of symmetric
traffic S, scaled by `D^-1/2`, put cores with much traffic near each other (Hall 1970; Shi and Malik
2000 for the normalised form).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from snnc.ir.tensors import Array

DENSE = 300
"""Cores up to which all eigenvectors are computed; beyond, the first few by Lanczos."""

DECIMALS = 9
"""Coordinates are rounded to these, so that equal ones are not told apart by rounding errors."""


def components(traffic: sparse.csr_array) -> list[Array]:
    """Cores that traffic connects, the largest part first, equal ones by their first core."""
    count, labels = connected_components(traffic, directed=False)
    order = np.argsort(labels, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(labels, minlength=count))[:-1])
    return sorted(parts, key=lambda part: (-len(part), int(part[0])))


def coordinates(traffic: sparse.csr_array, steps: int | None = None) -> Array:
    """Two coordinates of each core of connected traffic, float64 (C, 2), spread of each 1.

    Args:
        traffic: Symmetric (C, C), connected, or all 0.
        steps: Restarts that Lanczos may take; None for scipy's own limit.

    Returns:
        The coordinates. Those that did not converge are 0 for all cores; so are those of fewer than
        three cores and of cores without traffic, which have no such vectors.
    """
    if len(traffic.indptr) < 4 or not traffic.nnz:
        return np.zeros((traffic.shape[0], 2))
    scale = 1 / np.sqrt(traffic.sum(axis=1))
    diagonal = sparse.diags_array(scale)
    vectors = _leading(sparse.csr_array(diagonal @ traffic @ diagonal), steps) * scale[:, None]
    vectors = vectors[:, 1:3]
    vectors = vectors / np.maximum(vectors.std(axis=0), np.finfo(float).tiny)
    found = np.zeros((len(scale), 2))
    found[:, : vectors.shape[1]] = vectors
    first = np.argmax(np.round(np.abs(found), 6), axis=0)
    rounded: Array = np.round(found * np.where(found[first, [0, 1]] < 0, -1, 1), DECIMALS)
    return rounded


def _leading(matrix: sparse.csr_array, steps: int | None) -> Array:
    """Eigenvectors of the up to three largest eigenvalues, largest first: (C, 3 or fewer)."""
    cores = matrix.shape[0]
    if cores <= DENSE:
        vectors: Array = np.linalg.eigh(matrix.toarray())[1][:, ::-1][:, :3]
        return vectors
    start = 0.5 + np.sin(np.arange(1, cores + 1))  # any fixed vector that is no eigenvector
    try:
        values, vectors = eigsh(matrix, k=3, which="LA", v0=start, tol=1e-7, maxiter=steps)
    except ArpackNoConvergence as error:
        values, vectors = error.eigenvalues, error.eigenvectors
    ordered: Array = vectors[:, np.argsort(-values)]
    return ordered
