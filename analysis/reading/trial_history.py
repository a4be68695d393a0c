"""What became of one trial, as its rows show: which of them count, and why it ended."""

from collections.abc import Mapping
from typing import Any

from rethink.records import record
from rethink.records.rows import Attempt, rows_of
from rethink.spec import TrialSpec

Row = Mapping[str, Any]

NOT_IN_ROWS = ("scheduler", "error")  # the ends that only the driver knows of
UNFITTED_STATUS = {
    "max_epochs": "censored",
    "max_steps": "censored",
    "contradiction": "censored",
    "diverged": "censored",
    "scheduler": "censored",
    "error": "failed",
    "unfinished": "unfinished",
}


def history(spec: TrialSpec, attempts: list[Attempt]) -> list[Row]:
    """The rows that count, in order of steps, up to the one that ended the trial.

    Later rows can only come from an attempt that was given up: one restored on another kind of machine may fit earlier.
    """
    rows: list[Row] = []
    for row in rows_of(attempts).values():
        rows.append(row)
        if record.stop_reason(spec, row) is not None:
            break
    return rows


def final_reason(spec: TrialSpec, rows: list[Row], recorded: str | None, attainable: float = 1.0) -> str:
    """One of STOP_REASONS. The rows are the evidence: a recorded end that they should show, and do not, is none.

    `attainable` is the greatest train accuracy that any network can have.
    """
    shown = record.stop_reason(spec, rows[-1], attainable) if rows else None
    if shown is not None:
        return shown
    return recorded if recorded in NOT_IN_ROWS else "unfinished"


def status(fitted: bool, *, begun: bool, reason: str) -> str:
    """One of STATUSES."""
    if fitted:
        return "fitted"
    if not begun and reason == "unfinished":
        return "not started"
    return UNFITTED_STATUS[reason]
