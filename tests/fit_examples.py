"""The JSON of fits, with names that could break a page."""

from __future__ import annotations

from typing import Any

from layout_networks import chip, vector

from snnc.backends.loihi.fit import fit, fits

FITTING: dict[str, Any] = fits(vector(1024, 1000))
"""On 9 cores of one chip of Loihi 1."""

REFUSED: dict[str, Any] = {"loihi1": fit(vector(4097, 1), chip()).as_dict()}
"""Has 4,097 axons of 4,096."""


def named(found: dict[str, Any], name: str) -> dict[str, Any]:
    """A fit whose only layer has another name."""
    (layer,) = found["layers"]
    return {**found, "layers": [{**layer, "name": name}]}
