"""The kernels of a network of spike times, fitted to the activations that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.spike_times import Timed, largest
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.kernel_front import Front
from snnc.passes.kernel_gradient import descended
from snnc.passes.kernel_samples import Drawn, Sorted
from snnc.passes.kernel_search import searched
from snnc.passes.layerwise import affordable_samples
from snnc.passes.properties import SNN, TIMED
from snnc.passes.ttfs_kernels import Group, alike, is_early, kernel_of, was_trained, with_kernel

Method: TypeAlias = Literal["best", "gradient", "search"]

_BYTES = 8
"""Of a neuron and sample: what it sends and what it should send, float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitTtfsKernels:
    """Fit time constant and largest value of every kernel on calibration samples.

    Layer by layer, with the kernels in front already fitted, a kernel is chosen that says the
    ANN's activations with the least squared error. `method`: `gradient` (the three losses of Park
    et al. 2020), `search` (directly for the least error), or the `best` of both. Half of the
    samples choose, the other half judge: a kernel stays as it was where nothing is better on
    those. Sources that meet in one population keep one kernel. `samples`: calibration samples to
    use. `trained`: also fits kernels that the network was trained with.
    """

    name: ClassVar[str] = "fit-ttfs-kernels"
    requires: ClassVar[tuple[Property, ...]] = (SNN, TIMED)
    ensures: ClassVar[tuple[Property, ...]] = (SNN, TIMED)
    method: Method = "best"
    samples: int = 256
    trained: bool = False

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with fitted kernels; steps, rounding and thresholds stay.

        Raises:
            InputError: no calibration data (SN705), an option out of range (SN721), no ANN to
                compare with (SN771).
        """
        if self.samples < 2:
            raise InputError(Diagnostic("SN721", f"{self.name}: samples must be 2 or more"))
        samples = self._samples(network, context)
        reference = _reference(self.name, context)
        rng = context.generator()
        order = rng.permutation(len(next(iter(samples.values()))))
        half = (len(order) + 1) // 2
        front = Front(reference, samples, rng)
        every = alike(network)
        groups = [g for g in every if self.trained or not was_trained(reference, g, network)]
        for number, group in enumerate(groups):
            if context.progress is not None:
                context.progress(self.name, number, len(groups))
            front.advance(network, group[0])
            drawn = front.draw(network, group)
            before = kernel_of(network, group[0])
            fit, judge = drawn.rows(np.sort(order[:half])), drawn.rows(np.sort(order[half:]))
            kernel, how = self._best(before, fit, judge)
            network = with_kernel(network, group, kernel)
            _note(context, group, (before, kernel), Sorted(judge), how)
        self._note_rest(network, context, [g for g in every if g not in groups])
        return network

    def _best(self, kernel: Timed, fit: Drawn, judge: Drawn) -> tuple[Timed, str]:
        """The kernel with the least error on `judge`, and where it comes from."""
        values, held_out = Sorted(fit), Sorted(judge)
        found = {"initial": kernel}
        if self.method in ("best", "search"):
            found["search"] = searched(kernel, values)
        if self.method in ("best", "gradient"):
            found["gradient"] = descended(kernel, fit)
        how = min(found, key=lambda name: held_out.error(found[name]))
        return found[how], how

    def _samples(self, network: m.Network, context: Context) -> Mapping[str, Array]:
        samples = context.samples(self.name)
        there = len(next(iter(samples.values())))
        count = affordable_samples(network, _BYTES, min(self.samples, there))
        if count < min(self.samples, there):
            context.note(f"{self.name} uses {count} of {self.samples} samples to bound memory")
        if there < 2:
            text = f"{self.name}: {there} calibration sample; one half fits, the other judges"
            raise InputError(Diagnostic("SN705", text, help="bring some hundred samples"))
        return {name: x[:count] for name, x in samples.items()}

    def _note_rest(self, network: m.Network, context: Context, left: list[Group]) -> None:
        if left:
            context.note(
                f"{self.name} leaves the kernels that the network was trained with: "
                f"{'; '.join(', '.join(group) for group in left)}"
            )
        if is_early(network):
            context.note(
                f"{self.name} fits kernels to windows that do not overlap; this network fires early"
            )


def _reference(name: str, context: Context) -> m.Network:
    if context.reference is None:
        raise InputError(
            Diagnostic(
                "SN771",
                f"pass {name} compares with the ANN before schedule-ttfs, which is not here",
                help="run it in the same pipeline as schedule-ttfs, from an ONNX file or an IR "
                "text of stage ann",
            )
        )
    return context.reference


def _note(
    context: Context,
    group: Group,
    kernels: tuple[Timed, Timed],
    judge: Sorted,
    how: str,
) -> None:
    before, after = kernels
    power = judge.power or 1.0
    errors = [f"{100 * judge.error(k) / power:.3g} %" for k in kernels]
    what = ", ".join(group)
    if how == "initial":
        context.note(f"kernel of {what}: nothing better than tau {before.tau:.4g}, {errors[0]}")
        return
    context.note(
        f"kernel of {what} by {how}: tau {before.tau:.4g} to {after.tau:.4g}, largest value "
        f"{largest(before):.4g} to {largest(after):.4g}, squared error on held-out samples "
        f"{errors[0]} to {errors[1]}"
    )
