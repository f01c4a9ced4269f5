"""Memory of results is used again only when nobody can see it any more."""

from __future__ import annotations

import c_tools
import numpy as np
import pytest
from loihi_networks import build, inputs_for

from snnc.backends.c.memory import Memory
from snnc.backends.reference import Simulator


def place(array: np.ndarray) -> int:  # type: ignore[type-arg]
    return int(array.ctypes.data)


def test_memory_comes_back_when_the_last_view_is_gone() -> None:
    memory = Memory()
    first = memory.empty((6, 1000), np.int32)
    assert (first.shape, first.dtype, first.flags.writeable) == ((6, 1000), np.int32, True)
    where, view = place(first), np.moveaxis(first, 0, 1)[10:]
    del first
    second = memory.empty((6, 1000), np.int32)
    assert place(second) != where
    view[:] = 7
    second[:] = 8
    assert (view == 7).all()
    del view
    third = memory.empty((5, 1000), np.float32)
    assert place(third) == where


def test_pieces_that_are_far_too_large_are_left_alone_and_forgotten() -> None:
    memory = Memory()
    large = memory.empty((1 << 20,), np.int32)
    del large
    assert len(memory._free) == 1
    small = memory.empty((1 << 10,), np.int32)
    assert len(memory._free) == 1
    memory.forget()
    assert len(memory._free) == 0
    assert small.size == 1 << 10


def test_nothing_needs_no_memory() -> None:
    assert Memory().empty((0, 5), np.int32).shape == (0, 5)


def test_too_much_is_an_error_of_memory() -> None:
    with pytest.raises(MemoryError, match="bytes for the results of a batch"):
        Memory().empty((1 << 60,), np.int8)


def test_a_trace_keeps_its_numbers_when_the_next_run_writes_its_own() -> None:
    network = build("lenet")
    (x,) = inputs_for(network, 12).values()
    program, simulator = c_tools.simulator(network), Simulator(network, threads=1)
    first = program.run(x[:6])
    kept = first.membranes["conv1"]
    del first
    second = program.run(x[6:])
    third = program.run(x[:6])
    assert c_tools.differences(second, simulator.run(x[6:])) == []
    assert c_tools.differences(third, simulator.run(x[:6])) == []
    assert np.array_equal(kept, third.membranes["conv1"])
    assert not np.shares_memory(kept, third.membranes["conv1"])
