"""What a core and the chip hold (TrueNorth: Cassidy et al. 2013, Merolla et al. 2014)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChipSpec:
    """Limits of a chip.

    Attributes:
        axons: Axons of a core.
        neurons: Neurons of a core.
        types: Axon types, and strengths of a neuron, one for each.
        largest_strength: Largest |strength| of an axon type.
        largest_leak: Largest |leak| per tick.
        largest_threshold: Largest positive threshold (18 bits).
        largest_floor: Largest magnitude of the negative threshold (18 bits).
        largest_potential: Largest |membrane potential| that every known description of the chip
            holds (20 bits, of which NeMo uses three quarters).
        largest_delay: Ticks between a spike and its arrival: 1 to this.
        grid: Cores of a chip: columns, rows.
        reach: Furthest hop that a packet can be addressed to, in each direction.
    """

    axons: int = 256
    neurons: int = 256
    types: int = 4
    largest_strength: int = 255
    largest_leak: int = 255
    largest_threshold: int = 2**18 - 1
    largest_floor: int = 2**18 - 1
    largest_potential: int = 393_215
    largest_delay: int = 15
    grid: tuple[int, int] = (64, 64)
    reach: tuple[int, int] = (-256, 255)

    @property
    def cores(self) -> int:
        """Cores of a chip."""
        return self.grid[0] * self.grid[1]


TRUENORTH = ChipSpec()
