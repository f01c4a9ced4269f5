"""The layers of a network as statements that make Lava processes and join them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snnc.backends.loihi.dendrites import Dendrites
from snnc.backends.loihi.layout import lava_parameter, lava_shape
from snnc.backends.loihi.names import Names
from snnc.backends.loihi.wiring import Connection, Lines, call, hop_of, lay, wrapped
from snnc.ir import model as m
from snnc.ir.latency import starts_of
from snnc.ir.phases import phases_of
from snnc.ir.tensors import Array
from snnc.ir.values import quote, shorten

COMMENT = 90
"""Characters of a comment inside a method."""


@dataclass(slots=True)
class Layer:
    """One population in Lava.

    Attributes:
        name: attribute of its process and port of the network: spikes, an integrator's potential.
        potential: the port with the potential; that of an integrator is `name`.
        active: the port that tells whether it spiked; empty where nobody asks.
        comments: what stands above its statements.
        lines: its statements.
        late: wires that lead to layers which are made before their source.
        ports: ports of the network, as assignments.
        arrays: its entries in weights.npz.
        kinds: processes that it uses.
    """

    name: str
    potential: str = ""
    active: str = ""
    comments: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)


def describe_layers(
    network: m.Network, names: Names, inputs: Mapping[str, str]
) -> dict[str, Layer]:
    """Every population's layer, in order.

    Args:
        network: a network that the target takes.
        names: identifiers in use.
        inputs: ports of the network by the input's name.
    """
    layers = {p.name: Layer(names.new(p.name)) for p in network.populations}
    read = {h.population for h in network.heads if isinstance(h.readout, m.Membrane)}
    gated = network.exit is not None and isinstance(network.schedule, m.Gated)
    for p in network.populations:
        layer, integrates = layers[p.name], isinstance(p.neuron, m.Integrator)
        if p.name in read:
            layer.potential = layer.name if integrates else names.new(f"{layer.name}_potential")
        if gated and not integrates:
            layer.active = names.new(f"{layer.name}_active")
    sources = {name: f"proc.{port}" for name, port in inputs.items()}
    sources |= {name: f"self.{layer.name}.s_out" for name, layer in layers.items()}
    made: set[str] = set(inputs)
    for p in network.populations:
        made.add(p.name)
        _fill(layers[p.name], network, p, names, sources, made)
    return layers


def _fill(
    layer: Layer,
    network: m.Network,
    p: m.Population,
    names: Names,
    sources: Mapping[str, str],
    made: set[str],
) -> None:
    """Statements, ports and arrays of one layer."""
    lines, wires = Lines(), list[str]()
    port = "s_in" if isinstance(p.neuron, m.RunningMax2d) else "a_in"
    inner = Lines()
    dendrites = Dendrites(network, p, layer.name, names, inner)
    for incoming in p.incoming:
        own = Lines()
        source = sources[incoming.source]
        stem = f"{layer.name}_from_{source.split('.')[1]}"
        shape = network.source_shape(incoming.source)
        connection = Connection(own, names, stem, source, shape)
        bits = message_bits(network, incoming.source)
        late = replace(incoming, delay=incoming.delay + dendrites.waits(incoming))
        lay(connection, network, late, bits, hop_of(p.neuron))
        lines.processes += own.processes
        lines.arrays |= own.arrays
        lines.kinds |= own.kinds
        end = dendrites.target(incoming.source)
        joined = [*own.wires, *connection.ends_at(f"self.{end}.{port}")]
        (wires if incoming.source in made else layer.late).extend(joined)
    layer.comments = _comments(network, p)
    neuron = _neuron(layer, network, p, lines)
    lines.processes += inner.processes
    lines.arrays |= inner.arrays
    lines.kinds |= inner.kinds
    made_here = wrapped(f"self.{layer.name} = {neuron}")
    layer.lines = [*lines.processes, *made_here, *wires, *inner.wires]
    layer.arrays, layer.kinds = lines.arrays, lines.kinds
    for name, own_port in _outputs(layer, p):
        size = "(1,)" if own_port == "active_out" else lava_shape(p.shape)
        layer.ports.append(f"{name} = OutPort(shape={size})")
        layer.lines.append(f"self.{layer.name}.{own_port}.connect(proc.{name})")


def _outputs(layer: Layer, p: m.Population) -> list[tuple[str, str]]:
    """Ports of the network with the layer's ports behind them."""
    if isinstance(p.neuron, m.Integrator):
        return [(layer.name, "v_out")]
    found = [(layer.name, "s_out")]
    if layer.potential:
        found.append((layer.potential, "v_out"))
    if layer.active:
        found.append((layer.active, "active_out"))
    return found


def _comments(network: m.Network, p: m.Population) -> list[str]:
    """The population's ONNX nodes and shapes, each in ONNX's order of axes."""
    sources = ", ".join(f"{i.source} {network.source_shape(i.source)}" for i in p.incoming)
    nodes = ", ".join(quote(node) for node in p.origin)
    ends = f"{sources or 'bias'} -> {p.name} {p.shape}"
    text = f"{ends}; ONNX {nodes}" if nodes else ends
    if len(text) <= COMMENT:
        return [text, *_windows(network, p)]
    told = [shorten(ends, COMMENT), *([shorten(f"ONNX {nodes}", COMMENT)] if nodes else [])]
    return [*told, *_windows(network, p)]


def _windows(network: m.Network, p: m.Population) -> list[str]:
    """In which of its own steps a population integrates and fires."""
    phases = phases_of(network)
    if phases is None:
        return []
    first, fires = phases.integrates[p.name], phases.fires[p.name]
    text = f"integrates in steps {first + 1} to {first + phases.window}"
    if isinstance(p.neuron, m.RunningMax2d):
        return [f"passes spikes on in steps {first + 1} to {first + phases.window}"]
    if isinstance(p.neuron, m.IntegerTTFS):
        steps = len(network.array(p.neuron.values))
        text += f", fires in steps {fires + 1} to {fires + steps}"
    return [text]


def message_bits(network: m.Network, source: str) -> int:
    """Bits of a spike's value, sign included; Lava's synapses must be told of any but one bit."""
    for entry in network.inputs:
        if entry.name == source:
            coding = entry.coding
            if isinstance(coding, m.Graded):
                most = max(coding.levels, -coding.lowest)
                return max(1, most.bit_length() + (coding.lowest < 0))
            largest = coding.largest if isinstance(coding, m.Events) else 1
            return (largest or 1).bit_length() + 1
    neuron = network.population(source).neuron
    plain = isinstance(neuron, m.IF) and neuron.negative_spikes == "none"
    return 1 if plain or isinstance(neuron, m.IntegerTTFS) else 2


def _neuron(layer: Layer, network: m.Network, p: m.Population, lines: Lines) -> str:
    """The statement's right-hand side that makes the neurons."""
    starts, neuron = starts_of(network) or {}, p.neuron
    common: dict[str, object] = {"shape": lava_shape(p.shape)}
    if isinstance(neuron, m.RunningMax2d):
        kind, rule = "RunningMax", _window(network, p, neuron)
    elif isinstance(neuron, m.Integrator):
        phases = phases_of(network)
        first = phases.integrates[p.name] if phases else 0
        kind, rule = "Integrator", {"integrates": first or None}
    elif isinstance(neuron, m.IntegerTTFS):
        kind, rule = "TTFS", _timing(network, p)
        name = f"{layer.name}.thresholds"
        lines.arrays[name] = network.array(neuron.thresholds).astype(np.int32)
        common["thresholds"] = f'w["{name}"]'
    else:
        assert isinstance(neuron, m.IF)
        kind, rule = "IF", _rule(neuron)
        common["vth"] = _parameter(layer, network, p, "vth", neuron.threshold, lines)
    if p.bias is not None:
        common["bias"] = _parameter(layer, network, p, "bias", p.bias, lines)
    if isinstance(neuron, m.IF | m.Integrator):
        common["v_init"] = _parameter(layer, network, p, "v_init", neuron.v_init, lines) or None
    lag = max(starts.values()) - starts[p.name] if layer.active else 0
    lines.kinds.add(kind)
    common |= {**rule, "lag": lag or None, "start": starts[p.name]}
    return call(kind, f"**clock, name={quote(p.name)}", **common)


def _timing(network: m.Network, p: m.Population) -> dict[str, object]:
    """The windows of neurons that fire once, as numbers of steps before them."""
    phases = phases_of(network)
    assert phases is not None
    return {"integrates": phases.integrates[p.name] or None, "fires": phases.fires[p.name]}


def _rule(neuron: m.IF) -> dict[str, object]:
    """What is special about the way in which neurons fire."""
    taking = neuron.negative_spikes == "retract"
    return {
        "hard_reset": True if neuron.reset == "zero" else None,
        "negative": True if taking else None,
        "max_spikes": neuron.max_spikes,
        "min_spikes": neuron.min_spikes if taking else None,
        "saturation": None if neuron.saturation is None else int(neuron.saturation),
    }


def _window(network: m.Network, p: m.Population, neuron: m.RunningMax2d) -> dict[str, object]:
    """The windows of a pool, in Lava's order of axes."""
    (incoming,) = p.incoming
    pairs = {"stride": neuron.strides, "padding": neuron.pads[:2], "dilation": neuron.dilations}
    usual = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    turned = {name: pair[::-1] for name, pair in pairs.items() if pair != usual[name]}
    in_shape = lava_shape(network.source_shape(incoming.source))
    return {"in_shape": in_shape, "kernel": neuron.kernel[::-1], **turned}


def _parameter(
    layer: Layer,
    network: m.Network,
    p: m.Population,
    what: str,
    value: m.Parameter,
    lines: Lines,
) -> int | str:
    """A number, or the entry of weights.npz that holds the array."""
    if not isinstance(value, m.Ref):
        return int(value)
    name = f"{layer.name}.{what}"
    lines.arrays[name] = lava_parameter(network.array(value), p.shape).astype(np.int32)
    return f'w["{name}"]'
