"""A signal ends a sweep: one line, no process is left, and resume continues as if undisturbed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rethink.interruption import SIGNALS, Interruption, going_on_with, handlers_kept, interruptible
from rethink.records.run_directory import RunDirectory
from rethink.training.loop import Training
from tests.patience import PATIENCE, wait_for
from tests.rethink.runs.test_faults import SEEDS, SWEEP, assert_undisturbed, running

MARK = "ENDED_BY_A_SIGNAL"


def as_in_a_terminal() -> None:
    """Restore signals that the tests themselves may ignore, under `nohup` or in the background."""
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def start(*arguments: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "rethink", *arguments],
        env={**os.environ, MARK: str(folder)}, cwd=folder, start_new_session=True, preexec_fn=as_in_a_terminal,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[None]:
    """End what a failing test leaves of its sweeps."""
    yield
    for process in marked(tmp_path):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def marked(folder: Path) -> list[psutil.Process]:
    """The live processes of the sweeps that were started in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_sigterm_and_sighup_end_a_sweep_which_resume_goes_on_with(
    tmp_path: Path, cache_dir: Path, prepared: Any, make_training: Callable[..., Training], ended: None
) -> None:
    """SIGTERM twice, as an impatient user does; SIGHUP to all processes, as a terminal does that closes."""
    run = RunDirectory(tmp_path / "a b/run")
    places = ["--storage", str(tmp_path / "a b"), "--cache-dir", str(cache_dir), *SEEDS, "--name", "run"]
    sweep = start("run", *SWEEP, *places, folder=tmp_path)
    wait_for(lambda: bool(running(run)))
    sweep.terminate()
    sweep.terminate()
    _, error = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 143, error
    on = f"go on with `rethink resume '{run.root}'`"
    assert error == f"rethink run label_corruption: ended by SIGTERM; {on}\n"
    wait_for(lambda: not marked(tmp_path))
    resumed = start("resume", str(run.root), folder=tmp_path)
    wait_for(lambda: any(run.rows.glob("*-0002.jsonl")))
    os.killpg(resumed.pid, signal.SIGHUP)
    _, error = resumed.communicate(timeout=PATIENCE)
    assert resumed.returncode == 129, error
    assert error == f"rethink resume: ended by SIGHUP; {on}\n"
    wait_for(lambda: not marked(tmp_path))
    assert start("resume", str(run.root), folder=tmp_path).wait(timeout=PATIENCE) == 0
    assert_undisturbed(run, make_training)


@pytest.fixture
def own_handlers() -> Iterator[None]:
    """The test's handlers are put back, signal or not."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    as_in_a_terminal()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_ends_it_and_the_next_do_not_disturb_what_clears_up(number: int, own_handlers: None) -> None:
    cleared, told = [], []

    def signalled() -> None:
        interruption = Interruption()
        try:
            with interruptible() as interruption, going_on_with("this"):
                try:
                    with handlers_kept():
                        signal.signal(number, signal.SIG_DFL)  # as a library does
                    signal.raise_signal(number)
                finally:
                    for other in SIGNALS:
                        signal.raise_signal(other)
                    cleared.append(number)
        except KeyboardInterrupt as stop:
            told.append((interruption.message(stop), interruption.status))

    signalled()
    assert cleared == [number]
    name = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    assert told == [(f"{name}; go on with `this`", 128 + number)]


def test_what_nohup_ignores_stays_ignored(own_handlers: None) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible():
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_handlers_are_put_back_when_nothing_happened(own_handlers: None) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with interruptible():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
