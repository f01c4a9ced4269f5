"""The syntax of the text form: Lark's parser for `grammar.lark`, and readable syntax errors."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Iterable

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from snnc.ir.diagnostics import Diagnostic, InputError
from snnc.ir.values import shorten

_READABLE = {
    "VERSION": '"snnc-ir"',
    "ARROW": '"<-"',
    "LPAR": '"("',
    "RPAR": '")"',
    "LSQB": '"["',
    "RSQB": '"]"',
    "LBRACE": '"{"',
    "RBRACE": '"}"',
    "COMMA": '","',
    "COLON": '":"',
    "EQUAL": '"="',
    "NAME": "a name",
    "REF": "a tensor (@name)",
    "INT": "a whole number",
    "FLOAT": "a number",
    "STRING": "a string",
    "DIGEST": "sha256: and 64 hexadecimal digits",
    "$END": "the end of the file",
}


@functools.lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = importlib.resources.files("snnc.ir").joinpath("grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", keep_all_tokens=False)


def read_tree(text: str, filename: str) -> Tree[Token]:
    """The syntax tree of a text.

    Raises:
        InputError: SN320 for what is unexpected, SN321 for what is no token at all, with
            `filename:line:column` and the tokens that would have been accepted.
    """
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        raise InputError(_diagnostic(error, text, filename)) from None


def _diagnostic(error: UnexpectedInput, text: str, filename: str) -> Diagnostic:
    if isinstance(error, UnexpectedCharacters):
        code, found = _unreadable(error, text)
        accepted: Iterable[str] = error.allowed or ()
    elif isinstance(error, UnexpectedToken):
        code, found = "SN320", _found(error.token)
        accepted = error.accepts or error.expected
    else:
        raise TypeError(f"an unknown kind of syntax error: {type(error).__name__}") from error
    line, column = _position(error, text)
    message = f"found {found}, expected {_listed(accepted)}"
    return Diagnostic(code, message, f"{filename}:{line}:{column}", _advice(text))


def _unreadable(error: UnexpectedCharacters, text: str) -> tuple[str, str]:
    rest = text[error.pos_in_stream or 0 :].split("\n", 1)[0]
    if rest.startswith('"'):
        return "SN321", "a string without its closing quote"
    return "SN321", f"{shorten(ascii(rest), 24)}, which is no word of the text form"


def _found(token: Token) -> str:
    if token.type == "$END":
        return "the end of the file"
    if token.type in ("STRING", "NAME", "INT", "FLOAT", "REF"):
        article = _READABLE[token.type].split(" (")[0]
        return f"{article} {shorten(token)}"
    return shorten(f'"{token}"')


def _position(error: UnexpectedInput, text: str) -> tuple[int, int]:
    """Line and column, from 1; those behind the last character where the file ends too early."""
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        lines = text.rstrip().split("\n")
        return len(lines), len(lines[-1]) + 1
    return max(error.line, 1), max(error.column, 1)


def _listed(accepted: Iterable[str]) -> str:
    *most, last = sorted({_READABLE.get(name, f'"{name.lower()}"') for name in accepted}) or ["?"]
    return f"{', '.join(most)} or {last}" if most else last


def _advice(text: str) -> str:
    if text.lstrip().startswith("snnc-ir"):
        return ""
    return "a text of the IR begins with the line: snnc-ir 1"
