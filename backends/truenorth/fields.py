"""The arrays of a core map: element types and shapes."""

from __future__ import annotations

from snnc.backends.truenorth.core_map import CoreMap

FIELDS: dict[str, tuple[str, str]] = {
    "axon_types": ("u1", "ca"),
    "crossbar": ("u1", "cab"),
    "strengths": ("<i2", "cnt"),
    "leaks": ("<i2", "cn"),
    "thresholds": ("<i4", "cn"),
    "floors": ("<i4", "cn"),
    "resets": ("u1", "cn"),
    "saturates": ("?", "cn"),
    "reset_exponents": ("i1", "cn"),
    "potentials": ("<i4", "cn"),
    "kinds": ("u1", "cn"),
    "targets": ("<i4", "cn"),
    "target_axons": ("<i2", "cn"),
    "delays": ("u1", "cn"),
    "positions": ("<i2", "c2"),
    "roles": ("u1", "c"),
    "corelets": ("<i4", "c"),
    "layer_of": ("<i4", "cn"),
    "unit_of": ("<i4", "cn"),
    "pin_starts": ("<i8", "p"),
    "pin_cores": ("<i4", "e"),
    "pin_axons": ("<i4", "e"),
    "pin_delays": ("<i4", "e"),
}
"""Element type and axes of each array: c cores, a axons, n neurons, b bytes of a bit per neuron,
t axon types, p pins and one, e entries of pins, 2 column and row."""


def expected_shapes(core_map: CoreMap) -> dict[str, tuple[int, ...]]:
    """The shape of each array, given the numbers of cores, pins and entries."""
    spec = core_map.spec
    sizes = {
        "c": len(core_map.axon_types),
        "a": spec.axons,
        "n": spec.neurons,
        "b": -(-spec.neurons // 8),
        "t": spec.types,
        "p": sum(group.size for group in core_map.pins) + 1,
        "e": len(core_map.pin_cores),
        "2": 2,
    }
    return {name: tuple(sizes[axis] for axis in axes) for name, (_, axes) in FIELDS.items()}
