"""Own code: any exception in it becomes one line that names the code, the exception and the place."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rethink.errors import SpecError
from rethink.own_code import line_of, own_code

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize(
    ("line", "ended"),
    [
        (
            "models.register(models.ModelEntry('a/b', print, learning_rate=0.1))",
            (2, r"rethink: model name 'a/b' is not allowed: .* \(mine.py, line 3\)\n"),
        ),
        (
            "sweep.SuccessiveHalving(grace_epochs=0)",
            (2, r"rethink: grace_epochs = 0 is not allowed: .* \(mine.py, line 3\)\n"),
        ),
        ("print(1 / 0)", (1, r'Traceback .*\n  File .*mine.py", line 3, in <module>\n(.*\n)*ZeroDivisionError: .*\n')),
    ],
)
def test_a_users_file_that_is_refused_ends_in_one_line(line: str, ended: tuple[int, str], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"\nfrom rethink import models, sweep\n{line}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "mine.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    status, said = ended
    assert done.returncode == status
    assert done.stdout == ""
    assert re.fullmatch(said, done.stderr)
