"""The diagnostics of target truenorth, SN586 to SN599: networks that it does not take."""

from __future__ import annotations

CODES: dict[str, str] = {}
