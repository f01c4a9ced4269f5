"""The canonical text form of a network; `parse.parse` reads it back to an equal network."""

from __future__ import annotations

from snnc.ir import model as m
from snnc.ir.diagnostics import Diagnostic, InputError
from snnc.ir.fields import write_call, write_field, write_value
from snnc.ir.tensors import DTYPES, Shape, TensorRef
from snnc.ir.values import DIGEST, NAME, quote

VERSION = 1
"""The version of the text form, in its first line."""


def to_text(network: m.Network) -> str:
    """The text of a network: one entity per line, tensors as digests at the end.

    The text depends on the network alone, and `parse(to_text(n)) == n`. Arrays are not in it:
    `storage.save` puts them beside it.

    Raises:
        InputError: SN330, a field holds what the text form cannot say (NaN, a name that is no
            identifier, a value of another type). `verify` reports the same, all at once.
    """
    try:
        return "\n".join(_lines(network)) + "\n"
    except ValueError as error:
        raise InputError(
            Diagnostic(
                "SN330",
                f"the network cannot be written as text: {error}",
                f'network "{network.name}"',
            )
        ) from None


def _lines(network: m.Network) -> list[str]:
    lines = [f"snnc-ir {VERSION}"]
    lines.append(f"network {quote(network.name)} stage={_name(network.stage, 'stage')} {{")
    lines += [f"  pass {quote(spec)}" for spec in network.passes]
    lines += [f"  {input_line(i)}" for i in network.inputs]
    for population in network.populations:
        lines += ["", *(f"  {line}" for line in population_lines(population))]
    if network.populations:
        lines.append("")
    lines += [f"  {head_line(head)}" for head in network.heads]
    if network.schedule is not None:
        lines.append(f"  {schedule_line(network.schedule)}")
    if network.exit is not None:
        lines.append(f"  {exit_line(network.exit)}")
    lines.append("}")
    lines += [tensor_line(name, ref) for name, ref in sorted(network.tensors.items())]
    return lines


def input_line(declared: m.Input) -> str:
    """`input image : f32[1,28,28] = direct()`."""
    name = _name(declared.name, "input")
    kind = f"{_dtype(declared.dtype)}{shape_text(declared.shape)}"
    return f"input {name} : {kind} = {write_call(declared.coding)}"


def population_lines(population: m.Population) -> list[str]:
    """The population's line and one, indented, for each of its incoming connections."""
    extra = []
    if population.bias is not None:
        extra.append(("bias", write_field(population, "bias")))
    if population.scale != 1.0:
        extra.append(("scale", write_field(population, "scale")))
    name = _name(population.name, "population")
    line = f"population {name} : {shape_text(population.shape)}"
    line += f" = {write_call(population.neuron, extra)}"
    if population.origin:
        line += f" from {', '.join(quote(node) for node in population.origin)}"
    return [line, *(f"  {incoming_line(incoming)}" for incoming in population.incoming)]


def incoming_line(incoming: m.Incoming) -> str:
    """`<- image via conv2d(...), scale(...) delay=1`; without `via` where the chain is empty."""
    line = f"<- {_name(incoming.source, 'source')}"
    if incoming.ops:
        line += f" via {', '.join(write_call(op) for op in incoming.ops)}"
    if incoming.delay:
        line += f" delay={write_field(incoming, 'delay')}"
    return line


def head_line(head: m.Head) -> str:
    """`head final on fc = membrane(host=[])`."""
    name, population = _name(head.name, "head"), _name(head.population, "population")
    return f"head {name} on {population} = {write_call(head.readout)}"


def schedule_line(schedule: m.Schedule) -> str:
    """`schedule = synchronous(steps=64)`."""
    return f"schedule = {write_call(schedule)}"


def exit_line(policy: m.ExitPolicy) -> str:
    """`exit = confidence(heads=["final"], ..., thresholds=[0.6])`."""
    return f"exit = {write_call(policy)}"


def tensor_line(name: str, ref: TensorRef) -> str:
    """`tensor @conv1.weight : f32[6,1,5,5] = sha256:...`."""
    kind = f"{_dtype(ref.dtype)}{shape_text(ref.shape)}"
    if not DIGEST.fullmatch(ref.sha256):
        raise ValueError(f"{quote(ref.sha256)} is no SHA-256 digest (tensor {quote(name)})")
    return f"tensor @{_name(name, 'tensor')} : {kind} = sha256:{ref.sha256}"


def shape_text(shape: Shape) -> str:
    """`[6,24,24]`."""
    text = write_value(shape, Shape)
    if text is None:
        raise ValueError(f"a shape is a tuple of whole numbers, found {shape!r}")
    return text.replace(" ", "")


def _name(name: str, what: str) -> str:
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise ValueError(f"{name!r} is no legal name of a {what}")
    return name


def _dtype(dtype: str) -> str:
    if dtype not in DTYPES:
        raise ValueError(f"unknown element type {quote(dtype)} (known: {', '.join(DTYPES)})")
    return dtype
