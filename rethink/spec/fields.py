"""How a field of a dataclass is declared: type, default, help text, what it may be. Who needs to know asks here.

Checks, the options of the command line, the columns of the frames and TensorBoard all read the same declaration.
"""

import dataclasses
import math
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Self, get_args, get_type_hints

from rethink.errors import SpecError
from rethink.spec.folder import local_folder
from rethink.spec.text import nearest, number_text, shown


@dataclass(frozen=True)
class Limits:
    """The numbers from `least` to `most`; infinity and nan are none of them.

    Args:
        least: The smallest number.
        most: The largest number; infinity: there is none.
        above: `least` itself is left out.
        below: `most` itself is left out.
        note: What a message adds: a unit, a reason.
    """

    least: float
    most: float = math.inf
    above: bool = False
    below: bool = False
    note: str = ""

    def __contains__(self, value: float) -> bool:
        over = value > self.least if self.above else value >= self.least
        under = value < self.most if self.below else value <= self.most
        return over and under and value < math.inf

    def __str__(self) -> str:
        if self.most == math.inf:
            return f"above {self.least}" if self.above else f"{self.least} or more"
        if self.above or self.below or self.most == 1:  # up to 1: shares and probabilities, as papers write them
            ends = ("(" if self.above else "[", ")" if self.below else "]")
            return f"in {ends[0]}{self.least}, {self.most}{ends[1]}{self.note}"
        return f"from {self.least} to {self.most}{self.note}"


Allowed = Limits | tuple[str, ...]  # a range, or choices
REQUIRED: Any = dataclasses.MISSING  # the default of a field that has none


def field(default: Any, doc: str, allowed: Allowed | None = None) -> Any:
    """A field of a dataclass: a name, a type, and this.

    Args:
        default: Its value where none is given; REQUIRED: one has to be.
        doc: Its help text, with its unit.
        allowed: The values that it may have; none: all of its type.
    """
    return dataclasses.field(default=default, metadata={"doc": doc, "allowed": allowed})


@dataclass(frozen=True)
class Field:
    """What is declared of a field."""

    name: str
    kind: type  # bool, int, float, str or Path
    optional: bool  # whether None is a value
    default: Any  # REQUIRED: there is none
    doc: str
    unit: str
    allowed: Allowed | None

    def typed(self, value: Any) -> Any:
        """The value with exactly the declared type and digits, so that 1 and 1.0 are one.

        Raises:
            SpecError: It is of another type.
        """
        if value is None and self.optional:
            return None
        if self.kind is Path:
            return self._folder(value)
        if self.kind is int and type(value) is int:
            return value
        if value is None or self.kind in (bool, str):
            self._require(type(value) is self.kind, value, f"a value of type {self.kind.__name__}")
            return value
        try:
            number = float(value)
            exact = not isinstance(value, bool | str) and (self.kind is float or number == int(value))
        except (TypeError, ValueError, OverflowError):
            exact = False
        finite = f"a finite value of type {self.kind.__name__}"
        self._require(exact, value, finite)
        self._require(math.isfinite(number), value, str(self.allowed) if isinstance(self.allowed, Limits) else finite)
        return float(number_text(number)) + 0.0 if self.kind is float else int(value)  # + 0.0 turns -0.0 into 0.0

    def _folder(self, value: object) -> Path:
        try:
            return local_folder(value)
        except SpecError as error:
            raise SpecError(f"{self.name} = {error}") from None

    def check(self, value: Any) -> None:
        """Raise SpecError for a value, of the declared type, that is out of range or no choice."""
        if value is None or self.allowed is None:
            return
        choices = str(self.allowed) if isinstance(self.allowed, Limits) else " or ".join(self.allowed)
        close = nearest(value, self.allowed) if isinstance(self.allowed, tuple) else ""
        self._require(value in self.allowed, value, choices + (", or none" if self.optional else "") + close)

    def _require(self, holds: bool, value: Any, allowed: str) -> None:
        require(holds, self.name, value, allowed)


def require(holds: bool, name: str, value: object, allowed: str) -> None:
    """Raise SpecError, naming the field, its value and what is allowed, unless it holds."""
    if not holds:
        raise SpecError(f"{name} = {shown(value)} is not allowed: {allowed}")


@cache
def fields_of(record: type) -> Mapping[str, Field]:
    """The fields of a dataclass by name, in order. Each has its help text, `doc`, in its metadata, as `field` does."""
    hints = get_type_hints(record)
    return {f.name: _declaration(f, hints[f.name]) for f in dataclasses.fields(record)}


def _declaration(f: "dataclasses.Field[Any]", hint: Any) -> Field:
    (kind,) = (part for part in get_args(hint) or (hint,) if part is not NoneType)
    declared = f.metadata
    return Field(
        f.name,
        kind,
        NoneType in get_args(hint),
        f.default,
        declared["doc"],
        declared.get("unit", ""),
        declared.get("allowed"),
    )


def fix_types(record: Hashable) -> None:
    """Give every field of a frozen dataclass exactly its declared type and digits. Raises what `Field.typed` raises."""
    for name, declared in fields_of(type(record)).items():
        object.__setattr__(record, name, declared.typed(getattr(record, name)))


def check_allowed(record: Hashable) -> None:
    """Raise SpecError for the first field whose value is out of range or no choice."""
    for name, declared in fields_of(type(record)).items():
        declared.check(getattr(record, name))


def check_names(record: type, names: Iterable[str]) -> None:
    """Raise SpecError for a name that is no field of a dataclass, or a field without default that is not named."""
    fields = fields_of(record)
    for name in (given := tuple(names)):
        if name not in fields:
            raise SpecError(f"unknown field {name!r}; choose from {', '.join(fields)}{nearest(name, fields)}")
    for name, declared in fields.items():
        if declared.default is REQUIRED and name not in given:
            raise SpecError(f"{name} is missing")


class Fields:
    """A dataclass of declared fields, as plain values and back."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, field by field."""
        own: type = type(self)
        return {name: getattr(self, name) for name in fields_of(own)}

    def fields_except(self, left_out: Collection[str]) -> tuple[tuple[str, Any], ...]:
        """(field, value) of all fields but these: equal for the trials of one cell."""
        return tuple((name, value) for name, value in self.to_dict().items() if name not in left_out)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of to_dict. Raises SpecError for a field that is unknown or missing."""
        check_names(cls, values)
        return cls(**values)
