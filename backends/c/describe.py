"""What the templates of a C program need to know of a network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from snnc.backends.c.connections import listing
from snnc.backends.c.describe_connections import between_planes
from snnc.backends.c.describe_exit import describe_exit
from snnc.backends.c.describe_layers import describe_layer
from snnc.backends.c.names import comment, string
from snnc.backends.c.plan import Layer, Plan
from snnc.backends.c.tables import table_columns
from snnc.backends.c.trains import Train, size_of
from snnc.ir import model as m
from snnc.ir.spike_times import thresholds

INTERFACE = 2
"""Version of `program.h` and `snn_batch.h`; counted up when a library would be misread."""


def describe(plan: Plan) -> dict[str, Any]:
    """The context of all templates: numbers, names and text, no objects of the IR."""
    network = plan.network
    layers, constants, arrays = [], [], []
    for layer in plan.layers:
        described, found, state = describe_layer(plan, layer)
        layers.append(described)
        constants.extend(found)
        arrays.extend(state)
    arrays.extend(_bits(plan, train) for train in plan.trains)
    if plan.phases is not None:
        arrays.extend(_any(plan, train) for train in plan.trains if train.window is None)
    # What a sample's start writes as a whole lies behind what it clears.
    arrays.sort(key=lambda array: array.get("filled", False))
    policy, tables = describe_exit(network)
    constants.extend(tables)
    return {
        "title": comment(f"Spiking network {network.name}"),
        "interface": INTERFACE,
        "steps": plan.steps,
        "window": plan.window,
        "block": plan.block,
        "phased": plan.phases is not None,
        "window_steps": plan.phases.window if plan.phases else 0,
        "latest": _latest_input(plan),
        "inputs": [_input(plan, entry) for entry in network.inputs],
        "populations": [_population(plan, layer) for layer in plan.layers],
        "heads": [_head(plan, head) for head in network.heads],
        **_largest(plan),
        "layers": layers,
        "policy": policy,
        "delayed": [_delayed(plan, train) for train in plan.trains if train.history],
        "arrays": arrays,
        "uncleared": next((a["name"] for a in arrays if a.get("filled")), "current"),
        "scratch": _scratch(plan) | _lists(layers),
        "tables": [c["table"] for layer in layers for c in layer["connections"] if c["table"]],
        "weights": [constant.as_dict() for constant in constants],
    }


def _lists(layers: list[dict[str, Any]]) -> dict[str, int]:
    """Sizes of the lists of images, which layers use in turn."""
    return {name: max(layer["lists"][name] for layer in layers) for name in ("image", "image_ends")}


def _largest(plan: Plan) -> dict[str, int]:
    """Sizes of the buffers of main.c."""
    network = plan.network
    frames = [
        math.prod(i.shape) * (plan.window if in_frames(i.coding) else 1) for i in network.inputs
    ]
    heads = [math.prod(network.population(h.population).shape) for h in network.heads]
    return {
        "most_classes": max(2, *heads),
        "most_values": max(heads),
        "most_input": max(frames),
        "most_bytes": max(-(-math.prod(p.shape) // 8) for p in network.populations),
    }


def _bits(plan: Plan, train: Train) -> dict[str, Any]:
    what = "sums of windows, " if train.window is not None else ""
    text = f"{what}{len(train.planes)} planes of {train.history} + {plan.block} steps"
    if plan.phases is not None:
        text = f"{what}{len(train.planes)} planes of the {plan.phases.window} steps of its window"
    size = len(train.planes) * plan.frames(train) * train.frame
    return {"type": "uint8_t", "name": f"spikes_{train.ident}", "size": size, "text": text}


def _any(plan: Plan, train: Train) -> dict[str, Any]:
    text = "whether anybody fired, by step of the window"
    return {
        "type": "uint8_t",
        "name": f"any_{train.ident}",
        "size": plan.frames(train),
        "text": text,
    }


def _latest_input(plan: Plan) -> int:
    inputs = {entry.name for entry in plan.network.inputs}
    delays = [i.delay for p in plan.network.populations for i in p.incoming if i.source in inputs]
    return max(delays, default=0)


def _delayed(plan: Plan, train: Train) -> dict[str, Any]:
    return {
        "ident": train.ident,
        "planes": len(train.planes),
        "between": between_planes(plan, train),
        "frame": train.frame,
        "history": train.history,
    }


def _input(plan: Plan, entry: m.Input) -> dict[str, Any]:
    size = size_of(entry.shape)
    coding = entry.coding
    found: dict[str, Any] = {
        "ident": plan.inputs[entry.name],
        "index": [i.name for i in plan.network.inputs].index(entry.name),
        "title": comment(f"input {entry.name}"),
        "string": string(entry.name),
        "shape": ", ".join(str(n) for n in entry.shape),
        "size": math.prod(entry.shape),
        "frames": in_frames(coding),
        "timed": isinstance(coding, m.SpikeTime),
    }
    if isinstance(coding, m.Graded):
        # Nine digits bring a float back exactly; the host computes in float as NumPy does.
        return found | {
            "levels": coding.levels,
            "lowest": coding.lowest,
            "largest": max(coding.levels, -coding.lowest),
            "step": _float(coding.step),
            "shift": _float(coding.shift),
            "even": coding.ties == "even",
        }
    train = plan.train(entry.name)
    largest = (coding.largest or 1) if isinstance(coding, m.Events) else 1
    if isinstance(coding, m.SpikeTime):
        largest = coding.steps
        # Seventeen digits bring a double back exactly.
        found["thresholds"] = [f"{float(t):.17g}" for t in thresholds(coding)]
    return found | {
        "largest": largest,
        "channels": size.channels,
        "height": size.height,
        "width": size.width,
        "planes": train.planes,
        "bits": len(train.planes) // 2,
        "start": train.history * train.frame,
        "between": between_planes(plan, train),
        "frame": train.frame,
        "inside": train.inside,
        "pitch": train.pitch,
        "bytes": size.bytes,
    }


def in_frames(coding: m.Coding) -> bool:
    """Whether an input brings values of its own for every step."""
    return isinstance(coding, m.Poisson | m.Events)


def _float(value: float) -> str:
    text = f"{np.float32(value):.9g}"
    return text + ("F" if "." in text or "e" in text else ".0F")


def _population(plan: Plan, layer: Layer) -> dict[str, Any]:
    size, ident = layer.size, layer.ident

    def place(name: str, there: bool) -> str:
        return f"offsetof(snn_state, {name}_{ident})" if there else "0"

    neuron = layer.population.neuron
    found: dict[str, Any] = {
        "string": string(layer.population.name),
        "channels": size.channels,
        "height": size.height,
        "width": size.width,
        "lanes": size.lanes,
        "potential": place("v", not isinstance(neuron, m.RunningMax2d)),
        "count": "0",
        "taken_back": "0",
        "spikes": "0",
        "between": 0,
        "planes": 0,
        "frame": 0,
        "inside": 0,
        "pitch": 0,
        "bytes": size.bytes,
        "fires": 0,
        "window": 0,
        "when": "0",
    }
    if isinstance(neuron, m.Integrator):
        return found
    train = plan.train(layer.population.name)
    if plan.phases is not None:
        found["fires"] = plan.phases.fires[layer.population.name]
        found["window"] = plan.phases.window
        found["when"] = place("when", isinstance(neuron, m.IntegerTTFS))
    start = train.history * train.frame
    return found | {
        "count": place("count", True),
        "taken_back": place("back", len(train.planes) > 1),
        "spikes": f"offsetof(snn_state, spikes_{ident}) + {start}",
        "between": between_planes(plan, train),
        "planes": len(train.planes),
        "frame": train.frame,
        "inside": train.inside,
        "pitch": train.pitch,
    }


def _head(plan: Plan, head: m.Head) -> dict[str, Any]:
    layer = next(each for each in plan.layers if each.population.name == head.population)
    kind = {m.Membrane: "v", m.SpikeCount: "count", m.FirstSpike: "since"}[type(head.readout)]
    return {
        "string": string(head.name),
        "title": comment(f"{head.name} on {head.population}"),
        "reads": layer.size.channels * layer.size.positions,
        "trace": f"{kind}_{layer.ident}",
        "neurons": layer.size.neurons,
        "channels": layer.size.channels,
        "positions": layer.size.positions,
        "lanes": layer.size.lanes,
        "relu": head.readout.host[:1] == ("Relu",),
    }


def _scratch(plan: Plan) -> dict[str, int]:
    """Sizes of what the layers write and forget: a row of currents, and lists of spikes."""
    current, bits, columns, planes, column = 16, 8, 1, 1, 0
    for layer in plan.layers:
        current = max(current, layer.summed.width * layer.summed.lanes)
        for c in layer.spiking:
            listed, image = listing(c), plan.image(c)
            columns = max(columns, listed.columns)
            wide = max(listed.columns, table_columns(c) if plan.choice(c).tabled else 0)
            bits = max(bits, wide * 8 * c.kernel.size[0] * c.from_size.bytes)
            column = max(column, image.rows * c.from_size.bytes if image else 0)
            train = plan.train(c.source, c)
            planes = max(planes, sum(1 for plane in train.planes if plane > 0))
    # Lists are written some entries beyond their end, words are read beyond the last byte.
    return {
        "current": current,
        "room": bits + 8,
        "run": max(bits // 8, column) + 16,
        "columns": columns,
        "planes": planes,
    }
