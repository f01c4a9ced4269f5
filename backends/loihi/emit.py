"""A network of stage fixed as a folder that Lava runs: program.py, its helpers, weights.npz."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from snnc.backends.loihi.describe import describe
from snnc.backends.loihi.golden import golden_spikes
from snnc.ir import model as m
from snnc.ir.npz import npz_bytes
from snnc.ir.tensors import Array

UNCHANGED = tuple(
    f"snn_{name}.py" for name in ("check", "cli", "inputs", "processes", "readout", "run")
)
"""Files that are the same for every network."""


def emit(network: m.Network, inputs: Mapping[str, Array]) -> dict[str, bytes]:
    """The files of a Lava program by their path.

    Args:
        network: one that `check` lets through.
        inputs: a few samples as the network takes them in, by input name; empty for none.

    Returns:
        `program.py` and the files that it imports, `weights.npz` and, with inputs,
        `golden/spikes.npz`: what the reference simulator makes of them.
    """
    environment = _environment()
    context, arrays = describe(network)
    files = {name: environment.get_template(f"loihi/{name}.j2").render() for name in UNCHANGED}
    files["program.py"] = environment.get_template("loihi/program.py.j2").render(context)
    found = {name: text.encode() for name, text in files.items()}
    found["weights.npz"] = npz_bytes(arrays)
    if inputs:
        found["golden/spikes.npz"] = npz_bytes(golden_spikes(network, inputs))
    return found


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("snnc.templates", ""),
        autoescape=False,  # Python, not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
