"""Memory for the results of a C program, used again once nobody looks at it any more."""

from __future__ import annotations

import mmap
import weakref
from collections import deque
from typing import Any

import numpy as np

from snnc.ir.tensors import Array


class Memory:
    """Arrays that take the place of earlier ones which have been given up.

    A sample of a small network takes half a millisecond, and fresh memory for its counts and
    potentials up to a third of that, because the system clears every page that is touched for the
    first time. An array from `empty` gives its memory back when it and all views of it are gone;
    `forget` lets go of what nobody took since.
    """

    def __init__(self) -> None:
        # Arrays end in any thread; both ends of a deque can be used without a lock.
        self._free: deque[mmap.mmap] = deque()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array with any content, like `numpy.empty`."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size == 0:
            return np.empty(shape, dtype)
        raw = self._take(size)
        # The owner of the memory is no array, so that all views hold `whole` and not the owner.
        whole = np.frombuffer(raw, np.uint8)
        weakref.finalize(whole, self._free.append, raw).atexit = False
        found: Array = whole[:size].view(dtype).reshape(shape)
        return found

    def forget(self) -> None:
        """Give what is free back to the system."""
        self._free.clear()

    def _take(self, size: int) -> mmap.mmap:
        """A free piece of memory that is large enough and not much larger, or a new one."""
        for _ in range(len(self._free)):
            raw = self._free.popleft()
            if size <= len(raw) <= 2 * size + mmap.PAGESIZE:
                return raw
            self._free.append(raw)
        try:
            raw = mmap.mmap(-1, size)
        except OSError as error:  # what numpy.empty would say
            raise MemoryError(f"{size:,} bytes for the results of a batch") from error
        if hasattr(mmap, "MADV_HUGEPAGE"):
            raw.madvise(mmap.MADV_HUGEPAGE)
        return raw
