"""Each private part of Ray that is patched or used still needs it, and is still there: a release that differs is told.

A test that fails names what has changed, and its docstring the patch. That a Ray of one's own listens on loopback alone
is in test_locked.py; that one can be asked for its nodes, in test_own_ray.py.
"""

import inspect
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ray._private import ray_constants, worker
from ray.tune.experimental.output import get_air_verbosity
from ray.tune.logger import JsonLoggerCallback
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.schedulers import FIFOScheduler
from ray.tune.utils.callback import _create_default_callbacks
from ray.tune.utils.log import set_verbosity

from rethink.ray_backend import cluster
from rethink.ray_backend.ray_logging import logged_to
from rethink.ray_backend.reporter import Silence
from rethink.ray_backend.schedulers import StopAtInterpolation
from rethink.records.run_directory import RunDirectory
from tests.rethink.ray_backend import unpatched_ray


@pytest.fixture(scope="module")
def answers() -> dict[str, bool | str]:
    """What Ray does where nothing of it is patched."""
    folder = Path(cluster.short_folder())
    for name in ("home", "here"):
        (folder / name).mkdir()
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
    # By path, as `-m` would put the working directory into the program's own path.
    program = [sys.executable, unpatched_ray.__file__, folder]
    finished = subprocess.run(
        program, capture_output=True, text=True, check=False, cwd=folder / "here",
        env={**outside, "HOME": str(folder / "home")},
    )  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    assert finished.returncode == 0, finished.stderr
    answers: dict[str, bool | str] = json.loads(finished.stdout.splitlines()[-1])
    return answers


def named(check: Callable[[], bool]) -> str:
    return check.__name__


@pytest.mark.parametrize("check", unpatched_ray.FAULTS, ids=named)
def test_ray_still_does_what_a_patch_prevents(answers: dict[str, bool | str], check: Callable[[], bool]) -> None:
    answer = answers[check.__name__]
    assert answer is True, answer or f"Ray does this no more, and the patch may go: {check.__doc__}"


@pytest.mark.parametrize("check", unpatched_ray.FITS, ids=named)
def test_the_private_names_are_still_there(answers: dict[str, bool | str], check: Callable[[], bool]) -> None:
    answer = answers[check.__name__]
    assert answer is True, answer or f"Ray has changed, and what uses this no longer fits: {check.__doc__}"


class Daemons:
    """A Ray worker's door to the daemons, one of which tells of an error, once."""

    def __init__(self, stop: threading.Event) -> None:
        self.gcs_error_subscriber = self
        self.current_job_id = SimpleNamespace(binary=lambda: b"job")
        self._stop = stop

    def subscribe(self) -> None: ...

    def poll(self) -> tuple[None, dict[str, Any]]:
        self._stop.set()
        return None, {"job_id": None, "error_message": "the raylet ran out of something"}


def listen() -> None:
    stop = threading.Event()
    worker.listen_error_messages(Daemons(stop), stop)


def test_ray_prints_what_its_daemons_tell_unless_its_printer_is_replaced(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """logged_to replaces worker.print_to_stdstream."""
    listen()
    assert "the raylet ran out of something" in capfd.readouterr().out, "the patch may go"
    with logged_to(tmp_path / "ray.log"):
        listen()
    assert capfd.readouterr() == ("", "")
    assert "the raylet ran out of something" in (tmp_path / "ray.log").read_text()
    assert [*inspect.signature(worker.print_to_stdstream).parameters] == ["data", "ignore_prefix"]


def test_ray_logs_errors_that_nobody_asked_for_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """`connect` sets RAY_IGNORE_UNHANDLED_ERRORS."""
    logged: list[Exception] = []
    monkeypatch.setattr(worker, "_unhandled_error_handler", logged.append)
    unasked, error = SimpleNamespace(deserialize_objects=lambda *_: [error]), ValueError("x")
    monkeypatch.setenv("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    worker.Worker.raise_errors(unasked, [], [])
    assert logged == []
    monkeypatch.delenv("RAY_IGNORE_UNHANDLED_ERRORS")
    worker.Worker.raise_errors(unasked, [], [])
    assert logged == [error], "the variable may go"


def test_tune_buffers_results_unless_the_scheduler_says_no(tmp_path: Path) -> None:
    """StopAtInterpolation sets _supports_buffered_results: a trial would go on after its end."""
    assert FIFOScheduler().supports_buffered_results, "the attribute may go"
    assert not StopAtInterpolation(RunDirectory(tmp_path)).supports_buffered_results


class Unreported:
    """What a callback sees of a trial that is given up before its first report."""

    last_result: ClassVar[dict[str, Any]] = {}


def test_tune_tells_of_some_ends_at_no_verbosity(capsys: pytest.CaptureFixture[str]) -> None:
    """Silence replaces TrialProgressCallback._print."""
    set_verbosity(0)
    TrialProgressCallback().on_trial_complete(1, [], Unreported())
    assert "completed" in capsys.readouterr().out, "the class may go"
    Silence().on_trial_complete(1, [], Unreported())
    assert capsys.readouterr().out == ""


def test_tune_adds_a_display_and_loggers_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """`connect` sets RAY_AIR_NEW_OUTPUT and TUNE_DISABLE_AUTO_CALLBACK_LOGGERS."""

    def added() -> set[str]:
        callbacks = _create_default_callbacks([JsonLoggerCallback(), Silence()])
        return {type(callback).__name__ for callback in callbacks} - {"JsonLoggerCallback", "Silence"}

    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    assert get_air_verbosity(0) is None
    assert added() == set()
    monkeypatch.delenv("RAY_AIR_NEW_OUTPUT")
    monkeypatch.delenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS")
    assert get_air_verbosity(0) is not None, "the variable may go"
    assert "CSVLoggerCallback" in added(), "the variable may go"


def test_the_variable_of_an_address_has_its_name() -> None:
    """`connect` reads ray_constants; README and docs name the variable."""
    assert ray_constants.RAY_ADDRESS_ENVIRONMENT_VARIABLE == "RAY_ADDRESS"
