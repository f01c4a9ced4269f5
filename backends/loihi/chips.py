"""What the Loihi chips hold, read from `chips/*.json`: every limit with unit, kind and source.

The limits of Loihi 1 are published, in papers or in the source of tools that ran on it. Intel has
published no rules of allocation for Loihi 2: its file says `estimate`, and most of its limits are
null, which means that nothing is known and nothing is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from snnc.diagnostics import Diagnostic, InputError, UsageError

CHIP_NAMES = ("loihi1", "loihi2")
"""The chips that there is a description of."""

Kind = Literal["published", "estimate"]


@dataclass(frozen=True, slots=True)
class ChipLimit:
    """One limit as its file gives it; `checked`: whether a fit takes it into account."""

    name: str
    value: int | None
    unit: str
    kind: Kind
    source: str
    checked: bool

    def as_dict(self) -> dict[str, Any]:
        """The limit as a JSON object."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Chip:
    """What one chip holds. None: not public, not checked. Units and sources: see `limits`.

    Attributes:
        name: What the command line calls it.
        title: Its name in texts.
        kind: Whether its limits are published or estimated.
        limits: All limits with units and sources, in the order of the file.
        cores_per_chip: Neurocores that a network can use.
        processors_per_chip: Embedded processors.
        compartments_per_core: Compartments (Loihi 1) or neurons (Loihi 2) of a core.
        soft_reset_compartments: Compartments of a neuron whose reset subtracts the threshold.
        hard_reset_compartments: Compartments of any other neuron.
        soft_reset_axons: Connections to itself by which a neuron's soft reset subtracts.
        input_axons_per_core: Entries of a core's table of incoming axons.
        output_entries_per_core: Configuration entries of a core's outgoing axons.
        population_axons: 1 if an axon can stand for several neurons.
        discrete_entry_cost: Entries of an axon of one neuron.
        population_entry_cost: Entries of an axon of several neurons.
        off_chip_entry_cost: Further entries of an axon to another chip.
        memory_bytes_per_core: Synapse memory (Loihi 1) or all memory (Loihi 2) of a core.
        memory_word_bits: Bits of a word of synapse memory.
        words_per_axon: Words that one axon can address.
        synapses_per_entry: Synapses behind one prefix.
        prefix_bits: Bits of the prefix of an entry.
        least_index_bits: Fewest bits of the index of a compartment.
        weight_bits: Bits of a weight.
        lowest_weight_exponent: Of the scale that the weights of a core share.
        largest_weight_exponent: Of the scale that the weights of a core share.
        delay_bits: Bits of a synaptic delay.
        largest_delay: In time steps.
        thresholds_per_core: Different thresholds within a core.
        threshold_mantissa_bits: Bits of a threshold's mantissa.
        threshold_shift: The power of two that multiplies it.
        reset_largest_mantissa: Of a threshold that a soft reset can subtract.
        reset_largest_exponent: Of a threshold that a soft reset can subtract.
        bias_mantissa_bits: Bits of a bias's mantissa without its sign.
        largest_bias_exponent: The power of two that multiplies it.
        accumulator_bits: Bits of the sum of one time step.
        membrane_bits: Bits of the membrane potential.
        largest_refractory_delay: In time steps.
        destination_groups_per_core: Groups of compartments that lists can be shifted by.
        synapse_formats_per_core: Formats of synapse entries.
        graded_spike_bits: Bits of a spike's value; 0 where a spike has none.
        state_bytes_per_neuron: What a neuron takes of `memory_bytes_per_core`.
        largest_system_chips: Chips of the largest system that was built.
    """

    name: str
    title: str
    kind: Kind
    limits: tuple[ChipLimit, ...]
    cores_per_chip: int
    processors_per_chip: int
    compartments_per_core: int
    soft_reset_compartments: int
    hard_reset_compartments: int
    soft_reset_axons: int
    input_axons_per_core: int | None
    output_entries_per_core: int | None
    population_axons: int
    discrete_entry_cost: int
    population_entry_cost: int
    off_chip_entry_cost: int
    memory_bytes_per_core: int
    memory_word_bits: int | None
    words_per_axon: int | None
    synapses_per_entry: int | None
    prefix_bits: int | None
    least_index_bits: int | None
    weight_bits: int
    lowest_weight_exponent: int | None
    largest_weight_exponent: int | None
    delay_bits: int
    largest_delay: int
    thresholds_per_core: int | None
    threshold_mantissa_bits: int | None
    threshold_shift: int | None
    reset_largest_mantissa: int | None
    reset_largest_exponent: int | None
    bias_mantissa_bits: int | None
    largest_bias_exponent: int | None
    accumulator_bits: int | None
    membrane_bits: int
    largest_refractory_delay: int | None
    destination_groups_per_core: int | None
    synapse_formats_per_core: int | None
    graded_spike_bits: int
    state_bytes_per_neuron: int
    largest_system_chips: int

    def as_dict(self) -> dict[str, Any]:
        """The chip as a JSON object: its limits with value, unit, kind and source."""
        return {
            "name": self.name,
            "title": self.title,
            "kind": self.kind,
            "limits": [limit.as_dict() for limit in self.limits],
        }


OPTIONAL = frozenset(f.name for f in fields(Chip) if f.type == "int | None")
"""Limits that may be unknown."""

LIMIT_NAMES = tuple(f.name for f in fields(Chip))[4:]
"""The names of all limits."""


@cache
def load_chip(name: str) -> Chip:
    """The description of a chip by its name.

    Raises:
        UsageError: There is none of that name (SN520).
        InputError: Its file is damaged (SN521).
    """
    if name not in CHIP_NAMES:
        message, cure = f"there is no chip {name}", f"one of {', '.join(CHIP_NAMES)}"
        raise UsageError(Diagnostic("SN520", message, "", cure))
    path = resources.files("snnc.backends") / "loihi" / "chips" / f"{name}.json"
    return read_chip(path.read_text(encoding="utf-8"), f"{name}.json")


def read_chip(text: str, where: str) -> Chip:
    """A chip from the text of its file; `where` names the file in errors.

    Raises:
        InputError: It is no JSON object with all limits and no others (SN521).
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _damaged(f"it is not JSON: {error}", where) from error
    if not isinstance(data, dict) or set(data) != {"name", "title", "kind", "limits"}:
        raise _damaged("it is no object with the keys name, title, kind and limits", where)
    if data["kind"] not in get_args(Kind) or not isinstance(data["limits"], dict):
        raise _damaged(f"kind must be one of {', '.join(get_args(Kind))}, limits an object", where)
    if odd := sorted(set(data["limits"]) ^ set(LIMIT_NAMES)):
        raise _damaged(f"limits missing or unknown: {', '.join(odd)}", where)
    limits = tuple(_limit(name, entry, where) for name, entry in data["limits"].items())
    values: dict[str, Any] = {limit.name: limit.value for limit in limits}
    return Chip(str(data["name"]), str(data["title"]), data["kind"], limits, **values)


def _limit(name: str, entry: Any, where: str) -> ChipLimit:
    keys = {"value", "unit", "kind", "source", "checked"}
    if not isinstance(entry, Mapping) or set(entry) != keys:
        raise _damaged(f"limit {name} needs exactly {', '.join(sorted(keys))}", where)
    value = entry["value"]
    if isinstance(value, bool) or not isinstance(value, (int, type(None))):
        raise _damaged(f"limit {name} is {value!r}, not a whole number or null", where)
    if value is None and name not in OPTIONAL:
        raise _damaged(f"limit {name} is null and must be known", where)
    if entry["kind"] not in get_args(Kind) or not entry["source"] or not entry["unit"]:
        raise _damaged(f"limit {name} needs a unit, a source and a kind", where)
    unit, source, checked = str(entry["unit"]), str(entry["source"]), bool(entry["checked"])
    return ChipLimit(name, value, unit, entry["kind"], source, checked)


def _damaged(message: str, where: str) -> InputError:
    cure = "install snnc again"
    return InputError(Diagnostic("SN521", f"a chip's description: {message}", where, cure))
