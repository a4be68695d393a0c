"""RowWriter: the rows of one attempt, each on disk before training goes on."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from rethink.files.checked_files import decode_json
from rethink.files.os_errors import naming
from rethink.records.record import Record, RowLine
from rethink.records.rows import (
    _FirstLine,
)


class RowWriter:
    """Appends one attempt's rows, each synced to disk before `append` returns."""

    def __init__(self, folder: Path, run_id: str, spec_id: str, about: Mapping[str, Any]) -> None:
        """`about` is the rest of the header. Raises ValueError for what `Header` does not hold."""
        self.number, self._file = _create_next(folder, spec_id)
        attempt = {"format": 1, "run_id": run_id, "spec_id": spec_id, "number": self.number, **about}
        self._append({"attempt": attempt}, _FirstLine)

    def append(self, record: Record) -> None:
        """Raises ValueError for a record with a value that cannot be: no reader would take it."""
        self._append(record.to_dict(), RowLine)

    def close(self) -> None:
        self._file.close()

    def _append(self, values: Mapping[str, Any], kind: type[Any]) -> None:
        line = json.dumps(values, allow_nan=False).encode()
        decode_json(line, kind)
        append_synced(self._file, line)


def _create_next(folder: Path, spec_id: str) -> tuple[int, IO[bytes]]:
    number = len(list(folder.glob(f"{spec_id}-*.jsonl")))
    while True:
        number += 1
        try:
            return number, (folder / f"{spec_id}-{number:04d}.jsonl").open("xb")
        except FileExistsError:
            continue


def append_synced(file: IO[bytes], line: bytes) -> None:
    """Raises OSError, naming the file."""
    with naming(Path(file.name)):
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
