"""Trials as read from their files in, typed rows of the two frames out."""

import itertools
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from analysis.reading.run_files import TrialFiles
from analysis.reading.trial_history import Row, final_reason, status
from analysis.schema.columns import EPOCHS, JOINED, RECORD, TRIALS
from analysis.schema.typed_frames import concatenated, typed_rows
from rethink.records.rows import Attempt
from rethink.spec import TrialSpec

_OF_LAST_ROW = (
    "train_loss",
    "train_accuracy",
    "train_eval_accuracy",
    "train_eval_top5_accuracy",
    "exact_train_accuracy",
    "exact_train_top5_accuracy",
    "test_loss",
    "test_accuracy",
    "test_top5_accuracy",
)
_TIMES = ("train_seconds", "check_seconds", "test_seconds")
_AT_ONCE = 1000  # trials whose rows are held as Python objects, at 20 times the memory of a frame


def to_frames(run: str, trials: Iterable[TrialFiles]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(trials, epochs), with the declared columns and dtypes whatever their number.

    Warns of a trial whose recorded end its rows do not show.
    """
    remaining = iter(trials)
    chunks: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    while (some := list(itertools.islice(remaining, _AT_ONCE))) or not chunks:
        chunks.append(_chunk(run, some))
    tables, epochs = zip(*chunks, strict=True)
    return concatenated(tables, TRIALS), concatenated(epochs, EPOCHS)


def joined(trials: pd.DataFrame, measured: pd.DataFrame, rows: Iterable[int]) -> pd.DataFrame:
    """The epochs frame: what each trial measured, in the order of the trials, with the columns that tell it apart.

    `rows` is the number of rows of each trial.
    """
    of_trial = np.repeat(np.arange(len(trials)), list(rows))
    context = trials.loc[:, list(JOINED)].take(of_trial).reset_index(drop=True)
    return pd.concat([context, measured.reset_index(drop=True)], axis="columns")


def _chunk(run: str, trials: list[TrialFiles]) -> tuple[pd.DataFrame, pd.DataFrame]:
    records = [_record(run, trial) for trial in trials]
    table = typed_rows(records, TRIALS)
    rows = [row for trial in trials for row in trial.rows]
    measured = typed_rows(rows, RECORD)
    return table, joined(table, measured, [len(trial.rows) for trial in trials])


def _record(run: str, trial: TrialFiles) -> dict[str, Any]:
    last = trial.rows[-1] if trial.rows else None
    fit = last["epochs_to_fit"] if last else None
    reason = final_reason(trial.spec, trial.rows, trial.recorded, trial.labels.attainable_accuracy)
    _warn_of_unshown_end(run, trial, reason)
    return {
        "run": run,
        "spec_id": trial.spec.spec_id,
        **trial.spec.to_dict(),
        "labels_changed": trial.labels.changed,
        "attainable_train_accuracy": trial.labels.attainable_accuracy,
        "test_images": trial.test_images,
        "status": status(fit is not None, begun=bool(trial.attempts or trial.rows), reason=reason),
        "stop_reason": reason,
        "fitted": fit is not None,
        "epochs_to_fit": fit,
        "epochs": last["epoch"] if last else 0,
        "steps": last["steps"] if last else 0,
        "horizon": _horizon(trial.spec, trial.rows),
        "images_to_fit": next(
            (row["images_seen"] for row in trial.rows if row["epoch"] == fit and row["fitted"]), None
        ),
        **_at_last_row(last),
        "best_test_accuracy": _best(trial.rows, "test_accuracy"),
        "best_test_top5_accuracy": _best(trial.rows, "test_top5_accuracy"),
        "seconds": None if trial.missing_rows else _seconds(trial.rows),
        "attempts": len(trial.attempts),
        "damaged_lines": trial.damaged_lines,
        "rows_from_ray": trial.rows_from_ray,
        "missing_rows": trial.missing_rows,
        **_provenance(trial.attempts),
    }


def _warn_of_unshown_end(run: str, trial: TrialFiles, reason: str) -> None:
    if reason == "unfinished" and trial.recorded not in (None, "unfinished"):
        text = f"{run}: {trial.spec.spec_id} is recorded as {trial.recorded!r}, which its rows do not show"
        warnings.warn(f"{text}: unfinished", stacklevel=2)


def _horizon(spec: TrialSpec, rows: list[Row]) -> int | None:
    """The epoch that the trial can reach at most; None while max_steps ends it and its epochs have no known length."""
    if spec.max_steps is None:
        return spec.max_epochs
    ends = [] if spec.start_from else [(0, 0)]
    ends += [(row["epoch"], row["steps"]) for row in rows if row["fitted"] is not None]  # null inside an epoch
    length = _epoch_length(spec, ends)
    if length is None:
        return None
    epoch, steps = ends[-1]
    return min(spec.max_epochs, epoch + (spec.max_steps - steps) // length)


def _epoch_length(spec: TrialSpec, ends: list[tuple[int, int]]) -> int | None:
    """Steps of an epoch, from (epochs, steps) after whole ones, whichever rows are lost, or from the spec."""
    if len(ends) > 1:
        (epoch, steps), (later, further) = ends[0], ends[-1]
        if later > epoch:  # else a row tells a wrong epoch
            return (further - steps) // (later - epoch) or None
    if ends and spec.train_samples is not None:
        return -(-spec.train_samples // spec.batch_size)
    return None


def _best(rows: list[Row], name: str) -> float | None:
    return max((row[name] for row in rows if row[name] is not None), default=None)


def _at_last_row(last: Row | None) -> dict[str, float | None]:
    values = {name: last[name] if last else None for name in _OF_LAST_ROW}
    test, train = values["test_accuracy"], values["exact_train_accuracy"]
    values["test_error"] = None if test is None else 1 - test
    values["generalization_gap"] = None if test is None or train is None else train - test
    return values


def _seconds(rows: list[Row]) -> float:
    return float(sum(row[name] for row in rows for name in _TIMES))


def _provenance(attempts: list[Attempt]) -> dict[str, Any]:
    first, last = (attempts[0].header, attempts[-1].header) if attempts else (None, None)
    versions = last.versions if last else {}
    return {
        **{name: getattr(last, name, None) for name in ("host", "device", "threads", "data_sha256")},
        "code_version": versions.get("rethink"),
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) or None,
        "started": first.started if first else None,
    }
