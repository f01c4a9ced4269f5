"""What the templates need to know of one connection: geometry, places of spikes, weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from snnc.backends.c.arrays import Constant
from snnc.backends.c.connections import Connection, listing
from snnc.backends.c.names import comment
from snnc.backends.c.plan import Plan
from snnc.backends.c.tables import table_fields, table_size
from snnc.backends.c.trains import Train
from snnc.ir import model as m
from snnc.ir.phases import kernels
from snnc.ir.tensors import Array

WIDENED = 1 << 15
"""Weights of an analog input up to which they are stored in 16 bits: GCC 12 makes 32-bit numbers of
8-bit ones one by one, which is most of the time that a sample takes to start."""


def fields_of(values: dict[str, int]) -> str:
    """The fields of a struct as an initialiser; those that are 0 are left out."""
    return ", ".join(f".{name} = {value}" for name, value in values.items() if value)


def between_planes(plan: Plan, train: Train) -> int:
    """Bytes from one plane of a train to the next."""
    return plan.frames(train) * train.frame


def describe_analog(plan: Plan, c: Connection, constants: list[Constant]) -> dict[str, Any]:
    """A connection from an analog input; its weights are added to `constants`."""
    kernel = c.kernel
    weights = c.analog_weights()
    if weights.size <= WIDENED:
        weights = weights.astype(np.int16)
    constants.append(Constant(f"weight_{c.ident}", weights, _axes(c, "kh, kw")))
    top, left = kernel.pads[:2]
    fields = {
        "channels": c.from_size.channels,
        "height": c.from_size.height,
        "width": c.from_size.width,
        "kernel_height": kernel.size[0],
        "kernel_width": kernel.size[1],
        "stride_y": kernel.strides[0],
        "stride_x": kernel.strides[1],
        "dilation_y": kernel.dilations[0],
        "dilation_x": kernel.dilations[1],
        "top": top,
        "left": left,
        "out_height": c.to_size.height,
        "out_width": c.to_size.width,
        "lanes": c.to_size.lanes,
        "group_in": c.groups[0],
        "group_out": c.groups[1],
    }
    positions = len(kernel.weight)
    return {
        "name": f"from_{c.ident}",
        "fields": fields_of(fields),
        "weights": f"weight_{c.ident}",
        "bits": 8 * weights.itemsize,
        "between": weights.size // positions if positions > 1 else 0,
        "input": [i.name for i in plan.network.inputs].index(c.source),
        "factor": kernel.factor,
        "delay": c.delay,
    }


def _axes(c: Connection, kernel: str) -> str:
    positions = "positions, " if len(c.kernel.weight) > 1 else ""
    lanes = "channels of a group" if c.groups[0] else "lanes"
    return f"({positions}{kernel}, channels of the source, {lanes})"


def describe_spiking(plan: Plan, c: Connection, constants: list[Constant]) -> dict[str, Any]:
    """A connection from spikes; its weights are added to `constants`."""
    train, kernel = plan.train(c.source, c), c.kernel
    weights = c.own_weights() if c.own else c.weights()
    text = "(lanes)" if c.own else _axes(c, "kw, kh")
    constants.append(Constant(f"weight_{c.ident}", weights, text))
    listed = listing(c)
    fields = {
        "kernel_height": kernel.size[0],
        "kernel_width": listed.kernel_width,
        "stride_x": listed.stride_x,
        "dilation_y": kernel.dilations[0],
        "columns": listed.columns,
        "classes": listed.classes,
        "column_step": listed.column_step,
        "bytes": train.size.bytes,
        "pitch": train.pitch,
        "width": listed.width,
        "lanes": listed.lanes,
        "group_in": c.groups[0],
        "group_out": c.groups[1],
    }
    corner = (train.border[0] - kernel.pads[0]) * train.pitch
    corner += (train.border[1] - kernel.pads[1]) * train.size.bytes
    if plan.phases is None:
        corner += (train.history - c.delay) * train.frame
    positions, plane, image = len(kernel.weight), between_planes(plan, train), plan.image(c)
    choice, table = plan.choice(c), None
    if choice.tabled:
        table = {
            "name": f"table_{c.ident}",
            "fields": fields_of(table_fields(c, train)),
            "size": table_size(c),
        }
    worth = None
    if plan.phases is not None:
        worth = f"worth_{c.ident}"
        text = "what a spike counts for, by its step"
        constants.append(Constant(worth, worth_of(plan.network, c), text))
    return {
        "name": f"from_{c.ident}",
        "fields": fields_of(fields),
        "weights": f"weight_{c.ident}",
        "bits": c.bits,
        "between": weights.size // positions if positions > 1 else 0,
        "source": train.ident,
        "frame": train.frame,
        "down": kernel.strides[0] * train.pitch,
        "across": kernel.strides[1] * train.size.bytes,
        "own": c.own,
        "table": table,
        "image": None if image is None else asdict(image),
        "why": comment(choice.why),
        "heard": plan.train(c.source).ident,
        "apart": plane,
        "chains": [
            {
                "seen": f"seen_{c.ident}_{first}",
                "place": corner + first * plane,
                "planes": count,
                "factor": factor if worth is None else f"{'-' if factor < 0 else ''}{worth}[k]",
            }
            for first, count, factor in _chains(train, 1 if worth else kernel.factor, c.own)
        ],
    }


def place_images(connections: list[dict[str, Any]], block: int) -> dict[str, int]:
    """Say where the lists of images of a layer's connections lie in those of the state.

    Returns:
        What they take together: entries of lists, `image`, and of the ends of cells, `image_ends`.
    """
    entries = ends = 0
    for c in connections:
        for chain in c["chains"] if c["image"] else ():
            lists = block * chain["planes"]
            chain["image"], chain["ends"] = entries, ends
            entries += lists * c["image"]["room"]
            ends += lists * c["image"]["ends"]
    return {"image": entries, "image_ends": ends}


def worth_of(network: m.Network, c: Connection) -> Array:
    """What a spike of each step of a window counts for in a connection, (window,) int32.

    0 where the source never fires.
    """
    assert isinstance(network.schedule, m.Phased)
    values = kernels(network)[c.source].astype(np.int64) * c.kernel.factor
    found = np.zeros(network.schedule.window, np.int64)
    found[: len(values)] = values
    return found.astype(np.int32)


def _chains(train: Train, factor: int, apart: bool) -> list[tuple[int, int, int]]:
    """Planes of one sign, which follow each other as powers of two: first, number, factor.

    `apart`: each plane alone.
    """
    if apart:
        return [(index, 1, plane * factor) for index, plane in enumerate(train.planes)]
    positive = sum(1 for plane in train.planes if plane > 0)
    found = [(0, positive, factor)]
    if positive < len(train.planes):
        found.append((positive, len(train.planes) - positive, -factor))
    return found
