"""The diagnostics of core maps, their files and their placement, SN565 to SN585."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN565": (
        "A core map cannot be read as one: an array has another element type or size than the "
        "number of cores, neurons and axons asks for, or a number in it names no axon type, role, "
        "corelet, layer or unit. snnc never makes such a map: it was made or changed elsewhere."
    ),
    "SN566": (
        "A neuron in use has a parameter that the chip has no bits for: strengths and leaks are "
        "-255 to 255, thresholds 0 to 262143 (1 and more where they are subtracted), reset modes "
        "0 to 2, potentials -393215 to 393215. Use fewer bits for the weights; `quantize-weights` "
        "scales thresholds and leaks along."
    ),
    "SN567": (
        "A delay is not 1 to 15 ticks: the chip keeps arriving spikes in 16 slots. Longer ways go "
        "through relays. snnc never makes such a map: it was made or changed elsewhere."
    ),
    "SN568": (
        "A neuron of a core map does not drive one axon of a core in use, or one output line, or "
        "nothing at all. On the chip every neuron has exactly one target. snnc never makes such a "
        "map: it was made or changed elsewhere."
    ),
    "SN569": (
        "An axon of a core has more than one driver (neurons and input pins together). Spikes of "
        "two drivers in one tick would become one, so a core map has one driver for each axon. "
        "snnc never makes such a map: it was made or changed elsewhere."
    ),
    "SN570": (
        "A core map spends energy in vain: spikes go to an axon whose crossbar row is empty, or a "
        "crossbar bit is set for a neuron that is not in use. snnc never makes such a map: it was "
        "made or changed elsewhere."
    ),
    "SN571": (
        "The cores of a map do not fit on the mesh: one is off the grid or where another is, or a "
        "target is further than a packet can be addressed."
    ),
    "SN572": (
        "Two neurons drive one output line, or a neuron drives a line that does not exist. Two "
        "spikes in one tick would become one. snnc never makes such a map: it was made or changed "
        "elsewhere."
    ),
    "SN573": (
        "Spikes of one source reach a layer over paths of different length, so that a neuron "
        "would add spikes of different time steps. Splitters and delays must add up to one number "
        "for each source and layer. snnc never makes such a map: it was made or changed "
        "elsewhere."
    ),
    "SN574": (
        "Neurons that stand for the same unit of a layer differ in a parameter, in a weight or in "
        "a delay, so that their spikes could differ, or in a run they did differ. snnc never "
        "makes such a map: it was made or changed elsewhere; report it otherwise, with the model."
    ),
    "SN575": (
        "A neuron of a splitter core does not copy spikes: it must have exactly one axon, which "
        "is driven, with strength 1, threshold 1, a reset to 0, no leak and no initial potential. "
        "Splitters that drive each other in a loop have their spikes from nowhere. snnc never "
        "makes such a map: it was made or changed elsewhere."
    ),
    "SN576": (
        "A membrane potential leaves what the chip holds (20 bits with sign; +-393215 is safe by "
        "every known description), in a run or by the bound over a number of ticks. On the chip "
        "it would be cut off, and spikes would differ. Use fewer time steps, fewer bits for the "
        "weights, or smaller thresholds."
    ),
    "SN577": (
        "A core map, or a run of it, cannot be written in the format of another simulator, which "
        "lacks something that the map uses: the message says what. The map itself may be legal; "
        "it runs on snnc's own simulator of core maps."
    ),
    "SN578": (
        "The simulator of core maps was given something that does not fit: spikes for other "
        "sources than the map's pins have, in another shape or with other values than spikes; or "
        "a layer, neuron or number of ticks that the map does not have. Spikes are (samples, "
        "steps, units) of bool, or of -1, 0 and 1 where there are pins of both signs."
    ),
    "SN579": (
        "A file in the format of another simulator cannot be read: the output of RANC has a line "
        "that is not 0s and 1s, one for each output line, or fewer lines than ticks (run it for "
        "one tick more than the run has); or a model of NSCS is not of the form that snnc writes, "
        "or has something that core maps do not have (stochastic modes, leak reversal, other core "
        "sizes)."
    ),
    "SN580": (
        "The files of a core map cannot be used: `coremap.json` is not JSON of schema "
        "`snnc.coremap/1`, or an entry of it or an array of `coremap.npz` is missing, was added, "
        "or is of another kind than docs/core-map.md says; or a newer version of snnc wrote them. "
        "Compile the model again, or update snnc."
    ),
    "SN581": (
        "The file `coremap.npz` is not the one that `coremap.json` was written with: its SHA-256 "
        "digest differs, or it is no archive of arrays. The map might compute something else than "
        "what was checked, so snnc does not use it. Compile the model again."
    ),
    "SN582": (
        "The map has more cores than a chip. TrueNorth has 64 x 64 = 4,096, and maps over several "
        "chips are not made. Fewer bits, fewer channels, the first layer on the host, or partial "
        "sums at rate take fewer cores."
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
