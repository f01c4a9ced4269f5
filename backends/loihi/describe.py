"""What the template of program.py says about a network, and the arrays of its weights.npz."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

from snnc.backends.loihi.layers import Layer, describe_layers
from snnc.backends.loihi.layout import lava_shape
from snnc.backends.loihi.names import Names
from snnc.ir import model as m
from snnc.ir.exits import asked_heads
from snnc.ir.head_windows import head_windows
from snnc.ir.latency import local_delay, starts_of
from snnc.ir.tensors import Array
from snnc.ir.values import quote, shorten

ENTRY = 92
"""Characters of a line in a table of program.py."""

TITLE = 45
"""Characters of the network's name in the first line of program.py."""

TABLES = "exit.tables"
"""Where weights.npz holds the tables of an integer confidence."""

STOCK = {
    "Conv": "from lava.proc.conv.process import Conv",
    "Dense": "from lava.proc.dense.process import Dense",
    "Sparse": "from lava.proc.sparse.process import Sparse",
}
READ_OUTS: dict[type, str] = {
    m.Membrane: "membrane",
    m.SpikeCount: "spike_count",
    m.FirstSpike: "first_spike",
}


def describe(network: m.Network) -> tuple[dict[str, Any], dict[str, Array]]:
    """The context of the template and the arrays."""
    schedule, starts = network.schedule, starts_of(network)
    assert schedule is not None
    assert starts is not None
    names = Names()
    inputs = {i.name: names.new(i.name) for i in network.inputs}
    layers = describe_layers(network, names, inputs)
    arrays = {name: array for layer in layers.values() for name, array in layer.arrays.items()}
    policy = network.exit
    if isinstance(policy, m.IntegerConfidence):
        arrays[TABLES] = network.array(policy.tables)
    kinds = {kind for layer in layers.values() for kind in layer.kinds}
    ports = [f"{inputs[i.name]} = InPort(shape={lava_shape(i.shape)})" for i in network.inputs]
    ports += [port for layer in layers.values() for port in layer.ports]
    context = {
        "title": f"Spiking network {_title(network.name)} for Lava 0.10.0, compiled by snnc.",
        "about": _about(network, layers),
        "usage": _usage(network),
        "stock": _stock(kinds),
        "ours": _ours(kinds),
        "steps": schedule.steps,
        "window": schedule.drive(schedule.steps),
        "ports": ports,
        "layers": [(layer.comments, layer.lines) for layer in layers.values()],
        "late": [wire for layer in layers.values() for wire in layer.late],
        "name": _text(network.name),
        "inputs": [
            line for i in network.inputs for line in _entry(i.name, _input(i, inputs[i.name]))
        ],
        "spiking": _spiking(network, layers, starts),
        "heads": _heads(network, layers, starts),
        "exit": _exit(network),
        "latest": max(starts.values()),
        "rests_after": rests_after(network),
    }
    return context, arrays


def rests_after(network: m.Network) -> int | None:
    """The last step in which input of a gated network can act; None where it is not asked for."""
    schedule, starts = network.schedule, starts_of(network)
    if network.exit is None or not isinstance(schedule, m.Gated) or starts is None:
        return None
    sources = {entry.name for entry in network.inputs}
    delays = [
        local_delay(starts, p.name, i)
        for p in network.populations
        for i in p.incoming
        if i.source in sources
    ]
    return schedule.window + max(delays, default=0)


def _about(network: m.Network, layers: Mapping[str, Layer]) -> list[str]:
    """The first lines of the program's docstring."""
    schedule = network.schedule
    assert schedule is not None
    spiking = sum(math.prod(p.shape) for p in network.populations)
    text = f"{spiking} neurons in {len(layers)} layers; a sample takes {schedule.steps} time steps"
    if isinstance(schedule, m.Gated):
        text += f", its input acts in the first {schedule.window}"
    if isinstance(schedule, m.Phased):
        text += f", windows of {schedule.window} in which every neuron fires at most once"
    late = max((starts_of(network) or {}).values(), default=0)
    text += f". A spike takes one step per synapse, so the last layer runs {late} steps late."
    kinds = {kind for layer in layers.values() for kind in layer.kinds}
    stock, ours = (
        ", ".join(sorted(found)) for found in (kinds & set(STOCK), kinds - set(STOCK) - {"csr"})
    )
    processes = (
        f"Stock processes of Lava: {stock or 'none'}. Processes of snn_processes.py, whose models "
        f"are Python: {ours}, and around the network SpikeSource. ReadOut, Recorder and Exit of "
        "snn_readout.py tell what it does."
    )
    verified = (
        "Verified: weights have 8 bits and no current leaves 24 for any input that is let in; "
        "`--check` runs the samples of golden/ in Lava and compares every spike with the reference "
        "simulator of snnc. Lava simulates on the CPU. No Loihi chip has run this program; chips "
        "need Intel's lava-loihi, and the neurons of snn_processes.py in microcode."
    )
    paragraphs = [textwrap.wrap(p, 99) for p in (text, processes, verified)]
    return "\n\n".join("\n".join(lines) for lines in paragraphs).split("\n")


def _title(name: str) -> str:
    """A name that can stand in the first line of a docstring."""
    return shorten(quote(name)[1:-1].replace("\\", "/").replace('"', "'"), TITLE)


def _usage(network: m.Network) -> str:
    if all(isinstance(i.coding, m.SpikeTime) for i in network.inputs):
        return "runs samples: floats as the ANN takes them, or spikes"
    if any(isinstance(i.coding, m.Graded) for i in network.inputs):
        return "runs samples: floats as the ANN takes them, or whole"
    return "runs spikes: whole numbers (steps, samples, ...)"


def _stock(kinds: set[str]) -> list[str]:
    """Imports from Lava and SciPy."""
    lines = [line for kind, line in STOCK.items() if kind in kinds]
    return [*lines, "from scipy.sparse import csr_matrix"] if "csr" in kinds else lines


def _ours(kinds: set[str]) -> list[str]:
    """Imports from the files beside program.py."""
    # Capitals first, as import sorters have it.
    names = sorted(kinds - set(STOCK) - {"csr"}, key=lambda name: (not name.isupper(), name))
    processes = ", ".join(names)
    return [
        "from snn_cli import main",
        f"from snn_processes import {processes}",
        "from snn_run import Program",
    ]


def _entry(name: str, values: Mapping[str, object]) -> list[str]:
    """An entry of a table of program.py, on one line if it fits."""
    parts = [f"{_text(key)}: {_text(value)}" for key, value in values.items()]
    line = f"{_text(name)}: {{{', '.join(parts)}}},"
    if len(line) <= ENTRY:
        return [line]
    return [f"{_text(name)}: {{", *(f"    {part}," for part in parts), "},"]


def _text(value: object) -> str:
    """A Python literal in ASCII, with double quotes."""
    if isinstance(value, str):
        escaped = value.encode("unicode_escape").decode("ascii")
        return '"' + escaped.replace('"', '\\"') + '"'
    if isinstance(value, tuple) and value:
        return f"({', '.join(_text(v) for v in value)}{',' if len(value) == 1 else ''})"
    return repr(value)


def _input(entry: m.Input, port: str) -> dict[str, object]:
    found: dict[str, object] = {"port": port, "shape": entry.shape, "coding": "raster"}
    coding = entry.coding
    if isinstance(coding, m.Graded):
        found["coding"] = "graded"
        found["range"] = (coding.lowest, coding.levels)
        found |= {"step": coding.step, "shift": coding.shift, "ties": coding.ties}
    elif isinstance(coding, m.Events):
        assert coding.largest is not None
        found["range"] = (-coding.largest, coding.largest)
    else:
        found["range"] = (-1, 1)
    if isinstance(coding, m.SpikeTime):
        found |= {"frames": coding.steps, "tau": coding.tau, "delay": coding.delay}
        found |= {"threshold": coding.threshold, "rounding": coding.rounding}
    return found


def _spiking(
    network: m.Network, layers: Mapping[str, Layer], starts: Mapping[str, int]
) -> list[str]:
    lines = []
    for p in network.populations:
        if isinstance(p.neuron, m.Integrator):
            continue
        layer = layers[p.name]
        values = {"port": layer.name, "shape": p.shape, "start": starts[p.name], "onnx": p.origin}
        if layer.active:
            values["active"] = layer.active
        lines.extend(_entry(p.name, values))
    return lines


def _heads(network: m.Network, layers: Mapping[str, Layer], starts: Mapping[str, int]) -> list[str]:
    lines, offset = [], 0
    windows = head_windows(network) if isinstance(network.schedule, m.Phased) else {}
    for head in network.heads:
        population = network.population(head.population)
        kind, size = READ_OUTS[type(head.readout)], math.prod(population.shape)
        layer = layers[head.population]
        values: dict[str, object] = {
            "port": layer.potential if kind == "membrane" else layer.name,
            "shape": population.shape,
            "kind": kind,
            "start": starts[head.population],
            "offset": offset,
            "size": size,
            "relu": head.readout.host[:1] == ("Relu",),
        }
        if head.name in windows:
            window = windows[head.name]
            values["window"] = (window.start, window.stop - 1)
        lines.extend(_entry(head.name, values))
        offset += size
    return lines


def _exit(network: m.Network) -> str:
    policy = network.exit
    if policy is None:
        return "None"
    names = [head.name for head in network.heads]
    heads = tuple(names.index(name) for name in asked_heads(policy))
    values: dict[str, object] = {"heads": heads}
    if isinstance(policy, m.Fixed):
        values |= {"kind": "fixed", "first_step": policy.step, "last_step": policy.step}
    elif isinstance(policy, m.Patience | m.IntegerMargin | m.IntegerConfidence):
        values |= {"first_step": policy.first_step, "last_step": policy.last_step}
        values |= _judging(policy)
    parts = [f"{_text(key)}: {_text(value)}" for key, value in sorted(values.items())]
    line = f"{{{', '.join(parts)}}}"
    if len(line) <= ENTRY - len("exit="):
        return line
    return "\n".join(["{", *(f"        {part}," for part in parts), "    }"])


def _judging(policy: m.Patience | m.IntegerMargin | m.IntegerConfidence) -> dict[str, object]:
    """When a head is sure."""
    if isinstance(policy, m.Patience):
        return {"kind": "patience", "repeats": policy.repeats}
    if isinstance(policy, m.IntegerMargin):
        return {"kind": "integer_margin", "limits": policy.limits}
    shifts, limits = policy.shifts, policy.limits
    return {"kind": "integer_confidence", "shifts": shifts, "limits": limits, "tables": TABLES}
