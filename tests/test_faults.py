"""Faults: a worker or the driver is killed in mid-sweep, and the rows are those of an undisturbed sweep."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rethink.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training import Training
from tests.undisturbed import recorded_rows, undisturbed_rows

# Four trials of some seconds on two slots; checkpoints every 0.3 s.
SWEEP = [
    "label_corruption", "--smoke", "--model", "mlp_1x512", "--train-samples", "800", "--label-corruption", "0", "1",
    "--seed", "0", "1", "--checkpoint-seconds", "0.3", "--report-seconds", "0.5", "--name", "run",
]  # fmt: skip


def start_sweep(options: list[str], storage: Path, cache_dir: Path) -> "subprocess.Popen[str]":
    places = ["--storage", str(storage), "--cache-dir", str(cache_dir)]
    command = [sys.executable, "-m", "rethink", "run", *options, *places]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for(holds: Callable[[], Any], seconds: float = 90) -> Any:
    """What `holds` returns, as soon as that is true."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found


def specs_of(run: RunDirectory) -> list[TrialSpec]:
    return list(run.read_run().specs)


def running(run: RunDirectory) -> list[tuple[TrialSpec, int]]:
    """(spec, worker's process) of the trials under way that have a checkpoint and rows beyond it to lose."""
    if not run.run_file.exists():
        return []
    ended = run.read_outcomes()[0]
    return [
        (spec, attempts[-1].header.pid)
        for spec in specs_of(run)
        if spec.spec_id not in ended
        and run.checkpoint(spec.spec_id).exists()
        and (attempts := run.read_attempts(spec.spec_id))
        and len(attempts[-1].rows) > 5
    ]


def assert_undisturbed(run: RunDirectory, make_training: Callable[..., Training]) -> None:
    for spec in specs_of(run):
        assert recorded_rows(run, spec) == undisturbed_rows(make_training, spec)


@pytest.mark.timeout(240)
def test_a_worker_killed_in_mid_sweep_changes_no_row(
    tmp_path: Path, cache_dir: Path, prepared: Any, make_training: Callable[..., Training]
) -> None:
    run = RunDirectory(tmp_path / "run")
    process = start_sweep(SWEEP, tmp_path, cache_dir)
    wait_for(lambda: bool(running(run)))
    victim, pid = running(run)[0]
    os.kill(pid, signal.SIGKILL)
    output = process.communicate(timeout=180)[0]
    assert process.returncode == 0, output
    attempts = run.read_attempts(victim.spec_id)
    assert len(attempts) == 2
    assert attempts[1].header.resumed_from_steps > 0, "it started anew instead of resuming"
    assert_undisturbed(run, make_training)


@pytest.mark.timeout(240)
def test_a_sweep_whose_driver_was_killed_resumes_without_repeating_finished_trials(
    tmp_path: Path, cache_dir: Path, prepared: Any, make_training: Callable[..., Training]
) -> None:
    run = RunDirectory(tmp_path / "run")
    process = start_sweep(SWEEP, tmp_path, cache_dir)
    wait_for(lambda: run.outcomes_file.exists() and bool(running(run)))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finished = set(run.read_outcomes()[0])
    assert 0 < len(finished) < 4
    resumed = subprocess.run(
        [sys.executable, "-m", "rethink", "resume", str(run.root)], capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    for spec in specs_of(run):
        attempts = run.read_attempts(spec.spec_id)
        assert (spec.spec_id not in finished) or len(attempts) == 1
    assert_undisturbed(run, make_training)
