"""Places cores on the mesh so that packets travel few hops; spikes stay the same wherever they are.

A packet goes along its row, then along its column, and takes a hop from a core to the next. The
sum over all packets of |dx| + |dy| is what is kept small. Cores get a rectangle of the mesh that is
about square. `methods` has what places them, `hops` measures what came out.
"""

from snnc.backends.truenorth.placement.hops import Packets, Wiring, wiring
from snnc.backends.truenorth.placement.methods import METHODS, Method, place, placed
from snnc.backends.truenorth.placement.traffic import links

__all__ = ["METHODS", "Method", "Packets", "Wiring", "links", "place", "placed", "wiring"]
