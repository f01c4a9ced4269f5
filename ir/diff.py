"""What differs between two networks: structure by name, tensors by their largest difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from snnc.ir import model as m
from snnc.ir.fields import write_call, write_value
from snnc.ir.hints import KEYWORD_OF, field_types
from snnc.ir.print import incoming_line, shape_text
from snnc.ir.tensors import TensorRef

Kind: TypeAlias = Literal["added", "removed", "changed"]
T = TypeVar("T")
_SIGNS: dict[Kind, str] = {"added": "+", "removed": "-", "changed": "~"}


@dataclass(frozen=True, slots=True)
class Change:
    """One structural difference; `before` or `after` is empty where the thing is not there."""

    kind: Kind
    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        values = [text for text in (self.before, self.after) if text]
        return f"{_SIGNS[self.kind]} {self.what}{': ' if values else ''}{' -> '.join(values)}"


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor whose digest differs; one of the references is None if only one network has it.

    `max_abs_difference` is None where shapes differ, an array is not at hand, or a value is not
    finite in only one of the two.
    """

    name: str
    before: TensorRef | None
    after: TensorRef | None
    max_abs_difference: float | None = None

    @property
    def kind(self) -> Kind:
        """Whether the tensor was added, removed or changed."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    def __str__(self) -> str:
        before, after = _tensor_text(self.before), _tensor_text(self.after)
        kinds = dict.fromkeys(text for text in (before, after) if text)
        line = f"{_SIGNS[self.kind]} tensor @{self.name}: {' -> '.join(kinds)}"
        if self.max_abs_difference is not None:
            line += f", largest difference {self.max_abs_difference:.6g}"
        elif self.kind == "changed" and before == after:
            line += ", other values"
        return line


@dataclass(frozen=True, slots=True)
class Difference:
    """All differences from a network `before` to a network `after`."""

    changes: tuple[Change, ...]
    tensors: tuple[TensorChange, ...]

    @property
    def empty(self) -> bool:
        """Whether the networks are equal."""
        return not self.changes and not self.tensors

    def lines(self) -> list[str]:
        """One line per difference, `+` added, `-` removed, `~` changed."""
        return [str(change) for change in (*self.changes, *self.tensors)]

    def as_dict(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "equal": self.empty,
            "changes": [
                {"kind": c.kind, "what": c.what, "before": c.before, "after": c.after}
                for c in self.changes
            ],
            "tensors": [
                {
                    "kind": t.kind,
                    "name": t.name,
                    "before": _tensor_text(t.before),
                    "after": _tensor_text(t.after),
                    "max_abs_difference": t.max_abs_difference,
                }
                for t in self.tensors
            ],
        }


def diff(before: m.Network, after: m.Network) -> Difference:
    """What must change to make `after` of `before`; empty exactly when they are equal."""
    changes = [
        *_value("name", before.name, after.name),
        *_value("stage", before.stage, after.stage),
        *_value("passes", ",".join(before.passes), ",".join(after.passes)),
        *_entities("input", before.inputs, after.inputs, _inputs, lambda i: _call(i.coding)),
        *_entities("population", before.populations, after.populations, _populations, _summary),
        *_entities("head", before.heads, after.heads, _heads, lambda h: _call(h.readout)),
        *_value("schedule", _call(before.schedule), _call(after.schedule)),
        *_calls("exit", before.exit, after.exit),
    ]
    return Difference(tuple(changes), tuple(_tensors(before, after)))


# ---- structure ---------------------------------------------------------------------------------


def _value(what: str, before: str, after: str) -> Iterator[Change]:
    if before != after:
        yield Change("changed", what, before or "none", after or "none")


def _entities(
    kind: str,
    before: Iterable[T],
    after: Iterable[T],
    compare: Callable[[str, T, T], Iterator[Change]],
    summary: Callable[[T], str],
) -> Iterator[Change]:
    """Differences between two lists of named entities, matched by name."""
    old, new = _by_name(before), _by_name(after)
    for name in (n for n in old if n not in new):
        yield Change("removed", f"{kind} {name}", summary(old[name]))
    for name, entity in new.items():
        if name not in old:
            yield Change("added", f"{kind} {name}", summary(entity))
        elif old[name] != entity:
            yield from compare(f"{kind} {name}", old[name], entity)
    shared = [n for n in old if n in new], [n for n in new if n in old]
    yield from _value(f"order of {kind}s", ", ".join(shared[0]), ", ".join(shared[1]))


def _by_name(entities: Iterable[T]) -> dict[str, T]:
    return {entity.name: entity for entity in entities}  # type: ignore[attr-defined]


def _inputs(what: str, before: m.Input, after: m.Input) -> Iterator[Change]:
    yield from _value(f"{what} dtype", before.dtype, after.dtype)
    yield from _value(f"{what} shape", _text(before.shape), _text(after.shape))
    yield from _calls(what, before.coding, after.coding)


def _populations(what: str, before: m.Population, after: m.Population) -> Iterator[Change]:
    types = field_types(m.Population)
    for field in ("shape", "bias", "scale", "origin"):
        old, new = getattr(before, field), getattr(after, field)
        yield from _value(f"{what} {field}", _text(old, types[field]), _text(new, types[field]))
    yield from _calls(what, before.neuron, after.neuron)
    old, new = _connections(before), _connections(after)
    if old != new:
        gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
        yield from (Change("removed", f"{what} {line}") for line in gone.elements())
        yield from (Change("added", f"{what} {line}") for line in come.elements())
        if sorted(old) == sorted(new):
            yield Change("changed", f"order of connections of {what}")


def _heads(what: str, before: m.Head, after: m.Head) -> Iterator[Change]:
    yield from _value(f"{what} population", before.population, after.population)
    yield from _calls(what, before.readout, after.readout)


def _calls(what: str, before: Any, after: Any) -> Iterator[Change]:
    """Differences between two calls, or None: field by field where they have one name."""
    if before is None and after is None:
        return
    if type(before) is not type(after):
        yield from _value(what, _call(before), _call(after))
        return
    keyword = KEYWORD_OF.get(type(before), type(before).__name__)
    for field, hint in field_types(type(before)).items():
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            where = f"{what} {keyword}.{field}"
            yield from _value(where, _text(old, hint), _text(new, hint))


def _connections(population: m.Population) -> list[str]:
    return [incoming_line(incoming) for incoming in population.incoming]


def _summary(population: m.Population) -> str:
    return f"{shape_text(population.shape)} = {_call(population.neuron)}"


def _call(node: Any) -> str:
    return "" if node is None else write_call(node)


def _text(value: Any, hint: Any = tuple[int, ...]) -> str:
    return write_value(value, hint) or repr(value)


# ---- tensors -----------------------------------------------------------------------------------


def _tensor_text(ref: TensorRef | None) -> str:
    return "" if ref is None else f"{ref.dtype}{shape_text(ref.shape)}"


def _tensors(before: m.Network, after: m.Network) -> Iterator[TensorChange]:
    for name in sorted({*before.tensors, *after.tensors}):
        old, new = before.tensors.get(name), after.tensors.get(name)
        if old != new:
            yield TensorChange(name, old, new, _largest(before, old, after, new))


def _largest(
    before: m.Network, old: TensorRef | None, after: m.Network, new: TensorRef | None
) -> float | None:
    if old is None or new is None or old.shape != new.shape:
        return None
    if old not in before.store or new not in after.store:
        return None
    a = before.store.get(old).astype(np.float64)
    b = after.store.get(new).astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        largest = float(np.where(same, 0.0, np.abs(a - b)).max(initial=0.0))
    return largest if np.isfinite(largest) else None


__all__ = ["Change", "Difference", "TensorChange", "diff"]
