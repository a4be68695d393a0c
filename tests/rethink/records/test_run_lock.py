"""The lock of a run: one process drives it; the kernel frees it however that process ends."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rethink.errors import RunError
from rethink.records.run_lock import driving, is_driven

HOLD = """
import sys, pathlib
from rethink.records.run_lock import driving
with driving(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process, which holds the run in this folder until it ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".lock")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def hold(lock: Path) -> None:
    with driving(lock):
        pass


def test_a_run_that_another_process_drives_is_refused_until_that_is_killed(
    tmp_path: Path, other: "subprocess.Popen[str]"
) -> None:
    lock = tmp_path / ".lock"
    assert is_driven(lock)
    with pytest.raises(RunError, match=r"is being run by another process; `rethink watch` shows it"):
        hold(lock)
    other.kill()
    other.wait()
    assert not is_driven(lock)
    with driving(lock):
        assert is_driven(lock)
    assert not is_driven(lock)


def test_a_run_that_nobody_drove_is_not_driven_and_a_look_makes_no_file(tmp_path: Path) -> None:
    assert not is_driven(tmp_path / ".lock")
    assert list(tmp_path.iterdir()) == []


def test_where_no_file_can_be_made_nothing_is_held_and_nothing_fails() -> None:
    hold(Path("/proc/nowhere/.lock"))
    assert not is_driven(Path("/proc/nowhere/.lock"))
