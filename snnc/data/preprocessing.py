"""What is done to samples before the network sees them, as the user stated it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from snnc.diagnostics import Diagnostic, UsageError

Layout: TypeAlias = Literal["NCHW", "NHWC"]
_FIELDS = ("divide", "mean", "std", "layout")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """`(x / divide - mean) / std`, computed in float32.

    Attributes:
        divide: what raw values are divided by (255 for 8-bit images of range 0 to 1).
        mean: one number, or one per channel, or () for none.
        std: as `mean`.
        layout: where the channels of the data stand; None where it need not be known.
    """

    divide: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: Layout | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.divide) or self.divide == 0:
            raise _wrong(f"--divide is {self.divide}", "give a finite number that is not zero")
        if not all(math.isfinite(value) for value in self.mean):
            raise _wrong(f"--mean is {self.mean}", "give finite numbers")
        if not all(math.isfinite(value) and value != 0 for value in self.std):
            raise _wrong(f"--std is {self.std}", "give finite numbers that are not zero")
        if self.layout not in (None, "NCHW", "NHWC"):
            raise _wrong(f"--layout is {self.layout}", "it is NCHW or NHWC")

    @property
    def changes_values(self) -> bool:
        """Whether values are changed at all."""
        return self.divide != 1.0 or bool(self.mean) or bool(self.std)

    def as_dict(self) -> dict[str, Any]:
        """The same as a JSON object, for the manifest."""
        return {
            "divide": self.divide,
            "mean": list(self.mean),
            "std": list(self.std),
            "layout": self.layout,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The preprocessing a JSON object of `as_dict` stands for.

        Raises:
            UsageError: SN811, a key is unknown or a value of the wrong kind.
        """
        unknown = sorted(set(values) - set(_FIELDS))
        if unknown:
            raise _wrong(f"{unknown[0]!r} is no preprocessing setting", ", ".join(_FIELDS))
        return cls(
            divide=_number("divide", values.get("divide", 1.0)),
            mean=_numbers("mean", values.get("mean", [])),
            std=_numbers("std", values.get("std", [])),
            layout=values.get("layout"),
        )


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(f"{name} is {value!r}", "give a number")
    return float(value)


def _numbers(name: str, values: object) -> tuple[float, ...]:
    if not isinstance(values, (list, tuple)):
        raise _wrong(f"{name} is {values!r}", "give a list of numbers")
    return tuple(_number(name, value) for value in values)


def _wrong(found: str, cure: str) -> UsageError:
    return UsageError(Diagnostic("SN811", f"preprocessing cannot be used: {found}", help=cure))
