"""Whether a network is evaluated on the data that its exit policy was fitted on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from snnc.data.spec import DataSpec
from snnc.driver.samples import DataLike


def overlap_notes(report: Mapping[str, Any], data: DataLike) -> tuple[str, ...]:
    """A note if data has samples that the exit policy was fitted on, going by names and ranges.

    Args:
        report: of the compilation.
        data: what the network is evaluated on; of arrays nothing can be said.
    """
    record = report.get("exit") or {}
    fitted_on = (record.get("data") or {}).get("data")
    if not fitted_on or not isinstance(data, str | PathLike):
        return ()
    here = Path(fspath(data)).name
    if not _share(DataSpec.parse(fitted_on), DataSpec.parse(here)):
        return ()
    shared = f"{fitted_on}, which by its name shares samples with {here}"
    cost = "its figures look better here than they are on new data"
    return (f"the exit policy was fitted on {shared}: {cost}",)


def names_share(one: str, other: str) -> bool:
    """Whether two data specifications have samples in common, going by names and ranges."""
    return bool(one and other) and _share(DataSpec.parse(one), DataSpec.parse(other))


def _share(one: DataSpec, other: DataSpec) -> bool:
    """Whether two ranges of the same file overlap; ranges counted from the end only if equal."""
    if (one.path, one.split) != (other.path, other.split):
        return False
    if any((bound or 0) < 0 for spec in (one, other) for bound in (spec.start, spec.stop)):
        return one == other
    ends = [math.inf if spec.stop is None else spec.stop for spec in (one, other)]
    return max(one.start or 0, other.start or 0) < min(ends)
