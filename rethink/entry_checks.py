"""Names and fields of what users register or write down: models, data sets, sweeps."""

import numbers
import re
from typing import Any

from rethink.errors import SpecError
from rethink.spec import shown

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")  # also fit for a folder's name and an option


def check_name(what: str, name: Any) -> None:
    """Raise SpecError unless it is a valid name of a `what` ("model")."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecError(f"{what} name {shown(name)} is not allowed: up to 64 letters, digits and _ . -")


def check_field(owner: str, field: str, value: Any, holds: bool, allowed: str) -> None:
    """Raise SpecError unless the value holds; `owner` says whose field it is ("model 'tiny'")."""
    if not holds:
        raise SpecError(f"{owner}: {field} = {shown(value)} is not allowed: {allowed}")


def is_whole(value: Any, least: int) -> bool:
    """Whether it is a whole number of at least `least`, and not a bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= least


def is_number(value: Any) -> bool:
    """Whether it is a real number, and not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
