"""A compiled network: what `snnc.compile` returns and `snnc.load` reads back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.driver.overlap import overlap_notes
from snnc.driver.samples import DataLike, open_inputs
from snnc.evaluation.exported import StoredAnn
from snnc.evaluation.reference import AnnReference
from snnc.ir import model as m
from snnc.ir.tensors import Array

if TYPE_CHECKING:
    from snnc.backends.reference.trace import Trace
    from snnc.evaluation.evaluate import ProgressSink
    from snnc.evaluation.exits import ExitMode
    from snnc.evaluation.result import Evaluation


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A spiking network with everything that is known about its making.

    Attributes:
        network: the final network.
        ann: the network as imported (stage ann), None for a lone spiking `.snn` file.
        target: the target's name.
        steps: time steps the network was compiled for.
        seed: seed of everything random.
        preprocessing: what a raw sample goes through before it is an input.
        report: what compiling measured, a JSON object.
        reference: the ANN to compare with; onnxruntime right after compiling, else the interpreter.
        model_sha256: digest of the model file.
        calibration_record: which data was used, for the manifest.
        golden_inputs: a few inputs per input name, with which a target can check itself.
        path: where the program was read from, empty if it was not.
        quantised: the network of stage ann whose integers the final one settles to, where a pass
            quantised it; None where `ann` is it or there is none.
        fractions: the spiking network that a network of stage fixed was made from; else None.
    """

    network: m.Network
    ann: m.Network | None
    target: str = "reference"
    steps: int = 0
    seed: int = 0
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    report: Mapping[str, Any] = field(default_factory=dict)
    reference: AnnReference | None = None
    model_sha256: str = ""
    calibration_record: Mapping[str, Any] = field(default_factory=dict)
    golden_inputs: Mapping[str, Array] = field(default_factory=dict)
    path: str = ""
    quantised: m.Network | None = None
    fractions: m.Network | None = None

    def save(self, directory: str | PathLike[str], *, force: bool = False) -> Path:
        """Write the program directory; complete or not at all.

        Args:
            directory: where; a folder that snnc wrote before is replaced.
            force: replace a folder that something else wrote, too.

        Raises:
            UsageError: the folder belongs to something else (SN90x).
            OSError: the file system refuses.
        """
        from snnc.driver.product import manifest_of, program_files
        from snnc.program import write_program

        target = Path(directory)
        write_program(target, files=program_files(self), manifest=manifest_of(self), force=force)
        return target

    def run(
        self,
        inputs: Array | Mapping[str, Array],
        *,
        steps: int | None = None,
        dtype: str | None = None,
        **options: Any,
    ) -> Trace:
        """Simulate preprocessed inputs `(N, *shape)`, or an array per input name.

        Args:
            inputs: float32 samples in the network's units (after preprocessing); events are
                `(T, N, *shape)`.
            steps: time steps, by default those of the network.
            dtype: `float32`, `float64` or `integer`: what the simulator computes in.
            options: `record`, `record_membrane`, `exits`, `progress` of the reference simulator;
                with `exits=False` no sample stops early.

        Raises:
            InputError: the network is not spiking (SN933), or an input does not fit.
            UsageError: more steps than a program of whole numbers was made for (SN948).
        """
        from snnc.backends.reference.simulator import Simulator

        self.require_spiking()
        self.require_steps(steps)
        return Simulator(self.network, dtype=dtype).run(inputs, steps=steps, **options)

    def evaluate(
        self,
        data: DataLike,
        *,
        steps: int | None = None,
        preprocessing: Preprocessing | None = None,
        batch: int | None = None,
        dtype: str | None = None,
        exact: bool = False,
        exits: ExitMode = "compare",
        engine: str | None = None,
        progress: ProgressSink | None = None,
    ) -> Evaluation:
        """Measure accuracy, agreement, spikes and errors per layer on a data set.

        Args:
            data: `PATH[:SPLIT][[A:B]]`, an array of samples, or a pair of samples and labels; for
                an input coded as events the array is (T, N, *shape).
            steps: time steps, by default those of the network, or of the events.
            preprocessing: by default what the program was compiled with.
            batch: samples per batch, by default chosen by the network's size.
            dtype: `float32`, `float64` or `integer`: what the simulator computes in.
            exact: compare every neuron's spike count on every sample with the integer activation
                of the quantised ANN, both in float64; see `Evaluation.exactness`.
            exits: of a network that has an exit policy: `compare` measures the full-length run and
                the run with exits, `run` only the latter, `off` only the former.
            engine: `reference` or `c`, see `snnc.driver.runners.choose_runner`.
            progress: called with (label, done, total).

        Raises:
            InputError: the data does not fit the network, or holds no sample; `exact` for a
                network that has no such integers (SN944).
            UsageError: `exact` with another `dtype` than float64 or with exits only (SN936);
                `exits` is `run` and the network has no exit policy (SN945).
        """
        from snnc.driver.exact import exact_reference, quantised_reference
        from snnc.driver.runners import choose_runner
        from snnc.evaluation.evaluate import LAYER_SAMPLES, evaluate_network

        self.require_spiking()
        self.require_steps(steps)
        ann = exact_reference(self, dtype, exits) if exact else self.ann_reference()
        chosen = choose_runner(self, engine, "float64" if exact else dtype)
        samples = open_inputs(self.network, data, preprocessing or self.preprocessing, steps)
        measured = evaluate_network(
            self.network,
            samples,
            ann=ann,
            quantised=quantised_reference(self),
            fractions=self.fractions,
            steps=steps,
            batch=batch,
            layer_samples=len(samples) if exact else LAYER_SAMPLES,
            exits=exits,
            simulator=chosen.runner,
            progress=progress,
        )
        told = () if measured.exit is None else overlap_notes(self.report, data)
        notes = (*chosen.notes, *measured.notes, *told)
        return replace(measured, engine=chosen.engine, notes=notes)

    def ann_reference(self) -> AnnReference | None:
        """The ANN to compare with, None where none is known."""
        if self.reference is not None or self.ann is None:
            return self.reference
        return StoredAnn(self.ann)

    def require_steps(self, steps: int | None) -> None:
        """Refuse more time steps than a program of whole numbers was made for.

        Raises:
            UsageError: SN948.
        """
        schedule = self.network.schedule
        if steps is None or self.target == "reference" or schedule is None:
            return
        if self.network.stage == "fixed" and steps > schedule.steps:
            text = (
                f"{steps} time steps were asked of a program for {schedule.steps}: its whole "
                "numbers are proved to fit for no more"
            )
            cure = f"compile it with --steps {steps}"
            raise UsageError(Diagnostic("SN948", text, where=self.path, help=cure))

    def require_spiking(self) -> None:
        """Refuse a network that has no spikes.

        Raises:
            InputError: SN933.
        """
        if self.network.stage == "ann":
            text = f"network {self.network.name} is at stage ann; only a spiking network runs"
            cure = "compile it, or `snnc opt` it with a pipeline that ends in to-spiking"
            raise InputError(Diagnostic("SN933", text, where=self.path, help=cure))
