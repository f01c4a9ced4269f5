"""Compile trained ONNX networks into spiking networks, and measure what was compiled.

    import snnc

    compiled = snnc.compile("lenet.onnx", calibration="mnist.npz:train[:500]",
                            preprocessing=snnc.Preprocessing(divide=255.0))
    print(compiled.evaluate("mnist.npz:test").snn_accuracy)
    compiled.save("out")
    snnc.load("out").evaluate("mnist.npz:test")

Importing this package loads nothing heavy; the parts are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnc.compiler import compile_model as compile
    from snnc.data.preprocessing import Preprocessing
    from snnc.driver.compiled import Compiled
    from snnc.driver.evaluating import evaluate
    from snnc.driver.loading import load

__version__ = "0.1.0"

_PLACES = {
    "Compiled": ("snnc.driver.compiled", "Compiled"),
    "Preprocessing": ("snnc.data.preprocessing", "Preprocessing"),
    "compile": ("snnc.compiler", "compile_model"),
    "evaluate": ("snnc.driver.evaluating", "evaluate"),
    "load": ("snnc.driver.loading", "load"),
}

__all__ = ["Compiled", "Preprocessing", "__version__", "compile", "evaluate", "load"]


def __getattr__(name: str) -> Any:
    """The public names, imported on first use."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
