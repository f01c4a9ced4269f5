"""Runs stop cleanly, report progress, and can be taken block by block."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc

import numpy as np
import pytest
from spiking_networks import build, inputs_for

from snnc.backends.reference import Simulator
from snnc.backends.reference.layout import to_outer
from snnc.ir import model as m


def test_a_session_gives_the_blocks_of_a_run() -> None:
    network = build("residual", 0)
    arrays = inputs_for(network, 3, 0)
    simulator = Simulator(network)
    whole = simulator.run(arrays)
    session = simulator.session(arrays, steps=10, block=4)
    for steps in (4, 1, 4):
        block = session.advance(steps)
        expected = whole.outputs["final"][block.start : block.start + steps]
        np.testing.assert_array_equal(block.outputs["final"], expected)
    assert session.time == 9


@pytest.mark.parametrize("name", ["residual", "running_max", "signed", "delays", "events", "mlp"])
def test_samples_that_leave_a_session_change_nothing_for_the_others(name: str) -> None:
    """Three of five leave at different times; each gives what a run up to then gives."""
    network = build(name, 2)
    arrays = inputs_for(network, 5, 2)
    simulator = Simulator(network, dtype="float64")
    whole = simulator.run(arrays)
    session = simulator.session(arrays, steps=10, block=3)
    session.advance(3)
    left = [(3, session.keep(np.array([True, False, True, True, False])))]
    assert session.rows.tolist() == [0, 2, 3]
    session.advance(1)
    left.append((4, session.keep(np.array([True, False, True]))))
    for steps in (3, 3):
        block = session.advance(steps)
        assert block.rows.tolist() == [0, 3]
        expected = whole.outputs["final"][block.start : block.start + steps, [0, 3]]
        np.testing.assert_array_equal(block.outputs["final"], expected)
    left.append((10, session.finish()))
    assert session.samples == 0
    assert [d.rows.tolist() for _, d in left] == [[1, 4], [2], [0, 3]]
    for end, departure in left:
        assert departure.time == end
        assert departure.steps_run.tolist() == [end] * len(departure.rows)
        cut = {n: a[:end] if n == "x" and name == "events" else a for n, a in arrays.items()}
        trace = simulator.run(cut, steps=end)
        for source, counts in departure.counts.items():
            rank = len(network.source_shape(source))
            found = to_outer(counts.net, rank)
            np.testing.assert_array_equal(found, trace.spike_counts[source][departure.rows])
            events = counts.events.reshape(len(departure.rows), -1).sum(axis=1)
            np.testing.assert_array_equal(events, trace.spikes[source][departure.rows])
        for source, potential in departure.potentials.items():
            found = to_outer(potential, len(network.source_shape(source)))
            np.testing.assert_array_equal(found, trace.membranes[source][departure.rows])


def test_nobody_leaves_where_all_are_kept() -> None:
    network = build("convolutions", 0)
    arrays = inputs_for(network, 3, 0)
    simulator = Simulator(network)
    session = simulator.session(arrays, steps=10)
    session.advance(1)
    assert not session.at_rest().any()
    departure = session.keep(np.ones(3, bool))
    assert len(departure.rows) == 0
    assert session.samples == 3
    expected = simulator.run(arrays).outputs["final"][1]
    np.testing.assert_array_equal(session.advance(1).outputs["final"][0], expected)


def test_poisson_spikes_of_a_sample_do_not_depend_on_who_left() -> None:
    population = m.Population("a", (6,), m.IF(), incoming=(m.Incoming("x"),))
    entry = m.Input("x", "f32", (6,), m.Poisson(seed=1))
    network = m.Network("p", "snn", (entry,), (population,), (), schedule=m.Synchronous(30))
    x = np.full((4, 6), 0.5, np.float32)
    simulator = Simulator(network)
    session = simulator.session(x, steps=30, block=10)
    session.advance(10)
    session.keep(np.array([False, True, False, True]))
    for _ in range(2):
        session.advance(10)
    counts = session.finish().counts["x"].net
    np.testing.assert_array_equal(counts, simulator.run(x).spike_counts["x"][[1, 3]])


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_ends_at_the_total_and_never_falls(threads: int) -> None:
    network = build("convolutions", 0)
    seen: list[tuple[int, int]] = []
    caller = threading.get_ident()

    def progress(done: int, total: int) -> None:
        assert threading.get_ident() == caller
        seen.append((done, total))

    Simulator(network, threads=threads, batch_size=2).run(
        inputs_for(network, 9, 0), progress=progress
    )
    assert seen[-1] == (90, 90)
    assert seen == sorted(seen)


def test_an_error_in_the_progress_callback_stops_the_workers() -> None:
    network = build("convolutions", 0)
    before = threading.active_count()

    def progress(done: int, total: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        Simulator(network, threads=3, batch_size=1).run(
            inputs_for(network, 8, 0), progress=progress
        )
    assert threading.active_count() == before


SCRIPT = """
    import sys
    import numpy as np
    from spiking_networks import build, inputs_for
    from snnc.backends.reference import Simulator

    network = build("views", 0)
    print("ready", flush=True)
    try:
        Simulator(network, threads=int(sys.argv[1]), batch_size=4).run(
            inputs_for(network, 64, 0), steps=200_000
        )
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_stops_a_long_run_at_once(threads: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), threads]
    import spiking_networks

    folder = spiking_networks.__file__.rsplit("/", 1)[0]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    start = time.perf_counter()
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=20)[0]
    assert rest == "stopped\n"
    assert process.returncode == 0
    assert time.perf_counter() - start < 5


def peak(steps: int, record: tuple[str, ...] = ()) -> int:
    network = build("convolutions", 0)
    simulator = Simulator(network, threads=1, block_steps=4)
    arrays = inputs_for(network, 4, 0)
    simulator.run(arrays, steps=2)
    tracemalloc.start()
    simulator.run(arrays, steps=steps, record=record)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_grows_with_time_only_by_the_read_outs_unless_a_raster_is_kept() -> None:
    """Two heads of 3 and 5*5*8 float64 values for 4 samples are all that may grow."""
    short, long = peak(20), peak(400)
    network = build("convolutions", 0)
    values = sum(np.prod(network.population(head.population).shape) for head in network.heads)
    read_outs = 380 * 4 * 8 * values
    assert long - short < 1.1 * read_outs + 20_000
    raster = 380 * 4 * np.prod(network.population("a").shape)
    assert peak(400, ("a",)) - long > 0.9 * raster
