"""Arrays as `.npz` and `.npy` files whose bytes depend on the arrays alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from snnc.ir.tensors import Array

_NPY: Any = np.lib.format  # typed in some versions of NumPy only


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """A compressed `.npz` whose bytes depend on the arrays alone (fixed dates, sorted)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, npy_bytes(arrays[name]))
    return buffer.getvalue()


def npy_bytes(array: Array) -> bytes:
    """A `.npy` of version 1.0, in C order; its bytes depend on the array alone."""
    content = io.BytesIO()
    _NPY.write_array(content, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return content.getvalue()
