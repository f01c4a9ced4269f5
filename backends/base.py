"""What a target is: limits, a pipeline, a check, an emitter and a way to run.

A target is pure: `emit` returns the bytes of its files by path and touches no disk, so one writer
makes every program directory. Targets stand in the table `snnc.backends.TARGETS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from snnc.backends.reference.groups import Progress
from snnc.backends.reference.sources import Given
from snnc.backends.reference.trace import Trace
from snnc.diagnostics import Diagnostic
from snnc.ir import model
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Limits:
    """What a target can do. None means no limit.

    Attributes:
        stages: Stages of the IR that it takes.
        neurons: Names of the neurons it has, as the text form prints them.
        operators: Names of the linear operators it can put on a connection.
        codings: Names of the input codings it takes.
        resets: Resets of its integrate-and-fire neurons.
        signed_spikes: Whether a neuron can send a spike of value -1.
        spike_cap: Whether a neuron can be held to a largest net number of spikes.
        gated_input: Whether input and bias can be switched off after a number of time steps.
        chained_operators: Whether a connection may hold more than one operator.
        delays: Whether a connection may have a delay.
        neurons_per_core: Neurons of one core.
        axons_per_core: Inputs of one core.
        weight_bits: Width of a weight.
        exits: Names of the exit policies that it executes, as the text form prints them.
        phases: Whether populations can integrate and fire in windows of their own.
    """

    stages: tuple[str, ...]
    neurons: tuple[str, ...]
    operators: tuple[str, ...]
    codings: tuple[str, ...]
    resets: tuple[str, ...]
    signed_spikes: bool
    spike_cap: bool
    gated_input: bool
    chained_operators: bool
    delays: bool
    neurons_per_core: int | None = None
    axons_per_core: int | None = None
    weight_bits: int | None = None
    exits: tuple[str, ...] = ()
    phases: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The limits as a JSON object."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}


class Program(Protocol):
    """A compiled program as a target sees it, already read and checked."""

    @property
    def network(self) -> model.Network:
        """The final network."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """Every file of the program directory by its path inside it."""


class Target(Protocol):
    """Something that networks are compiled for."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    @property
    def description(self) -> str:
        """One sentence for `snnc targets`."""

    @property
    def limits(self) -> Limits:
        """What it can do."""

    @property
    def pipeline(self) -> tuple[str, ...]:
        """Specs of the passes that it needs after the general ones."""

    def check(self, network: model.Network) -> list[Diagnostic]:
        """All reasons why it cannot take `network`; none if it can."""

    @property
    def engines(self) -> tuple[str, ...]:
        """What can run its programs, the usual one first."""

    def figures(self, network: model.Network) -> dict[str, Any]:
        """What the report says of a network on this target beside all else, as JSON by section."""

    def emit(self, network: model.Network, inputs: Mapping[str, Array]) -> dict[str, bytes]:
        """Its own files of the program directory, by path; pure.

        `inputs`: a few samples as the network takes them, by input name, with which a program can
        check itself; none for a network whose inputs nobody knows.
        """

    def run(
        self,
        program: Program,
        inputs: Given,
        *,
        steps: int | None = None,
        record: Sequence[str] = (),
    ) -> Trace:
        """Run a program on `inputs` and tell what every neuron did."""


class Runner(Protocol):
    """Runs one network any number of times: the simulator, or what gives the same traces."""

    @property
    def dtype(self) -> str:
        """What it computes in."""

    def run(
        self,
        x: Given,
        *,
        steps: int | None = None,
        record: Sequence[str] = (),
        first: int = 0,
        exits: bool = True,
        progress: Progress | None = None,
    ) -> Trace:
        """See `Simulator.run`."""
