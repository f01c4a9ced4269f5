"""What a fit says: per layer and in all, as frozen data that become JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from snnc.backends.loihi.partition.tiles import Shape3


@dataclass(frozen=True, slots=True)
class Finding:
    """Why something does not fit: which layer, which limit, how many against how many."""

    layer: str
    limit: str
    count: int
    allowed: int

    def as_dict(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class LayerFit:
    """One population on its cores. Axons, entries, memory: of the core that has most.

    Attributes:
        name: The population.
        onnx_nodes: The ONNX nodes that it stands for.
        neurons: Its neurons.
        compartments_per_neuron: 2 for a soft reset on Loihi 1.
        shape: Channels, rows and columns.
        tile: Those of one core; tiles at the end may be smaller. None where it does not fit.
        cores: Cores that it takes; 0 where it does not fit.
        compartments: Compartments of the fullest core.
        input_axons: Axons into a core.
        output_axon_entries: Entries of a core's outgoing axons.
        memory_bytes: Synapse memory, on Loihi 2 with the state of neurons.
        memory_words: The same in words, None where words are not public.
        thresholds: Different thresholds of a core.
        utilisation: Mean share of each budget over its cores; None where the limit is not public.
        binds: The budget of which its fullest core has least left; None where it does not fit.
        binding_share: How much of it that core uses.
    """

    name: str
    onnx_nodes: tuple[str, ...]
    neurons: int
    compartments_per_neuron: int
    shape: Shape3
    tile: Shape3 | None
    cores: int
    compartments: int
    input_axons: int
    output_axon_entries: int
    memory_bytes: int
    memory_words: int | None
    thresholds: int
    utilisation: Mapping[str, float | None]
    binds: str | None
    binding_share: float | None

    def as_dict(self) -> dict[str, Any]:
        """The layer as a JSON object."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class InputFit:
    """An input: it takes no core, but whoever sends it needs these entries for its axons."""

    name: str
    neurons: int
    output_axon_entries: int

    def as_dict(self) -> dict[str, Any]:
        """The input as a JSON object."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a network fits on a chip, and what it takes.

    Attributes:
        chip: Name of the chip.
        title: Its name in texts.
        kind: `published` or `estimate`: what the limits are.
        fits: Whether every layer has cores and every weight and delay is within its limit.
        layers: All populations, in the order of the network.
        inputs: All inputs.
        cores: Cores of all layers that have some.
        chips: Chips that hold so many cores.
        cores_per_chip: Cores of one chip.
        neurons: Neurons of the network.
        utilisation: Mean share of each budget over all cores; None where it is not public.
        binding_utilisation: Mean over all cores of the share of the budget that is fullest there.
        findings: What does not fit.
        notes: What a reader should know: what is not modelled, what has no form on the chip.
    """

    chip: str
    title: str
    kind: str
    fits: bool
    layers: tuple[LayerFit, ...]
    inputs: tuple[InputFit, ...]
    cores: int
    chips: int
    cores_per_chip: int
    neurons: int
    utilisation: Mapping[str, float | None]
    binding_utilisation: float
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The fit as a JSON object."""
        parts = {
            name: [part.as_dict() for part in getattr(self, name)]
            for name in ("layers", "inputs", "findings")
        }
        return {**_plain(self), **parts}


def _plain(data: Finding | LayerFit | InputFit | Fit) -> dict[str, Any]:
    values = {field.name: getattr(data, field.name) for field in fields(data)}
    return {
        name: list(value)
        if isinstance(value, tuple)
        else dict(value)
        if isinstance(value, Mapping)
        else value
        for name, value in values.items()
    }
