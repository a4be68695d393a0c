"""What a trial leaves for others to read as it trains: its rows, and its TensorBoard curves."""

from collections.abc import Callable, Iterable
from typing import Any

from rethink.records.record import Record
from rethink.records.row_writer import RowWriter
from rethink.records.rows import rows_of
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.trial.tensorboard import TrialBoard


class TrialLog:
    """The files of one attempt at a trial, opened with the first record."""

    def __init__(self, run: RunDirectory, spec: TrialSpec, header: Callable[[], dict[str, Any]]) -> None:
        """`header` is asked what the attempt says of itself when its row file is opened."""
        self._run = run
        self._spec = spec
        self._header = header
        self._rows: RowWriter | None = None
        self._board: TrialBoard | None = None

    def keep(self, record: Record) -> None:
        """Write a record to both. Raises OSError."""
        self._append_row(record)
        if self._board is None:
            self._board = TrialBoard(self._run.tensorboard / self._spec.name, self._spec, record)
        self._board.add(record)

    def write_lost(self, records: Iterable[Record]) -> None:
        """Append the rows that the row files lack, or have otherwise: a crash, a disk or a hand took them."""
        kept = rows_of(self._run.read_attempts(self._spec.spec_id))
        for record in records:
            if kept.get(record.row) != record.to_dict():
                self._append_row(record)

    def close(self, last: Record | None) -> None:
        """Close the files; `last` is the record where the trial stands."""
        rows, board, self._rows, self._board = self._rows, self._board, None, None
        try:
            if rows:
                rows.close()
        finally:
            if board:
                board.close(last)

    def _append_row(self, record: Record) -> None:
        if self._rows is None:
            self._rows = RowWriter(self._run.rows, self._run.run_id, self._spec.spec_id, self._header())
        self._rows.append(record)
