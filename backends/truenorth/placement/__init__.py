"""Places cores on the mesh so that packets travel few hops; spikes stay the same wherever they are.

A packet goes along its row, then along its column, and takes a hop from a core to the next. The
sum over all packets of |dx| + |dy| is what is kept small. Cores get a rectangle of the mesh that is
about square. `place` has the methods, `hops` measures what came out.
"""
