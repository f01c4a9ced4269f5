"""The reference simulator: the meaning of spiking networks, in NumPy."""

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace

__all__ = ["Simulator", "Trace"]
