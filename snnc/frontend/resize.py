"""The index map of ONNX Resize in nearest mode: which pixel each output pixel takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snnc.frontend.refusal import Refusal
from snnc.ir.tensors import Array

_CURE = (
    "use nearest-neighbour upsampling by a whole factor (coordinate_transformation_mode="
    "asymmetric with nearest_mode=floor, or half_pixel)"
)


def whole_factor(
    attributes: Mapping[str, Any], length: int, target: int, scale: float | None
) -> int:
    """The whole factor by which every pixel of an axis is repeated.

    Args:
        attributes: Those of the Resize node (coordinate_transformation_mode, nearest_mode).
        length: The axis' length before.
        target: Its length after.
        scale: The scale the node gives; None if it gives the size only.

    Raises:
        Refusal: the factor is not whole, or the mode takes other pixels than their own block's.
    """
    if target == length and scale in (None, 1.0):
        return 1
    if target % length or target < length:
        raise Refusal(f"it resizes {length} to {target} pixels, not a whole factor", _CURE)
    factor = target // length
    ratio = scale or target / length
    sources = _nearest(_coordinates(attributes, length, target, ratio), attributes)
    wanted = np.arange(target) // factor
    if not np.array_equal(np.clip(sources, 0, length - 1), wanted):
        raise Refusal("its nearest pixel is not always the one whose block it fills", _CURE)
    return factor


def _coordinates(attributes: Mapping[str, Any], length: int, target: int, ratio: float) -> Array:
    mode = str(attributes.get("coordinate_transformation_mode", "half_pixel"))
    positions = np.arange(target, dtype=np.float64)
    if mode == "asymmetric":
        return positions / ratio
    if mode == "align_corners":
        return positions * (length - 1) / max(target - 1, 1)
    if mode in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel"):
        if mode == "pytorch_half_pixel" and target == 1:
            return np.zeros(1)
        return (positions + 0.5) / ratio - 0.5
    raise Refusal(f"coordinate_transformation_mode={mode} is not supported", _CURE)


def _nearest(coordinates: Array, attributes: Mapping[str, Any]) -> Array:
    mode = str(attributes.get("nearest_mode", "round_prefer_floor"))
    rounded: dict[str, Array] = {
        "floor": np.floor(coordinates),
        "ceil": np.ceil(coordinates),
        "round_prefer_floor": np.ceil(coordinates - 0.5),
        "round_prefer_ceil": np.floor(coordinates + 0.5),
    }
    if mode in rounded:
        return rounded[mode]
    raise Refusal(f"nearest_mode={mode} is not supported", _CURE)
