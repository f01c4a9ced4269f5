"""Spikes of whole images, listed once: who does so, and that it changes nothing but time."""

from __future__ import annotations

from pathlib import Path

import c_tools
import pytest
from loihi_networks import Builder, inputs_for, via

from snnc.backends.c.emit import emit, sources
from snnc.backends.c.images import MOST_BYTES, image_of
from snnc.backends.c.plan import Plan, make_plan
from snnc.ir import model as m


def tall() -> m.Network:
    """Kernels of several rows: signed spikes, strides, columns apart, groups, sums, wide cells."""
    b = Builder(8)
    x = b.input("x", (3, 17, 9))
    signed = m.IF(700.0, v_init=350.0, negative_spikes="retract")
    b.add("a", signed, via(x, b.conv(11, 3, (3, 3), (1, 1), (1, 1, 1, 1))), bias=300)
    b.add("b", m.IF(300.0), via("a", b.conv(72, 11, (5, 2), (2, 1), (2, 0, 1, 1))), bias=90)
    apart = b.conv(9, 72, (3, 2), (1, 1), (0, 2, 0, 2), (1, 3))
    groups = b.conv(9, 8, (3, 3), (1, 1), (0, 1, 0, 2), (1, 1), 9)
    b.add("c", m.IF(400.0, v_init=200.0), via("b", apart), via("b", groups), bias=60)
    pooled = b.weight(6, 9, 2, 2)  # a convolution behind an average pooling, folded
    b.arrays[pooled.name] = b.arrays[pooled.name].repeat(2, axis=2).repeat(2, axis=3)
    b.add("d", m.IF(900.0), via("c", m.Conv2d(pooled, (2, 2))))
    b.out("d")
    return b.network("tall", 20)


def listed(files: dict[str, bytes]) -> int:
    return files["program.c"].count(b"snn_add_image")


def test_a_program_with_images_does_what_the_simulator_does() -> None:
    network = tall()
    files = sources(network)
    assert listed(files) == 5  # both signs of a, b twice, and sums of c
    assert c_tools.compared(network, files) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("image_ends[c->kernel_height] - begin", "image_ends[c->kernel_height - 1] - begin"),
        ("active |= snn_copy_row(", "active &= snn_copy_row("),
    ],
)
def test_the_lists_are_read(right: str, wrong: str) -> None:
    """The comparison above would find wrong ones."""
    network = tall()
    files = sources(network)
    text = files["snn_columns.h"].decode()
    assert right in text
    changed = text.replace(right, wrong).encode()
    assert c_tools.compared(network, {**files, "snn_columns.h": changed}) != []


@pytest.mark.parametrize("options", [c_tools.SANITIZED, c_tools.ELSEWHERE, ("-O0", "-DSNN_LISTS")])
def test_the_golden_check_passes(options: tuple[str, ...], tmp_path: Path) -> None:
    network = tall()
    folder = c_tools.write(tmp_path, emit(network, inputs_for(network, 2)))
    done = c_tools.build(folder, *options)
    assert done.returncode == 0, done.stderr
    done = c_tools.check(folder)
    assert (done.returncode, done.stderr) == (0, "")


def reading(conv: m.Conv2d, arrays: Builder) -> Plan:
    """The plan of a network with one more layer, which reads 8 channels of 12 x 12."""
    x = arrays.input("x", (8, 12, 12))
    arrays.add("a", m.IF(90.0), via(x, m.Scale(2.0)))
    arrays.add("b", m.IF(90.0), via("a", conv))
    arrays.out("b")
    return make_plan(arrays.network("reading", 9))


@pytest.mark.parametrize(
    ("kernel", "strides", "dilations", "expected"),
    [
        ((3, 3), (1, 1), (1, 1), (12, 1)),
        ((3, 1), (2, 1), (1, 2), (11, 2)),
        ((3, 3), (3, 1), (1, 1), None),  # no two rows see the same cells
        ((1, 3), (1, 1), (1, 1), None),
        ((12, 12), (1, 1), (1, 1), None),  # there is one row
        ((3, 3), (1, 1), (2, 1), None),
    ],
)
def test_images_are_listed_where_output_rows_see_the_same_cells(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    expected: tuple[int, int] | None,
) -> None:
    b = Builder(1)
    plan = reading(b.conv(8, 8, kernel, strides, (0, 0, 0, 0), dilations), b)
    found = plan.image(plan.layers[1].spiking[0])
    assert (found and (found.rows, found.stride)) == expected


def test_lists_that_would_be_too_large_are_not_made() -> None:
    b = Builder(1)
    plan = reading(b.conv(8, 8, (3, 3)), b)
    connection = plan.layers[1].spiking[0]
    train = plan.train("a", connection)
    image = image_of(connection, train, 8)
    assert image is not None
    # Entries of two bytes; ends, one more than rows in each column, of four.
    assert (image.room, image.ends) == (12 * 12 * 8 + 8, 12 * 13)
    most = MOST_BYTES // (2 * image.room + 4 * image.ends)
    assert image_of(connection, train, most) is not None
    assert image_of(connection, train, most + 1) is None
