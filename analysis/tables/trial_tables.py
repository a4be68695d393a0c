"""Tables of single trials for the report: the slowest, the failed, those that did not fit, and all."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.captions import MISSING, network_texts
from analysis.grouping.cells import LEVEL, line_columns
from analysis.tables.number_texts import number
from analysis.tables.table import Table
from rethink.files.checked_files import read_plain
from rethink.records.run_directory import RunDirectory
from rethink.spec import number_text

MOST_TRIALS = 2000  # rows that a page can show
_SLOWEST = 10
_NAMED = ("model", "images", "options", "level p", "labels changed, %", "seed")


def trial_tables(trials: pd.DataFrame, runs: Mapping[str, RunDirectory]) -> list[Table]:
    """The slowest trials, those that failed, and those that did not fit, each with its outcome.

    `runs` are the run directories among the runs: they know why a trial failed.
    """
    return [_slowest(trials), _failed(trials, runs), _unfitted(trials)]


def all_trials(trials: pd.DataFrame) -> Table:
    """Every trial, in the order of the runs."""
    head = [*_NAMED, "status", "epochs to fit", "epochs", "test error", "gap", "seconds", "spec id"]
    rows = [
        [
            *named,
            _ended(row),
            number(row["epochs_to_fit"], "d"),
            number(row["epochs"], "d"),
            number(row["test_error"], ".3f"),
            number(row["generalization_gap"], ".3f"),
            number(row["seconds"], ".1f"),
            row["spec_id"],
        ]
        for named, row in _rows(trials)
    ]
    return Table("All trials", "", head, rows)


def _slowest(trials: pd.DataFrame) -> Table:
    chosen = trials.sort_values("seconds", ascending=False, na_position="last").head(_SLOWEST)
    head = [*_NAMED, "status", "epochs", "seconds", "machine", "attempts", "spec id"]
    rows = [
        [
            *named,
            _ended(row),
            number(row["epochs"], "d"),
            number(row["seconds"], ".1f"),
            str(row["host"]),
            str(row["attempts"]),
            row["spec_id"],
        ]
        for named, row in _rows(chosen, trials)
    ]
    return Table("Slowest trials", "By the time of training, checking and testing.", head, rows)


def _failed(trials: pd.DataFrame, runs: Mapping[str, RunDirectory]) -> Table:
    failed = trials[trials["status"] == "failed"]
    about = "" if len(failed) else "No trial failed."
    rows = [
        [*named, number(row["epochs"], "d"), _last_line(runs.get(str(row["run"])), row["spec_id"]), row["spec_id"]]
        for named, row in _rows(failed, trials)
    ]
    return Table("Failed trials", about, [*_NAMED, "epochs", "error", "spec id"], rows)


def _unfitted(trials: pd.DataFrame) -> Table:
    left = trials[~trials["fitted"] & (trials["status"] != "failed")]
    about = (
        "Right-censored: they stay in every n, and in the medians as times above their last epoch."
        if len(left)
        else "Every other trial fitted 100% of its training set."
    )
    rows = [
        [*named, _ended(row), number(row["epochs"], "d"), number(row["train_accuracy"], ".3f"), row["spec_id"]]
        for named, row in _rows(left, trials)
    ]
    head = [*_NAMED, "status", "epochs", "train accuracy (running)", "spec id"]
    return Table("Trials that did not fit", about, head, rows)


def _rows(trials: pd.DataFrame, among: pd.DataFrame | None = None) -> list[tuple[list[str], dict[Any, Any]]]:
    """(the texts that name a trial, its row), the options being those that differ among all the trials."""
    names = [name for name in line_columns(trials if among is None else among) if name != "run"]
    return [
        ([*network_texts(row, names), number_text(row[LEVEL]), _changed(row), str(row["seed"])], row)
        for row in trials.to_dict("records")
    ]


def _changed(row: dict[Any, Any]) -> str:
    return MISSING if pd.isna(row["labels_changed"]) else f"{100 * row['labels_changed']:.1f}"


def _ended(row: dict[Any, Any]) -> str:
    return f"{row['status']}: {row['stop_reason']}".replace("_", " ") if not row["fitted"] else "fitted"


def _last_line(run: RunDirectory | None, spec_id: str) -> str:
    if run is None:
        return "not packed"
    try:
        lines = read_plain(run.error_file(spec_id)).decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "no error file"
