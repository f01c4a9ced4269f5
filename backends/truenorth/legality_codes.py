"""The diagnostics of core maps and their files, SN565 to SN585."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN582": (
        "The map has more cores than a chip. TrueNorth has 64 x 64 = 4,096, and maps over several "
        "chips are not made. Fewer bits, fewer channels or partial sums at rate take fewer cores."
    ),
    "SN583": (
        "There is no placement of this name. `spectral` is the default, `anneal` looks longer, "
        "`hilbert` and `rows` are quick and worse; spikes are the same with all of them."
    ),
    "SN584": (
        "Traffic between cores, or counts of spikes, do not belong to this core map: another "
        "shape, or amounts that are negative, not finite or no whole numbers. Count them with the "
        "simulator of the chip."
    ),
    "SN585": (
        "Cores were to be fixed at places that are off the mesh or taken twice, or have numbers "
        "that the map does not have."
    ),
}
