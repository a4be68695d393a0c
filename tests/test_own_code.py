"""Own code: whatever it raises becomes one line that says whose it was, what it was and where."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from rethink.own_code import line_of, own_code
from rethink.spec import SpecError


def raising(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (lambda: raising(KeyError("boom")), "KeyError: 'boom'"),
        (lambda: raising(ValueError("two\nlines")), "ValueError: two lines"),
        (lambda: sys.exit(0), "SystemExit: 0"),
        (lambda: raising(MemoryError()), "MemoryError"),
        (lambda: json.loads("{"), "json.decoder.JSONDecodeError: Expecting property name .*"),  # raised in the library
        (lambda: raising(ValueError("x" * 1000)), "ValueError: x{200,300} \\.\\.\\."),
    ],
)
def test_what_is_raised_is_said_in_one_line_with_the_place(code: Callable[[], Any], said: str) -> None:
    told = rf"\Amodel 'own': build raised {said} \(test_own_code\.py, line \d+\)\Z"
    with pytest.raises(SpecError, match=told), own_code("model 'own': build"):
        code()


@pytest.mark.parametrize("error", [SpecError("depth = 3 is not allowed: 6n + 4"), KeyboardInterrupt()])
def test_what_says_enough_itself_passes_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as passed, own_code("model 'own': build"):
        raise error
    assert passed.value is error


def test_without_a_line_of_the_users_none_is_told() -> None:
    assert line_of(ValueError()) == ""
