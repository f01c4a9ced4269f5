"""A network of stage fixed as a folder of C11 that builds with make and checks itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from snnc.backends.c.describe import describe
from snnc.backends.c.golden import golden_arrays, spike_rates
from snnc.backends.c.plan import make_plan
from snnc.ir import model as m
from snnc.ir.npz import npy_bytes
from snnc.ir.tensors import Array

LIBRARY = ("program.c", "weights.c", "snn_batch.c")
"""What is compiled into the library that runs batches."""

FILES = (
    "program.h",
    "snn_kernels.h",
    "snn_compiler.h",
    "snn_spikes.h",
    "snn_sums.h",
    "snn_columns.h",
    "snn_currents.h",
    "snn_neurons.h",
    "snn_tables.h",
    "snn_windows.h",
    "weights.h",
    "snn_batch.h",
    *LIBRARY,
    "snn_npy.h",
    "main.c",
    "Makefile",
)


def emit(network: m.Network, inputs: Mapping[str, Array]) -> dict[str, bytes]:
    """The files of a C program by their path.

    Args:
        network: one that `check` lets through.
        inputs: a few samples as the network takes them in, by input name; empty for none.

    Returns:
        C sources, a Makefile and, with inputs, `golden/*.npy`: what the reference simulator makes
        of them.
    """
    golden = golden_arrays(network, inputs) if inputs else {}
    files = sources(network, spike_rates(network, golden))
    files.update((f"golden/{name}.npy", npy_bytes(array)) for name, array in golden.items())
    return files


def sources(network: m.Network, rates: Mapping[str, float] | None = None) -> dict[str, bytes]:
    """The sources and the Makefile alone.

    Args:
        network: one that `check` lets through.
        rates: share of the neurons of each source that fire in a time step, as far as it is known;
            see `choice_of`.
    """
    environment = _environment()
    context = describe(make_plan(network, rates or {}))
    return {
        name: environment.get_template(f"c/{name}.j2").render(context).encode() for name in FILES
    }


@lru_cache(maxsize=1)  # templates are compiled once
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("snnc.templates", ""),
        autoescape=False,  # C, not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
