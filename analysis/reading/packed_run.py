"""A run packed in one Parquet file: run.json, frames and measures, without rows, checkpoints, curves and local paths.

It is small enough to be kept with a text that quotes the run, and all that is drawn or asked of a run can be of it.
"""

import dataclasses
import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.reading.trials_table import completed, from_table, to_table
from rethink.errors import RunError
from rethink.files.atomic_files import replace_file
from rethink.files.checked_files import read_plain, to_json
from rethink.records.run_record import Addition, RunRecord, decode_run_record

Start = TypeVar("Start", RunRecord, Addition)

SUFFIX = ".parquet"
MEASURES = pa.field("measures", pa.string())  # JSON; null: none; no such column: packed by earlier code
_RUN, _DIGEST = b"rethink.run", b"rethink.sha256"  # run.json in the file's metadata, and its SHA-256
_PROGRAM = re.compile(r"^('/[^']*'|/\S*)")  # of a command line that begins with an absolute path
_FOLDERS = re.compile(r"(--(?:data-dir|cache-dir|storage)[ =])('[^']*'|\S+)")  # of a command line


@dataclass(frozen=True)
class PackedRun:
    """A packed run, checked whenever it is read."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.stem

    def read_run(self) -> RunRecord:
        """What run.json says. Raises RunError if the file is damaged, or no packed run."""
        return self._read()[0]

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(trials, measured), with the declared columns and dtypes. Raises RunError as `read_run` does."""
        return from_table(self._read()[1], self.name)

    def measures(self) -> dict[str, bytes]:
        """Measured states by spec id, as JSON, of the trials that have any. Raises RunError as `read_run` does."""
        table = self._table()
        if MEASURES.name not in table.column_names:
            return {}
        pairs = zip(table["spec_id"].to_pylist(), table[MEASURES.name].to_pylist(), strict=True)
        return {spec_id: text.encode() for spec_id, text in pairs if text is not None}

    def _read(self) -> tuple[RunRecord, pa.Table]:
        table = self._table()
        try:
            record = decode_run_record(_whole(table.schema.metadata or {}))
        except (ValueError, KeyError) as error:
            raise self._damaged(error) from None
        try:
            others = [name for name in table.column_names if name != MEASURES.name]
            table = completed(table.select(others))
        except ValueError as error:
            what = f"has other columns than this version's ({error})"
            raise RunError(f"{self.root} {what}; pack the run again") from None
        if table["spec_id"].to_pylist() != [spec.spec_id for spec in record.specs]:
            raise RunError(f"{self.root} is damaged: its trials are not those of its run.json")
        return record, table

    def _table(self) -> pa.Table:
        try:
            return pq.read_table(pa.BufferReader(read_plain(self.root)), page_checksum_verification=True)
        except (pa.ArrowException, ValueError, OSError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> RunError:
        return RunError(f"{self.root} is no packed run, or damaged ({_in_one_line(error)})")


def pack(
    record: RunRecord, trials: pd.DataFrame, epochs: pd.DataFrame, measures: Mapping[str, bytes], path: Path
) -> None:
    """Write the frames of one run, and its run.json without folders of this machine. Raises OSError.

    `measures` has the measured states of trials by spec id, as JSON.
    """
    additions = tuple(_without_folders(addition) for addition in record.additions)
    public = to_json(msgspec.structs.replace(_without_folders(record), additions=additions))
    sink = pa.BufferOutputStream()
    texts = [measures[spec_id].decode() if spec_id in measures else None for spec_id in trials["spec_id"]]
    table = to_table(trials, epochs).append_column(MEASURES, pa.array(texts, pa.string()))
    table = table.replace_schema_metadata({_RUN: public, _DIGEST: _digest(public)})
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True, store_schema=True)
    replace_file(path, sink.getvalue().to_pybytes())


def _without_folders(start: Start) -> Start:
    options = dataclasses.replace(start.options, data_dir=None, cache_dir=None)
    return msgspec.structs.replace(start, options=options, command=without_folders(start.command))


def without_folders(command: str) -> str:
    """A command line whose program and options name no folder of this machine."""
    return _PROGRAM.sub(_without_root, _FOLDERS.sub(r"\1DIR", command), count=1)


def _without_root(found: re.Match[str]) -> str:
    """The file's name alone, and its folder where that is part of the program: rethink/__main__.py, sweeps/NAME.py."""
    path = Path(found[0].strip("'"))
    return shlex.quote(str(Path(*path.parts[-2:])) if path.parent.name in ("rethink", "sweeps") else path.name)


def _whole(metadata: Mapping[bytes, bytes]) -> bytes:
    if metadata[_DIGEST] != _digest(metadata[_RUN]):
        raise ValueError("its run.json is not what was packed")
    return metadata[_RUN]


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
