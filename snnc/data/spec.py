"""How data is named on the command line: `PATH[:SPLIT][[A:B]]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from snnc.diagnostics import Diagnostic, UsageError

_FORM = "PATH[:SPLIT][[A:B]], for example mnist.npz:train[:500]"
_BRACKETS = re.compile(r"\[(?P<inside>[^\[\]]*)\]$")
_RANGE = re.compile(r"\s*(?P<start>-?\d+)?\s*:\s*(?P<stop>-?\d+)?\s*")


@dataclass(frozen=True, slots=True)
class DataSpec:
    """A data set by its path, its split (`x_SPLIT` of an .npz, or "") and a range of samples.

    `start` and `stop` are Python's: None is the beginning or the end, negative counts from there.
    """

    path: str
    split: str = ""
    start: int | None = None
    stop: int | None = None

    @classmethod
    def parse(cls, text: str) -> DataSpec:
        """The specification a text stands for.

        A path that exists is taken as it stands, so brackets and colons in file names are no
        obstacle; otherwise the last colon behind the last separator begins the split.

        Raises:
            UsageError: SN800, the text is not of the form `PATH[:SPLIT][[A:B]]`.
        """
        rest, start, stop = text, None, None
        brackets = _BRACKETS.search(text)
        if brackets and not _exists(text):
            found = _RANGE.fullmatch(brackets["inside"])
            if not found:
                raise _malformed(text, f"[{brackets['inside']}] is not a range [A:B]")
            start, stop = (int(n) if n else None for n in found.group("start", "stop"))
            rest = text[: brackets.start()]
        path, split = _split_off(rest, text)
        if not path:
            raise _malformed(text, "the path is missing")
        return cls(path, split, start, stop)

    def __str__(self) -> str:
        split = f":{self.split}" if self.split else ""
        if self.start is None and self.stop is None:
            return f"{self.path}{split}"
        start, stop = ("" if n is None else str(n) for n in (self.start, self.stop))
        return f"{self.path}{split}[{start}:{stop}]"


def _split_off(rest: str, text: str) -> tuple[str, str]:
    if _exists(rest):
        return rest, ""
    path, colon, split = rest.rpartition(":")
    if not colon or "/" in split or "\\" in split:  # a folder's colon, or a drive's (C:\x.npz)
        return rest, ""
    if not split:
        raise _malformed(text, "there is no split behind the colon")
    return path, split


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, or a null character: no file of that name
        return False


def _malformed(text: str, reason: str) -> UsageError:
    message = f'"{text}" does not name data: {reason}'
    return UsageError(Diagnostic("SN800", message, help=f"the form is {_FORM}"))
