"""How values are written: a number with all its digits, any value in a message of one line."""

import difflib
from collections.abc import Iterable
from typing import TypeGuard

DIGITS = 12  # significant ones of a real value, so that 0.3 and 0.1 · 3 are one value and print as one


def number_text(number: float) -> str:
    """A real value with all its significant digits: two specs' values that differ are two texts."""
    return f"{number:.{DIGITS}g}"


def shown(value: object) -> str:
    """A value as a message shows it: as Python writes it, in one line, without the middle of what is long."""
    text = (
        f"a number of {int(value.bit_length() * 0.30103) + 1:,} digits"
        if _is_huge(value)
        else " ".join(repr(value).split())
    )
    return text if len(text) <= 60 else f"{text[:25]}...{text[-5:]} ({len(text):,} characters)"


def nearest(value: object, choices: Iterable[str]) -> str:
    """What a message adds for a mistyped value: the choice that it comes close to, in brackets, or nothing."""
    found = difflib.get_close_matches(str(value)[:100], list(choices), n=1, cutoff=0.7)
    return f" (nearest: {found[0]})" if found else ""


def _is_huge(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and value.bit_length() > 1_000  # Python refuses to write thousands of digits
