"""Reads the text form of the IR; every error says where it is and what was expected there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar, get_args

from lark import Token, Tree

from snnc.ir import model as m
from snnc.ir.diagnostics import Diagnostic, InputError
from snnc.ir.fields import build_call
from snnc.ir.hints import KEYWORD_OF, did_you_mean, field_types
from snnc.ir.print import VERSION
from snnc.ir.syntax import read_tree
from snnc.ir.tensors import DTYPES, Shape, TensorRef, TensorStore
from snnc.ir.values import (
    MAX_DIGITS,
    NOWHERE,
    Argument,
    Call,
    FieldError,
    Place,
    Value,
    Word,
    shorten,
    unquote,
)

Node = Tree[Token]
T = TypeVar("T")

MAX_NESTING = 8
"""Lists and calls inside each other; more is refused."""

_FIELD_CODES = {"call": "SN323", "field": "SN324", "missing": "SN325", "value": "SN326"}


def parse(text: str, filename: str = "<string>", store: TensorStore | None = None) -> m.Network:
    """The network that a text describes; its arrays are those of `store` (empty when None).

    Only the text is checked: syntax, duplicate names, fields and their types. Whether the network
    makes sense is `verify`'s question.

    Raises:
        InputError: SN320 to SN328, with `filename:line:column`.
    """
    tree = read_tree(text, filename)
    return _Reader(filename).network(tree, TensorStore() if store is None else store)


class _Reader:
    """Turns the syntax tree of one file into a network."""

    def __init__(self, filename: str) -> None:
        self.filename = filename

    def fail(self, code: str, message: str, place: Place, advice: str = "") -> NoReturn:
        where = f"{self.filename}:{place[0]}:{place[1]}"
        raise InputError(Diagnostic(code, message, where, advice))

    # ---- entities ------------------------------------------------------------------------------

    def network(self, start: Node, store: TensorStore) -> m.Network:
        _, version, body, *tensors = start.children
        self._version(_token(version))
        _, name, _, stage, statements = _tree(body).children
        parts = _tree(statements)
        inputs, taken = self._unique(parts, "input", self._input, {})
        populations, _ = self._unique(parts, "population", self._population, taken)
        heads, _ = self._unique(parts, "head", self._head, {})
        table, _ = self._unique(Tree("tensors", tensors), "tensor", self._tensor, {})
        schedules = [self._schedule(node) for node in parts.find_data("schedule")]
        exits = [self._exit(node) for node in parts.find_data("exit_")]
        return m.Network(
            name=self._string(_token(name)),
            stage=self._stage(_token(stage)),
            inputs=tuple(inputs),
            populations=tuple(populations),
            heads=tuple(heads),
            passes=tuple(self._string(_token(n.children[1])) for n in _own(parts, "pass_")),
            schedule=schedules[0] if schedules else None,
            tensors=dict(sorted(table)),
            store=store,
            exit=exits[0] if exits else None,
        )

    def _unique(
        self, parts: Node, kind: str, read: Callable[[Node], T], taken: dict[str, int]
    ) -> tuple[list[T], dict[str, int]]:
        """All entities of a kind and the lines of their names; an error where a name repeats."""
        found, lines = [], dict(taken)
        for node in _own(parts, kind):
            token = _token(node.children[1])
            if token in lines:
                message = (
                    f'the name "{shorten(token)}" is given twice (first in line {lines[token]})'
                )
                self.fail("SN327", message, _place(token))
            lines[str(token)] = token.line or 0
            found.append(read(node))
        return found, lines

    def _version(self, token: Token) -> None:
        if self._int(token) != VERSION:
            message = f"this is version {shorten(token)} of the text form; snnc reads {VERSION}"
            advice = "use the snnc that wrote the file, or compile the model again"
            self.fail("SN322", message, _place(token), advice)

    def _stage(self, token: Token) -> m.Stage:
        stages: tuple[m.Stage, ...] = get_args(m.Stage)
        if token not in stages:
            message = f'unknown stage "{shorten(token)}", expected {_either(stages)}'
            self.fail("SN328", message, _place(token), did_you_mean(token, stages))
        return stages[stages.index(token)]

    def _input(self, node: Node) -> m.Input:
        _, name, dtype, shape, call = node.children
        coding = self._build(_tree(call), m.Coding, "a coding")[0]
        return m.Input(str(name), self._dtype(_token(dtype)), self._shape(_tree(shape)), coding)

    def _population(self, node: Node) -> m.Population:
        _, name, shape, call, *rest = node.children
        types = field_types(m.Population)
        extra = {key: types[key] for key in ("bias", "scale")}
        neuron, given = self._build(_tree(call), m.Neuron, "a neuron", extra)
        origins = [token for n in _trees(rest, "origin") for token in n.children[1:]]
        return m.Population(
            name=str(name),
            shape=self._shape(_tree(shape)),
            neuron=neuron,
            origin=tuple(self._string(_token(token)) for token in origins),
            incoming=tuple(self._incoming(n) for n in _trees(rest, "incoming")),
            **given,
        )

    def _incoming(self, node: Node) -> m.Incoming:
        _, source, *rest = node.children
        calls = [_tree(call) for n in _trees(rest, "chain") for call in n.children[1:]]
        delays = [self._int(_token(n.children[1])) for n in _trees(rest, "delay")]
        ops = tuple(self._build(call, m.Operator, "a linear operator")[0] for call in calls)
        return m.Incoming(str(source), ops, delays[0] if delays else 0)

    def _head(self, node: Node) -> m.Head:
        _, name, _, population, call = node.children
        return m.Head(
            str(name), str(population), self._build(_tree(call), m.Readout, "a readout")[0]
        )

    def _schedule(self, node: Node) -> m.Schedule:
        schedule: m.Schedule = self._build(_tree(node.children[1]), m.Schedule, "a schedule")[0]
        return schedule

    def _exit(self, node: Node) -> m.ExitPolicy:
        policy: m.ExitPolicy = self._build(_tree(node.children[1]), m.ExitPolicy, "an exit policy")[
            0
        ]
        return policy

    def _tensor(self, node: Node) -> tuple[str, TensorRef]:
        _, name, dtype, shape, digest = node.children
        kind = self._dtype(_token(dtype))
        sha256 = str(digest).removeprefix("sha256:")
        return str(name)[1:], TensorRef(kind, self._shape(_tree(shape)), sha256)

    # ---- values --------------------------------------------------------------------------------

    def _build(
        self, node: Node, family: Any, what: str, extra: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """The dataclass a call names, which must belong to `family`, and its extra arguments."""
        call = self._call(node)
        accepted = [KEYWORD_OF[cls] for cls in get_args(family) or (family,)]
        if call.name not in accepted:
            known = "is not" if call.name in m.KEYWORDS else "is unknown as"
            message = f'"{shorten(call.name)}" {known} {what}, expected {_either(accepted)}'
            self.fail("SN323", message, call.place, did_you_mean(call.name, accepted))
        try:
            return build_call(call, extra)
        except FieldError as error:
            place = call.place if error.place == NOWHERE else error.place
            self.fail(_FIELD_CODES[error.problem], str(error), place, error.advice)

    def _call(self, node: Node, depth: int = 0) -> Call:
        name, *arguments = node.children
        token = _token(name)
        read = tuple(self._argument(_tree(a), depth) for a in arguments if a is not None)
        return Call(str(token), read, _place(token))

    def _argument(self, node: Node, depth: int) -> Argument:
        name, value = node.children
        token = _token(name)
        place = _place(token)
        return Argument(str(token), self._value(value, place, depth + 1), place)

    def _value(self, node: Node | Token, place: Place, depth: int) -> Value:
        if depth > MAX_NESTING:
            message = f"values are nested more than {MAX_NESTING} deep"
            self.fail("SN326", message, place)
        if isinstance(node, Token):
            return Value(self._scalar(node), _place(node))
        if node.data == "call":
            call = self._call(node, depth)
            return Value(call, call.place)
        items = (item for item in node.children[1:] if item is not None)
        place = _place(_token(node.children[0]))
        return Value(tuple(self._value(item, place, depth + 1) for item in items), place)

    def _scalar(self, token: Token) -> int | float | str | Word | m.Ref:
        if token.type == "INT":
            return self._int(token)
        if token.type == "FLOAT":
            return self._float(token)
        if token.type == "STRING":
            return self._string(token)
        return m.Ref(str(token)[1:]) if token.type == "REF" else Word(str(token))

    def _int(self, token: Token) -> int:
        if len(token.lstrip("-")) > MAX_DIGITS:
            message = f"the number {shorten(token)} has more than {MAX_DIGITS} digits"
            self.fail("SN326", message, _place(token))
        return int(token)

    def _float(self, token: Token) -> float:
        value = float(token)
        if value in (float("inf"), float("-inf")) and token != "-inf":
            message = f"the number {shorten(token)} is too large for 64 bits"
            self.fail("SN326", message, _place(token), "infinity is written inf")
        return value

    def _string(self, token: Token) -> str:
        try:
            return unquote(token)
        except ValueError as error:
            self.fail("SN321", str(error), _place(token))

    def _shape(self, node: Node) -> Shape:
        return tuple(self._int(_token(n)) for n in node.children if n is not None)

    def _dtype(self, token: Token) -> str:
        if token not in DTYPES:
            message = f'unknown element type "{shorten(token)}", expected {_either(DTYPES)}'
            self.fail("SN328", message, _place(token), did_you_mean(token, DTYPES))
        return str(token)


def _either(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _own(parts: Node, kind: str) -> list[Node]:
    return _trees(parts.children, kind)


def _trees(nodes: Iterable[Node | Token | None], kind: str) -> list[Node]:
    return [node for node in nodes if isinstance(node, Tree) and node.data == kind]


def _tree(node: Node | Token) -> Node:
    if not isinstance(node, Tree):
        raise TypeError(f"the grammar gives a token where a tree was expected: {node!r}")
    return node


def _token(node: Node | Token) -> Token:
    if not isinstance(node, Token):
        raise TypeError(f"the grammar gives a tree where a token was expected: {node.data}")
    return node


def _place(token: Token) -> Place:
    return (token.line or 1, token.column or 1)
