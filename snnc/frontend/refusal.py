"""The exception of the lowering: one ONNX node cannot be converted, and why."""

from __future__ import annotations

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
