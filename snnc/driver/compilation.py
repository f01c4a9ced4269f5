"""One run of the compiler: from the model file to a `Compiled`, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from snnc.backends.base import Target
from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, InputError
from snnc.driver import exits, integer_exits
from snnc.driver.auto import Search, Searcher
from snnc.driver.calibration import Calibration, calibrate, require_single_input
from snnc.driver.checks import CHECKED_SAMPLES, CheckPasses
from snnc.driver.classifiers import insert, labelled
from snnc.driver.compiled import Compiled
from snnc.driver.hooks import KeepFractions, KeepQuantised, Shifted
from snnc.driver.overlap import names_share
from snnc.driver.pipeline import candidate_pipelines
from snnc.driver.plan import Plan, added_classifiers, make_plan, run_plan
from snnc.driver.product import GOLDEN_SAMPLES
from snnc.driver.report import build_report
from snnc.driver.samples import Chosen, DataLike, Subset, notes_of, open_samples
from snnc.driver.source import as_coded, open_source, random_inputs
from snnc.driver.targets import check_target, find_target, text_of_target
from snnc.driver.wishes import DEFAULT_STEPS, CompileOptions
from snnc.evaluation.evaluate import Samples
from snnc.evaluation.levels import level_notes
from snnc.exits.requests import check_heads, parse_request
from snnc.ir.model import Network
from snnc.ir.tensors import Array
from snnc.passes.base import Context
from snnc.passes.defaults import Choice, default_pipeline
from snnc.passes.manager import Hook
from snnc.passes.ttfs_defaults import ttfs_pipeline


class Compilation:
    """What a compilation knows; its methods are the steps in order.

    Args:
        model: an ONNX file, or a `.snn` file of stage ann.
        calibration: samples that passes choose on.
        exit_data: labelled samples that an exit policy is fitted on; by default `calibration`.
        options: everything else, checked.
    """

    def __init__(
        self,
        model: str | PathLike[str],
        calibration: DataLike | None,
        exit_data: DataLike | None,
        options: CompileOptions,
    ) -> None:
        self.options = options
        self.target: Target = find_target(options.target)
        self.request = None if options.exit is None else parse_request(options.exit)
        if self.request is not None:
            exits.check_executed(self.target, self.request.name)
            exits.check_needed(self.request, options)
        self.preprocessing = options.preprocessing or Preprocessing()
        self.choice: Choice | None = None
        self.plan = Plan(added_classifiers(options), ())
        if options.passes is not None:  # a wrong name is told before the model is read
            self._take(options.passes)
        self.source, self.data = open_source(model, calibration, self.preprocessing, options.seed)
        self.data_name = _name_of(calibration)
        self.exit_data, self.exit_name = self._exit_data(
            None if exit_data is calibration else exit_data
        )
        if options.passes is None and not options.auto:
            self.choice = self._choice()
            self._take(self.choice.spec)
        self.checks: CheckPasses | None = None
        self.kept = KeepQuantised()
        self.fractions = KeepFractions()
        self.notes: list[str] = []

    def _take(self, pipeline: str) -> None:
        """Use a pipeline, after the options that name its passes were checked against it."""
        self.plan = make_plan(pipeline, self.options, self.target, self.request)

    def _exit_data(self, exit_data: DataLike | None) -> tuple[Samples | None, str]:
        """The labelled data that the exit policy is fitted on, where it has to be, and its name."""
        if exit_data is None:
            data, name = self.data, self.data_name
        else:
            require_single_input(self.source.network)
            shape = self.source.network.inputs[0].shape
            data, name = open_samples(exit_data, shape, self.preprocessing), _name_of(exit_data)
        if self.request is not None and not exits.is_given(self.request):
            exits.require_labels(self.source.network, data)
        return data, name

    def _choice(self) -> Choice:
        """The default pipeline, one that the exit policy can follow."""
        limits, steps = self.target.limits, self.options.steps
        if self.options.coding == "ttfs":
            return ttfs_pipeline(self.source.network)
        choice = default_pipeline(self.source.network, limits, steps)
        fitting = default_pipeline(self.source.network, exits.followed(limits, self.request), steps)
        if fitting == choice or self.request is None:
            return choice
        text = f"--exit {self.request.name} needs input in every time step, so the target is taken"
        return replace(fitting, reason=f"{text} as one that cannot end it: {fitting.reason}")

    def result(self) -> Compiled:
        """Everything from the search to the report."""
        search = self._search() if self.options.auto else None
        steps = self.options.steps
        if search is not None:
            steps = search.best.steps
            self._take(search.best.pipeline)
        self._insert()
        calibration = self._calibrate(self.data)
        network = self._run(self.plan, steps, calibration, watched=True)
        network, stopping = self._with_exit(network)
        if self.options.stop_after is None:
            check_target(self.target, network)
        elif network.stage != "ann" and self.target.check(network):
            self.notes.append(
                f"stopped after {self.options.stop_after}: the network is none for target "
                f"{self.target.name} yet, so its files are left out"
            )
        compiled = Compiled(
            network=network,
            ann=self.source.network,
            quantised=self.kept.beside(self.source.network),
            fractions=self.fractions.last,
            target=text_of_target(self.target),
            steps=steps or DEFAULT_STEPS if network.schedule is None else network.schedule.steps,
            seed=self.options.seed,
            preprocessing=self.preprocessing,
            reference=self.source.ann,
            model_sha256=self.source.sha256,
            calibration_record=_data_record(self.data_name, calibration.count),
            golden_inputs=self._golden(calibration, network),
        )
        return replace(compiled, report=self._report(compiled, search, stopping))

    def _insert(self) -> None:
        """Give the ANN the classifiers that were asked for; the exit must find its heads there."""
        passes = self.plan.inserting
        if passes:
            hooks, options = self._watchers(), self.options
            data = self._training()
            self.source, notes = insert(
                self.source, passes, data, hooks, options.seed, options.progress
            )
            self.notes.extend(notes)
            if data is not self.data:
                self.notes.append(exits.TRAINED_ON_PART)
        if self.request is not None:  # before the work, not after it
            check_heads(self.source.network, self.request)

    def _training(self) -> Samples | None:
        """The samples that classifiers learn from: none of those that choose a threshold."""
        labels = None if self.data is None else exits.labels_of(self.data)
        if labels is None or exits.is_given(self.request) or not self._same_data():
            return self.data
        assert self.data is not None
        return Chosen(self.data, ~exits.choosing(labels))

    def _same_data(self) -> bool:
        """Whether an exit policy is fitted on the calibration data."""
        named = self.exit_name != "" and self.exit_name == self.data_name
        return self.request is not None and (named or self.exit_data is self.data)

    def _calibrate(self, data: Samples | None) -> Calibration:
        if data is None:
            return Calibration()
        return calibrate(self.source.network, self.source.ann, data, self.options.progress)

    def _watchers(self) -> list[Hook]:
        return [*self.options.hooks, self.kept, self.fractions]

    def _run(
        self, plan: Plan, steps: int | None, calibration: Calibration, *, watched: bool
    ) -> Network:
        network = self.source.network
        fitted = self.data if watched or self.data is None else Subset(self.data, held_out=False)
        context = Context(
            statistics=calibration.statistics,
            calibration=calibration.samples,
            labelled=labelled(fitted),
            steps=steps or DEFAULT_STEPS,
            steps_given=steps is not None,
            seed=self.options.seed,
            progress=self.options.progress,
        )
        if not watched:
            return run_plan(plan, network, context)
        hooks = self._watchers()
        if self.options.check_passes:
            self.checks = CheckPasses(self.source.ann, self._check_inputs(calibration))
            hooks.append(self.checks)
        result = run_plan(plan, network, context, hooks, self.options.stop_after)
        self.notes.extend(context.notes)
        return result

    def _check_inputs(self, calibration: Calibration) -> Array:
        require_single_input(self.source.network)
        samples = calibration.samples
        if samples is None:
            samples = random_inputs(self.source.network, CHECKED_SAMPLES, self.options.seed)
        return samples[self.source.network.inputs[0].name]

    def _search(self) -> Search:
        if self.data is None:
            cure = "pass --calibration DATA with labels"
            text = "--auto needs labelled calibration data to measure accuracies"
            raise InputError(Diagnostic("SN928", text, help=cure))
        fitted = self._calibrate(Subset(self.data, held_out=False))

        def compile_for(pipeline: str, steps: int) -> Network:
            plan = make_plan(pipeline, self.options, self.target, self.request)
            return self._run(replace(plan, inserting=(), setting=()), steps, fitted, watched=False)

        limits = exits.followed(self.target.limits, self.request)
        return Searcher(
            compile_for=compile_for,
            held_out=Subset(self.data, held_out=True),
            ann=self.source.ann,
            max_drop=self.options.search_drop,
            max_steps=self.options.max_steps,
            tried=self.options.tried,
            progress=self.options.progress,
        ).search(candidate_pipelines(self.source.network, limits))

    def _with_exit(self, network: Network) -> tuple[Network, dict[str, Any] | None]:
        """The network with the exit policy that was asked for, and what the report says of it."""
        request, options = self.request, self.options
        if request is None:
            return network, None
        if network.stage == "fixed":
            integer_exits.check_request(network, request)
        if exits.is_given(request):
            given = exits.Exited(network, exits.given_record(network, request))
            given = self._executed(given)
            return given.network, given.record
        assert self.exit_data is not None
        found = exits.fit_exit(
            network, self.source.ann, self.exit_data, request, options.exit_drop, options.progress
        )
        found = self._executed(found)
        self.notes.extend(found.notes)
        if self._same_data():
            self.notes.append(exits.SAME_DATA)
        elif self.plan.inserting and names_share(self.data_name, self.exit_name):
            self.notes.append(exits.TRAINED_ON_EXIT_DATA)
        data = _data_record(self.exit_name, len(self.exit_data))
        return found.network, {**found.record, "data": data}

    def _executed(self, found: exits.Exited) -> exits.Exited:
        """A network with the policy as the target executes it: at stage fixed in whole numbers."""
        exits.check_executed(self.target, exits.policy_name(found.network))
        if found.network.stage != "fixed":
            return found
        context = Context(seed=self.options.seed)
        done = len(self.plan.everything)
        hooks = [Shifted(hook, done) for hook in self._watchers()]
        found = integer_exits.in_integers(found, context, hooks)
        self.notes.extend(context.notes)
        return found

    def _golden(self, calibration: Calibration, network: Network) -> Mapping[str, Array]:
        samples = calibration.samples
        if samples is None:
            samples = random_inputs(self.source.network, GOLDEN_SAMPLES, self.options.seed)
        first = {n: np.ascontiguousarray(x[:GOLDEN_SAMPLES]) for n, x in samples.items()}
        return as_coded(network, first)

    def _report(
        self, compiled: Compiled, search: Search | None, stopping: dict[str, Any] | None
    ) -> dict[str, Any]:
        notes = [*self.source.notes, *self.notes]
        for data in (self.data, self.exit_data):
            notes.extend(() if data is None else notes_of(data))
        if search is not None:
            notes.extend(search.notes())
        notes.extend(level_notes(compiled.network, self.source.network, compiled.steps))
        checks = self.checks.results if self.checks is not None else []
        notes = list(dict.fromkeys(notes))
        return build_report(compiled, self.source, self.choice, search, checks, notes, stopping)


def _name_of(data: DataLike | None) -> str:
    return fspath(data) if isinstance(data, str | PathLike) else ""


def _data_record(name: str, samples: int) -> dict[str, Any]:
    """What manifest and report say of data; no folder of this machine is in it."""
    return {"data": Path(name).name if name else "", "samples": samples}
