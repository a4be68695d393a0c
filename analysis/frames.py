"""Run directories in, two tidy frames out: one row per trial, and one row per trial and epoch."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.columns import JOINED, RECORD, TRIALS
from analysis.history import Row, history, status, stop_reason
from analysis.typed import typed
from rethink.run_directory import Attempt, RunDirectory, find_runs, read_attempt
from rethink.spec import SpecError, TrialSpec

_RECORD_NAMES = {column.name for column in RECORD}
_LAST_EPOCH = ("train_loss", "train_accuracy", "exact_train_accuracy", "test_loss", "test_accuracy")
_TIMES = ("train_seconds", "check_seconds", "test_seconds")


@dataclass(frozen=True)
class Frames:
    """The two frames, described in docs/dataframes.md, and the number of unreadable lines in all files read."""

    trials: pd.DataFrame
    epochs: pd.DataFrame
    damaged_lines: int


@dataclass(frozen=True)
class _Trial:
    run: str
    spec: TrialSpec
    attempts: list[Attempt]
    rows: list[Row]
    recorded: str | None


def load(*paths: str | Path) -> Frames:
    """The frames of any number of run directories, finished, running or crashed.

    Raises FileNotFoundError for a path that is no run directory, SpecError or ValueError for files that do not belong
    together or were written by another version. Warns of damaged lines and of outcomes that the rows do not show.
    """
    runs = {run.root.resolve().name: run for run in find_runs([Path(path) for path in paths])}
    if not paths or len(runs) < len(paths):
        raise SpecError(
            f"{len(paths)} run directories with {len(runs)} names: give at least one, each a name of its own"
        )
    trials: list[_Trial] = []
    damaged = 0
    for name, run in runs.items():
        outcomes, damaged_outcomes = run.read_outcomes()
        _warn_of_damage(run.outcomes_file, damaged_outcomes)
        trials += _read_trials(name, run, outcomes)
        damaged += damaged_outcomes
    damaged += sum(attempt.damaged_lines for trial in trials for attempt in trial.attempts)
    return _frames(trials, damaged)


def _read_trials(name: str, run: RunDirectory, outcomes: dict[str, dict[str, Any]]) -> list[_Trial]:
    specs = {spec.spec_id: spec for spec in map(TrialSpec.from_dict, run.read_run()["specs"])}
    attempts = _read_attempts(run)
    if strangers := sorted((attempts.keys() | outcomes.keys()) - specs.keys()):
        raise SpecError(f"{run.root} holds results of specs that its run.json does not ask for: {', '.join(strangers)}")
    trials = []
    for spec_id, spec in specs.items():
        own = attempts.get(spec_id, [])
        recorded = outcomes[spec_id]["stop_reason"] if spec_id in outcomes else None
        trials.append(_Trial(name, spec, own, history(spec, own), recorded))
    return trials


def _read_attempts(run: RunDirectory) -> dict[str, list[Attempt]]:
    """By spec id, oldest first; one look at the folder, as a glob per trial takes seconds for a thousand trials."""
    attempts: dict[str, list[Attempt]] = {}
    for path in sorted(run.rows.glob("*.jsonl")):
        attempt = read_attempt(path)
        _warn_of_damage(path, attempt.damaged_lines)
        _check_columns(path, attempt)
        attempts.setdefault(attempt.spec_id, []).append(attempt)
    return attempts


def _check_columns(path: Path, attempt: Attempt) -> None:
    for row in attempt.rows:
        if row.keys() != _RECORD_NAMES:
            wrong = ", ".join(sorted(row.keys() ^ _RECORD_NAMES))
            raise SpecError(
                f"{path}: epoch {row['epoch']} was written by another version; columns that differ: {wrong}"
            )


def _warn_of_damage(path: Path, lines: int) -> None:
    if lines:
        warnings.warn(f"{path}: {lines} damaged line(s), left out", stacklevel=2)


def _frames(trials: list[_Trial], damaged: int) -> Frames:
    records = [_trial_record(trial) for trial in trials]
    table = typed({column.name: [record[column.name] for record in records] for column in TRIALS}, TRIALS)
    rows = [row for trial in trials for row in trial.rows]
    measured = typed({column.name: [row[column.name] for row in rows] for column in RECORD}, RECORD)
    of_trial = np.repeat(np.arange(len(trials)), [len(trial.rows) for trial in trials])
    joined = table.loc[:, list(JOINED)].take(of_trial).reset_index(drop=True)
    return Frames(table, pd.concat([joined, measured], axis="columns"), damaged)


def _trial_record(trial: _Trial) -> dict[str, Any]:
    last = trial.rows[-1] if trial.rows else None
    fit = last["epochs_to_fit"] if last else None
    reason = stop_reason(trial.spec, trial.rows, trial.recorded)
    _warn_of_unshown_end(trial, reason)
    return {
        "run": trial.run,
        "spec_id": trial.spec.spec_id,
        **trial.spec.to_dict(),
        "status": status(fit is not None, len(trial.attempts), reason),
        "stop_reason": reason,
        "fitted": fit is not None,
        "epochs_to_fit": fit,
        "epochs": last["epoch"] if last else 0,
        "images_to_fit": next((row["images_seen"] for row in trial.rows if row["epoch"] == fit), None),
        **_at_last_epoch(last),
        "seconds": _seconds(trial.rows),
        "attempts": len(trial.attempts),
        "damaged_lines": sum(attempt.damaged_lines for attempt in trial.attempts),
        **_provenance(trial.attempts),
    }


def _warn_of_unshown_end(trial: _Trial, reason: str) -> None:
    if reason == "unfinished" and trial.recorded not in (None, "unfinished"):
        text = f"{trial.run}: {trial.spec.spec_id} is recorded as {trial.recorded!r}, which its rows do not show"
        warnings.warn(f"{text}: unfinished", stacklevel=2)


def _at_last_epoch(last: Row | None) -> dict[str, float | None]:
    values = {name: last[name] if last else None for name in _LAST_EPOCH}
    test, train = values["test_accuracy"], values["exact_train_accuracy"]
    values["test_error"] = None if test is None else 1 - test
    values["generalization_gap"] = None if test is None or train is None else train - test
    return values


def _seconds(rows: list[Row]) -> float | None:
    if rows and len(rows) < rows[-1]["epoch"]:
        return None  # a row is lost: the sum would be too small
    return float(sum(row[name] for row in rows for name in _TIMES))


def _provenance(attempts: list[Attempt]) -> dict[str, Any]:
    first, last = (attempts[0].header, attempts[-1].header) if attempts else ({}, {})
    versions = last.get("versions") or {}
    return {
        **{name: last.get(name) for name in ("host", "device", "threads", "data_sha256")},
        "code_version": versions.get("rethink"),
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) or None,
        "started": first.get("started"),
    }
