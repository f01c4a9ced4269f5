"""The exception of the lowering: one ONNX node cannot be converted, and why."""

from __future__ import annotations

import math

from snnc.ir.tensors import Shape

EXPORT_AGAIN = "check the file with onnx.checker, or export the model again"
"""The cure for a node that is not valid ONNX."""


class Refusal(Exception):  # noqa: N818 (a verdict on one node; the importer turns it into an error)
    """A node cannot be converted; `reason` says why, `cure` what the user can do about it.

    Without a cure the node is malformed, so the file must be made anew.
    """

    def __init__(self, reason: str, cure: str = EXPORT_AGAIN) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cure = cure


LARGEST_VALUE = 100_000_000
"""Elements per sample beyond which a tensor is refused: no spiking network has so many neurons."""


def refuse_large(shape: Shape) -> None:
    """Refuse a tensor of absurd size before anything is computed with it.

    Raises:
        Refusal: it has more than `LARGEST_VALUE` elements.
    """
    count = math.prod(shape)
    if count > LARGEST_VALUE:
        raise Refusal(
            f"it makes {count:,} values of shape {list(shape)} per sample; "
            f"{LARGEST_VALUE:,} are the limit",
            "check the sizes in the node's attributes and inputs, or use a smaller input",
        )
