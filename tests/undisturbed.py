"""The rows that a trial must have, whatever happened to it: computed here without Ray, files or restores."""

from collections.abc import Callable
from typing import Any

from rethink.records.record import TIMING_COLUMNS, stop_reason
from rethink.records.rows import rows_of
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.training.loop import Training

Row = dict[str, Any]

_UNDISTURBED: dict[TrialSpec, list[Row]] = {}


def undisturbed_rows(make_training: Callable[..., Training], spec: TrialSpec) -> list[Row]:
    """The rows of a trial that nothing disturbs, to its own end, without the timing columns; trained once a session."""
    if spec not in _UNDISTURBED:
        _UNDISTURBED[spec] = _trained(make_training, spec)
    return _UNDISTURBED[spec]


def _trained(make_training: Callable[..., Training], spec: TrialSpec) -> list[Row]:
    rows = []
    for record in make_training(**spec.to_dict()).records():
        rows.append(record.to_dict())
        if stop_reason(spec, rows[-1]):
            break
    return [without_times(row) for row in rows]


def recorded_rows(run: RunDirectory, spec: TrialSpec) -> list[Row]:
    """The valid rows of a trial in a run directory, without the timing columns."""
    return [without_times(row) for row in rows_of(run.read_attempts(spec.spec_id)).values()]


def without_times(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in TIMING_COLUMNS}
