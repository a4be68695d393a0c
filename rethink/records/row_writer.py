"""RowWriter: the rows of one attempt, each written before training goes on."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from rethink.files.checked_files import decode_json
from rethink.files.os_errors import naming
from rethink.records.record import Record, RowLine
from rethink.records.rows import (
    _FirstLine,
)

SYNC_SECONDS = 1.0  # between two syncs: one takes milliseconds, as long as many epochs


class RowWriter:
    """Appends one attempt's rows. When `append` returns, a row outlives this process; within a second, the machine.

    A row that a power failure takes is trained again, as is what a checkpoint lacks, to the same bits.
    """

    def __init__(self, folder: Path, run_id: str, spec_id: str, about: Mapping[str, Any]) -> None:
        """`about` is the rest of the header. Raises ValueError for what `Header` does not hold."""
        self.number, self._file = _create_next(folder, spec_id)
        attempt = {"format": 1, "run_id": run_id, "spec_id": spec_id, "number": self.number, **about}
        self._synced = time.monotonic()
        self._append({"attempt": attempt}, _FirstLine)

    def append(self, record: Record) -> None:
        """Raises ValueError for a record with a value that cannot be: no reader would take it."""
        self._append(record.to_dict(), RowLine)

    def close(self) -> None:
        """Raises OSError, naming the file, if the rows cannot be brought to the disk."""
        with self._file, naming(Path(self._file.name)):
            self._file.flush()
            os.fsync(self._file.fileno())

    def _append(self, values: Mapping[str, Any], kind: type[Any]) -> None:
        line = json.dumps(values, allow_nan=False).encode()
        decode_json(line, kind)
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            append_synced(self._file, line)
            self._synced = time.monotonic()
        else:
            append(self._file, line)


def _create_next(folder: Path, spec_id: str) -> tuple[int, IO[bytes]]:
    number = len(list(folder.glob(f"{spec_id}-*.jsonl")))
    while True:
        number += 1
        try:
            return number, (folder / f"{spec_id}-{number:04d}.jsonl").open("xb")
        except FileExistsError:
            continue


def append(file: IO[bytes], line: bytes) -> None:
    """Raises OSError, naming the file."""
    with naming(Path(file.name)):
        file.write(line + b"\n")
        file.flush()


def append_synced(file: IO[bytes], line: bytes) -> None:
    """The same, to the disk. Raises OSError, naming the file."""
    append(file, line)
    with naming(Path(file.name)):
        os.fsync(file.fileno())
