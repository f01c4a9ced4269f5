"""Classifiers inserted into a network at compile time: their spec, their data, their reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from snnc.diagnostics import Diagnostic, UsageError
from snnc.driver.pipeline import run_passes
from snnc.driver.source import Source
from snnc.evaluation.evaluate import ProgressSink, Samples
from snnc.evaluation.reference import AnnReference, head_of
from snnc.ir import model as m
from snnc.ir.interpret import activate, summed_input
from snnc.ir.tensors import Array
from snnc.options import format_options, parse_specs
from snnc.passes.base import Context, Pass
from snnc.passes.manager import Hook

INSERTING = "insert-classifiers"


def classifiers_spec(text: str) -> str:
    """The pass that `--classifiers` asks for: `auto,count=1` or `conv2,conv4,features=flat`.

    What has a `=` is an option of insert-classifiers, the rest names the populations behind which
    classifiers are put (`auto`: the pass chooses).

    Raises:
        UsageError: SN700 for text that cannot be read, SN706 for an option given twice, SN936 for
            `auto` beside names.
    """
    parts = [part.strip() for part in text.split(",")]
    names = tuple(part for part in parts if "=" not in part)
    if not all(parts) or len(set(names)) < len(names):
        message = f'--classifiers "{text}" is no list of different names and options'
        cure = "for example auto, or auto,count=1, or conv2,conv4"
        raise UsageError(Diagnostic("SN700", message, "command line", cure))
    if "auto" in names and len(names) > 1:
        message = "--classifiers auto chooses the places itself, so naming others contradicts it"
        raise UsageError(Diagnostic("SN936", message, "command line", "leave one of them out"))
    given = ",".join(part for part in parts if "=" in part)
    options = parse_specs(f"{INSERTING}{{{given}}}")[0][1]
    if names and "after" in options:
        message = "--classifiers names places and has the option after as well"
        raise UsageError(Diagnostic("SN936", message, "command line", "leave one of them out"))
    places = {"after": "auto" if names == ("auto",) else names} if names else {}
    return format_options(INSERTING, {**places, **options})


@dataclass(frozen=True, slots=True)
class LabelledSamples:
    """All samples of a data set that has labels, for passes that learn from them."""

    data: Samples

    def __len__(self) -> int:
        return len(self.data)

    def batches(self, size: int) -> Iterator[tuple[Array, Array]]:
        """Batches of at most `size` samples with their labels."""
        for x, y in self.data.batches(size):
            assert y is not None
            yield x, y


def labelled(data: Samples | None) -> LabelledSamples | None:
    """The samples of a data set where it has labels; no sample is read but the first."""
    if data is None or len(data) == 0:
        return None
    _, y = next(iter(data.batches(1)))
    return None if y is None else LabelledSamples(data)


class ExtendedAnn:
    """An ANN with classifiers that the ONNX model does not have: these the interpreter computes.

    Args:
        base: who computes the model's own populations.
        network: `base.network` with more populations and heads.
    """

    def __init__(self, base: AnnReference, network: m.Network) -> None:
        self._base = base
        self._network = network
        self._known = {p.name for p in base.network.populations}

    @property
    def network(self) -> m.Network:
        """The network at stage ann, with the inserted classifiers."""
        return self._network

    @property
    def engine(self) -> str:
        """Who computes the model's own populations."""
        return self._base.engine

    def logits(self, x: Array, head: str) -> Array:
        """The value (N, K) of a head for a batch of inputs."""
        population = head_of(self._network, head).population
        value = self.activations(x, (population,))[population]
        return value.reshape(len(x), -1)

    def activations(self, x: Array, names: Sequence[str]) -> dict[str, Array]:
        """The values (N, *shape) of populations for a batch of inputs."""
        inserted = self._inserted(names)
        sources = {i.source for p in inserted for i in p.incoming}
        own = sorted((sources | set(names)) & self._known)
        values = self._base.activations(x, own) if own else {}
        values = {**values, self._network.inputs[0].name: x}
        for population in inserted:
            summed = summed_input(self._network, population, values)
            values[population.name] = activate(population.neuron, summed, self._network)
        return {name: values[name] for name in names}

    def _inserted(self, names: Sequence[str]) -> list[m.Population]:
        """The inserted populations that the named ones need, sources first."""
        needed = set(names)
        found: list[m.Population] = []
        for population in reversed(self._network.populations):
            if population.name in needed and population.name not in self._known:
                found.append(population)
                needed |= {i.source for i in population.incoming}
        return found[::-1]


def insert(
    source: Source,
    passes: Sequence[Pass],
    data: Samples | None,
    hooks: Sequence[Hook],
    seed: int,
    progress: ProgressSink | None,
) -> tuple[Source, list[str]]:
    """The source with the classifiers of the passes, which stand in front of a pipeline.

    Returns:
        The extended source, and what the passes had to say.

    Raises:
        InputError: the passes' own diagnostics, for instance that there are no labels.
    """
    context = Context(labelled=labelled(data), seed=seed, progress=progress)
    network = run_passes(source.network, passes, context, hooks)
    return replace(source, network=network, ann=ExtendedAnn(source.ann, network)), context.notes
