"""Faults: workers and drivers are killed, writes fail, models raise: rows and decisions are an undisturbed sweep's."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rethink.cli.command_line import main
from rethink.records.record import stop_reason
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.successive_halving import Rungs
from rethink.training.loop import Training
from tests.patience import PATIENCE, wait_for
from tests.undisturbed import recorded_rows, undisturbed_rows

# Two trials a seed, of some seconds each; checkpoints every 0.3 s.
SWEEP = [
    "label_corruption", "--smoke", "--train-samples", "800", "--test-every", "10", "--label-corruption", "0", "1",
    "--checkpoint-seconds", "0.3", "--report-seconds", "0.5",
]  # fmt: skip
SEEDS = ["--seed", "0", "1"]


def start_sweep(options: list[str], storage: Path, cache_dir: Path) -> "subprocess.Popen[str]":
    places = ["--storage", str(storage), "--cache-dir", str(cache_dir)]
    command = [sys.executable, "-m", "rethink", "run", *options, *places]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


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


def test_a_worker_killed_in_mid_sweep_changes_no_row(
    tmp_path: Path, cache_dir: Path, prepared: Any, make_training: Callable[..., Training]
) -> None:
    run = RunDirectory(tmp_path / "run")
    process = start_sweep([*SWEEP, *SEEDS, "--name", "run"], tmp_path, cache_dir)
    victim, pid = wait_for(lambda: running(run))[0]
    os.kill(pid, signal.SIGKILL)
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, output
    attempts = run.read_attempts(victim.spec_id)
    assert len(attempts) == 2
    assert attempts[1].header.resumed_from_steps > 0, "it started anew instead of resuming"
    assert_undisturbed(run, make_training)


def test_a_sweep_whose_driver_was_killed_resumes_without_repeating_finished_trials(
    tmp_path: Path, cache_dir: Path, prepared: Any, make_training: Callable[..., Training]
) -> None:
    run = RunDirectory(tmp_path / "run")
    process = start_sweep([*SWEEP, *SEEDS, "--name", "run"], tmp_path, cache_dir)
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


FAULTY = """
import ctypes, os, pathlib, sys
from torch import nn
from rethink import models
from rethink.cli.run_commands import run_sweep
from rethink.sweep.sweep import Sweep

FOLDER, DRIVER = pathlib.Path(__file__).parent, os.getpid()  # it tries models before the start, in a child

class Faulty(nn.Module):
    def __init__(self, spec, input_shape, classes):
        super().__init__()
        self.seed, self.body = spec.seed, nn.Sequential(nn.Flatten(), nn.Linear(28 * 28 * 3, classes))

    def forward(self, x):
        if self.training and DRIVER not in (os.getpid(), os.getppid()):
            fault(self.seed)
        return self.body(x)

def fault(seed):
    tries = FOLDER / f"tries-{seed}"
    tries.touch()
    is_first = tries.read_text() in ("", f"{os.getpid()} ")
    if f"{os.getpid()} " not in tries.read_text():
        tries.write_text(tries.read_text() + f"{os.getpid()} ")
    if seed == 1:
        raise ValueError("boom\\nand more")
    if seed == 2:
        sys.exit(0)
    if seed == 3:
        ctypes.string_at(0)
    if seed == 4 and is_first:
        raise OSError(5, "Input/output error", "/far/away")

models.register(models.ModelEntry("faulty", Faulty, learning_rate=0.01))
block = {"model": "faulty", "train_samples": 64, "max_epochs": 2, "label_corruption": [0.0], "seed": [0, 1, 2, 3, 4]}
if __name__ == "__main__":
    raise SystemExit(run_sweep(Sweep(name="faulty", about="", variants={"default": [block]})))
"""
REASONS = {1: "ValueError: boom", 2: "SystemExit: 0", 3: "its process died"}
TRIES = {0: 1, 1: 1, 2: 1, 3: 2, 4: 2}  # what a restart cannot cure is not tried again


def run_faulty(folder: Path, cache_dir: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    (folder / "faulty.py").write_text(FAULTY)
    places = ["--storage", str(folder), "--cache-dir", str(cache_dir), "--name", "run"]
    command = [sys.executable, str(folder / "faulty.py"), *places, *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_first_failed_trial_ends_a_sweep_that_shall_fail_fast(
    tmp_path: Path, cache_dir: Path, prepared: Any
) -> None:
    one_by_one = ["--cpus-per-trial", str(os.cpu_count())]
    finished = run_faulty(tmp_path, cache_dir, "--fail-fast", "--seed", "1", "0", *one_by_one)
    assert finished.returncode == 1, finished.stderr
    assert finished.stderr == ""
    run = RunDirectory(tmp_path / "run")
    failed, waiting = specs_of(run)
    outcomes = run.read_outcomes()[0]
    assert (list(outcomes), outcomes[failed.spec_id].stop_reason) == ([failed.spec_id], "error")
    assert not run.read_attempts(waiting.spec_id)
    lines = finished.stdout.splitlines()
    assert "the first failed trial ends the sweep (--fail-fast)" in lines
    assert f"go on with   rethink resume {run.root}" in lines
    assert "WARNING the first failed trial ends the sweep (--fail-fast)" in run.log.read_text()


def test_each_failed_trial_is_one_line_and_the_others_go_on(tmp_path: Path, cache_dir: Path, prepared: Any) -> None:
    finished = run_faulty(tmp_path, cache_dir, "--max-failures", "1")
    assert finished.returncode == 1, finished.stderr
    assert finished.stderr == ""
    assert "Traceback" not in finished.stdout
    assert "raylet" not in finished.stdout
    assert "completed" not in finished.stdout, "a line of Tune's own"
    run = RunDirectory(tmp_path / "run")
    outcomes = run.read_outcomes()[0]
    for spec in specs_of(run):
        assert len((tmp_path / f"tries-{spec.seed}").read_text().split()) == TRIES[spec.seed], spec.seed
        lines = [line for line in finished.stdout.splitlines() if f"seed={spec.seed}: " in line]
        assert len(lines) == 1
        if spec.seed not in REASONS:
            assert (outcomes[spec.spec_id].stop_reason, outcomes[spec.spec_id].epoch) == ("max_epochs", 2)
            continue
        assert outcomes[spec.spec_id].stop_reason == "error"
        tries = f"{TRIES[spec.seed]} {'try' if TRIES[spec.seed] == 1 else 'tries'}"
        assert f"failed after 0 epochs, {tries}: {REASONS[spec.seed]}" in lines[0]
        assert str(run.error_file(spec.spec_id)) in lines[0]
        stack = run.error_file(spec.spec_id).read_text()
        assert spec.seed == 3 or "in fault" in stack, stack
    events = run.log.read_text()
    for spec in specs_of(run):
        assert events.count(f"{spec.name} is tried again: ") == TRIES[spec.seed] - 1
        failures = [line for line in events.splitlines() if f"{spec.name} failed, tries: {TRIES[spec.seed]}: " in line]
        assert len(failures) == (spec.seed in REASONS)
        assert all(" ERROR " in line and REASONS[spec.seed] in line for line in failures)
    log = run.ray_log.read_text()
    assert "Trial task failed" in log
    assert "(raylet)" in log


def fail_once(monkeypatch: pytest.MonkeyPatch, method: str, wanted: Callable[..., bool], *, written: bool) -> None:
    """Let the first such record of a run directory fail, or be the last that the driver does in its life."""
    record, failed = getattr(RunDirectory, method), []

    def failing(run: RunDirectory, *values: Any) -> None:
        if not wanted(*values) or failed:
            record(run, *values)
            return
        failed.append(values)
        if written:
            record(run, *values)
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(run.root / method))

    monkeypatch.setattr(RunDirectory, method, failing)


def assert_decided_as_if_undisturbed(run: RunDirectory) -> None:
    """Every decision was taken once, from those before it, and acted upon."""
    specs = {spec.spec_id: spec for spec in specs_of(run)}
    decisions, outcomes = run.read_decisions(), run.read_outcomes()[0]
    assert len({(decision.spec_id, decision.epoch) for decision in decisions}) == len(decisions)
    rungs = Rungs(run.read_run().halving, lambda _: None)
    for decision in decisions:
        (row,) = [row for row in recorded_rows(run, specs[decision.spec_id]) if row["epoch"] == decision.epoch]
        assert row["train_accuracy"] == decision.train_accuracy
        assert rungs.passes(specs[decision.spec_id], row) == decision.passes
    given_up = {decision.spec_id: decision.epoch for decision in decisions if not decision.passes}
    ended = {spec_id: o.epoch for spec_id, o in outcomes.items() if o.stop_reason == "scheduler"}
    assert ended == given_up
    for spec in specs.values():
        rows = recorded_rows(run, spec)
        assert [row["row"] for row in rows] == list(range(1, len(rows) + 1))
        assert stop_reason(spec, rows[-1]) or rows[-1]["epoch"] == given_up[spec.spec_id]


def test_decisions_of_a_search_survive_writes_that_fail_and_a_driver_that_dies_between_two_of_them(
    local_ray: None,
    tmp_path: Path,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = RunDirectory(tmp_path / "run")
    places = ["--storage", str(tmp_path), "--cache-dir", str(cache_dir), "--name", "run"]
    with monkeypatch.context() as patch:
        fail_once(patch, "record_decision", lambda decision: not decision.passes, written=False)
        assert main(["run", "learning_rate", "--smoke", *places]) == 2
    assert capsys.readouterr().err.strip().endswith(f"Input/output error: '{run.root / 'record_decision'}'")
    assert all(decision.passes for decision in run.read_decisions())
    with monkeypatch.context() as patch:
        fail_once(patch, "record_decision", lambda decision: not decision.passes, written=True)
        assert main(["resume", str(run.root)]) == 2
    (given_up,) = [decision for decision in run.read_decisions() if not decision.passes]
    assert given_up.spec_id not in run.read_outcomes()[0]
    for path in run.rows.glob(f"{given_up.spec_id}-*"):  # its rows are lost too: trained again, it is given up again
        path.unlink()
    assert main(["resume", str(run.root)]) == 0
    assert_decided_as_if_undisturbed(run)
