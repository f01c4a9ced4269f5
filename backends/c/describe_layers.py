"""What the templates need to know of one population: geometry, places of spikes, parameters."""

from __future__ import annotations

from typing import Any

from snnc.backends.c.arrays import INT32_MAX, Constant, by_neuron
from snnc.backends.c.describe_connections import (
    between_planes,
    describe_analog,
    describe_spiking,
    fields_of,
    place_images,
)
from snnc.backends.c.describe_windows import describe_windows, falling_thresholds
from snnc.backends.c.names import comment
from snnc.backends.c.plan import Layer, Plan
from snnc.backends.c.trains import Train
from snnc.ir import model as m

State = list[dict[str, Any]]


def describe_layer(plan: Plan, layer: Layer) -> tuple[dict[str, Any], list[Constant], State]:
    """A layer's context, its constant arrays, and the arrays of the state that it owns."""
    p, size, ident = layer.population, layer.size, layer.ident
    constants: list[Constant] = []
    state: State = []
    found: dict[str, Any] = {
        "ident": ident,
        "name": comment(p.name),
        "title": comment(f"{p.name}: {', '.join(p.origin) or 'no ONNX node'}"),
        "text": comment(_text(layer)),
        "height": size.height,
        "width": size.width,
        "lanes": size.lanes,
        "row": size.width * size.lanes,
        "neurons": size.neurons,
        "bytes": size.bytes,
        "pool": None,
        "rule": None,
        "signed": False,
        "connections": [],
        "analog": [],
        "late": [],
        "start": "nothing",
        "bias": "none",
        "v_init": "none",
        "sums": [],
        "lists": {"image": 0, "image_ends": 0},
        "steady": False,
        "ahead": False,
    }
    if plan.phases is not None:
        found |= describe_windows(plan, layer)
    found |= _traces(plan, layer, state)
    if not isinstance(p.neuron, m.Integrator):
        found |= _spikes(plan, layer, state)
    if isinstance(p.neuron, m.RunningMax2d):
        found["pool"] = _pool(plan, layer, p.neuron, state)
        return found, constants, state
    state.append(_array("int32_t", f"v_{ident}", size.neurons, "membrane potentials"))
    if isinstance(p.neuron, m.IntegerTTFS):
        text = "steps of the fire window in which neurons fired, from 1"
        state.append(_array("int32_t", f"when_{ident}", size.neurons, text))
        constants.append(falling_thresholds(plan.network, layer))
    else:
        found |= _neuron(plan, layer, constants)
    found |= _drive(plan, layer, constants, state)
    found["connections"] = [describe_spiking(plan, c, constants) for c in layer.spiking]
    found["lists"] = place_images(found["connections"], plan.block)
    if plan.phases is None:
        found |= _steady(plan, layer, found, state)
    filled = {f"v_{ident}": found["v_init"], f"constant_{ident}": found["bias"]}
    for array in state:
        array["filled"] = filled.get(array["name"], "none") != "none"
    return found, constants, state


def _steady(plan: Plan, layer: Layer, found: dict[str, Any], state: State) -> dict[str, Any]:
    """Whether a layer runs many steps at once, as its current stays the same, and nobody looks on.

    With an exit policy it runs before the others, and what a sample does not live to see is taken
    back; of potentials that were reset to zero or held that is not possible.
    """
    reads = found["connections"] or found["late"] or found["kept"] or found["first"]
    neuron = layer.population.neuron
    if reads or found["start"] != "constant" or not isinstance(neuron, m.IF):
        return {}
    stops = plan.network.exit is not None and plan.block > 1
    train = plan.train(layer.population.name)
    steady = {"steady": True, "inside": train.inside}
    if not stops or neuron.reset != "subtract" or neuron.saturation is not None:
        return steady
    size = len(train.planes) * plan.block * train.frame
    state.append(_array("uint8_t", f"ahead_{layer.ident}", size, "spikes of the next steps"))
    return steady | {"ahead": True, "ahead_below": plan.block * train.frame}


def _array(kind: str, name: str, size: int, text: str = "") -> dict[str, Any]:
    return {"type": kind, "name": name, "size": size, "text": text}


def _text(layer: Layer) -> str:
    size, neuron = layer.size, layer.population.neuron
    shape = f"{size.channels} x {size.height} x {size.width}"
    text = f"{shape} neurons, {type(neuron).__name__}"
    for c in (*layer.spiking, *layer.analog):
        height, width = c.kernel.size
        text += f"; from {c.source}, kernel {height} x {width}"
        text += f" over sums of {c.window.height} x {c.window.width}" if c.window else ""
    return text


def _traces(plan: Plan, layer: Layer, state: State) -> dict[str, Any]:
    """What heads read of a population after each step of a block."""
    kinds = {type(h.readout) for h in plan.network.heads if h.population == layer.population.name}
    kept = [n for k, n in ((m.Membrane, "v"), (m.SpikeCount, "count")) if k in kinds]
    first = m.FirstSpike in kinds
    size = plan.block * layer.size.neurons
    for name in (*kept, *(["since"] if first else [])):
        state.append(_array("int32_t", f"trace_{name}_{layer.ident}", size, "for read-outs"))
    if first:
        text = "steps of first spikes"
        state.append(_array("int32_t", f"first_{layer.ident}", layer.size.neurons, text))
    return {"kept": kept, "first": first}


def _spikes(plan: Plan, layer: Layer, state: State) -> dict[str, Any]:
    """Where a population writes its spikes, and the sums that are made of them."""
    train, ident = plan.train(layer.population.name), layer.ident
    signed = len(train.planes) > 1
    between = between_planes(plan, train)
    up = train.history * train.frame + train.inside
    state.append(_array("int32_t", f"count_{ident}", layer.size.neurons, "net numbers of spikes"))
    if signed:
        text = "spikes that were taken back"
        state.append(_array("int32_t", f"back_{ident}", layer.size.neurons, text))
    sums = [_sums(plan, train, s) for s in plan.sums_of(train.name)]
    return {
        "signed": signed,
        "up": up,
        "below": between,
        "frame": train.frame,
        "pitch": train.pitch,
        "latest": _latest(plan, layer),
        "sums": sums,
    }


def _latest(plan: Plan, layer: Layer) -> int:
    """The longest delay of a connection that reads a population."""
    name = layer.population.name
    incoming = (i for p in plan.network.populations for i in p.incoming if i.source == name)
    return max((i.delay for i in incoming), default=0)


def _sums(plan: Plan, train: Train, sums: Train) -> dict[str, Any]:
    window = sums.window
    assert window is not None
    fields = {
        "height": train.size.height,
        "width": train.size.width,
        "out_height": sums.size.height,
        "out_width": sums.size.width,
        "kernel_height": window.height,
        "kernel_width": window.width,
        "stride_y": window.height,
        "stride_x": window.width,
        "dilation_y": 1,
        "dilation_x": 1,
        "bytes": train.size.bytes,
        "from_pitch": train.pitch,
        "to_pitch": sums.pitch,
    }
    each = len(sums.planes) // len(train.planes)
    start = sums.history * sums.frame + sums.inside
    begin = train.history * train.frame + train.inside
    parts = [
        {
            "from": index * between_planes(plan, train) + begin,
            "to": index * each * between_planes(plan, sums) + start,
            "planes": each,
        }
        for index in range(len(train.planes))
    ]
    return {
        "ident": sums.ident,
        "window": window,
        "fields": fields_of(fields),
        "frame": sums.frame,
        "between": between_planes(plan, sums),
        "parts": parts,
    }


def _pool(plan: Plan, layer: Layer, neuron: m.RunningMax2d, state: State) -> dict[str, Any]:
    incoming = layer.population.incoming[0]
    source, train = plan.train(incoming.source), plan.train(layer.population.name)
    size = source.size
    fields = {
        "height": size.height,
        "width": size.width,
        "out_height": layer.size.height,
        "out_width": layer.size.width,
        "kernel_height": neuron.kernel[0],
        "kernel_width": neuron.kernel[1],
        "stride_y": neuron.strides[0],
        "stride_x": neuron.strides[1],
        "dilation_y": neuron.dilations[0],
        "dilation_x": neuron.dilations[1],
        "top": neuron.pads[0],
        "left": neuron.pads[1],
        "bytes": size.bytes,
        "from_pitch": source.pitch,
        "to_pitch": train.pitch,
    }
    # A cell lies behind the maximum by at most the difference of two counts, and before it by 1.
    most = plan.steps if plan.phases is None else 1
    planes = (2 * most).bit_length() + 1
    words = layer.size.positions * size.bytes // _chunk(size.bytes)
    count = words * neuron.kernel[0] * neuron.kernel[1] * planes
    text = "spikes behind the maximum, in planes of bits"
    state.append(_array("uint64_t", f"behind_{layer.ident}", count, text))
    place = source.inside
    if plan.phases is None:
        place += (source.history - incoming.delay) * source.frame
    return {
        "fields": fields_of(fields),
        "source": source.ident,
        "place": place,
        "frame": source.frame,
        "below": between_planes(plan, source),
        "planes": planes,
    }


def _chunk(size: int) -> int:
    return next(n for n in (8, 4, 2, 1) if size % n == 0)


def _neuron(plan: Plan, layer: Layer, constants: list[Constant]) -> dict[str, Any]:
    """The rule of a population, its thresholds and initial potentials."""
    neuron, p, ident = layer.population.neuron, layer.population, layer.ident
    assert isinstance(neuron, m.IF | m.Integrator)
    found: dict[str, Any] = {}
    if neuron.v_init != 0.0:
        values, shared = by_neuron(plan.network, p, neuron.v_init)
        constants.append(Constant(f"v_init_{ident}", values, "initial potentials"))
        found["v_init"] = "channels" if shared else "full"
    if isinstance(neuron, m.Integrator):
        return found
    # Lanes that stand for no neuron never reach their threshold.
    values, shared = by_neuron(plan.network, p, neuron.threshold, INT32_MAX)
    constants.append(Constant(f"threshold_{ident}", values, "thresholds"))
    most = "INT32_MAX" if neuron.max_spikes is None else str(neuron.max_spikes)
    least = "INT32_MIN" if neuron.min_spikes is None else str(neuron.min_spikes)
    held = "INT32_MAX" if neuron.saturation is None else str(int(neuron.saturation))
    retracts = int(neuron.negative_spikes == "retract")
    rule = f".reset = SNN_{neuron.reset.upper()}, .retracts = {retracts}, .saturation = {held}"
    return found | {"rule": f"{rule}, .most = {most}, .least = {least}", "shared": shared}


def _drive(plan: Plan, layer: Layer, constants: list[Constant], state: State) -> dict[str, Any]:
    """Bias and the currents of analog inputs, by their delay."""
    ident, size = layer.ident, layer.size
    found: dict[str, Any] = {"analog": [describe_analog(plan, c, constants) for c in layer.analog]}
    delays = sorted({c.delay for c in layer.analog})
    for delay in delays:
        name = f"constant_{ident}" + (f"_{delay}" if delay else "")
        state.append(_array("int32_t", name, size.neurons, "current of analog inputs"))
    found["late"] = [delay for delay in delays if delay]
    found["bias"] = "none"
    if layer.population.bias is not None:
        values, shared = by_neuron(plan.network, layer.population, layer.population.bias)
        constants.append(Constant(f"bias_{ident}", values, "biases"))
        found["bias"] = "channels" if shared else "full"
    start = {"none": "nothing", "channels": "channels", "full": "bias"}[found["bias"]]
    found["start"] = "constant" if 0 in delays else start
    return found
