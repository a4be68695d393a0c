"""The run directory: how a sweep's specs, rows and outcomes are written and read, and survive a crash.

run_paths.py lists the files. All of them are read through schemas, here and in the modules beside: training, analysis
and every command know of each file whether it can be believed. Neither torch nor Ray is needed.
"""

import json
import os
import uuid
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Annotated

import msgspec

from rethink.errors import RunError
from rethink.files.atomic_files import replace_file
from rethink.files.checked_files import read_plain, to_json
from rethink.files.os_errors import naming
from rethink.records.halving import Decision
from rethink.records.record import STOP_REASONS, Count
from rethink.records.row_writer import append_synced
from rethink.records.rows import NAME, Attempt, decode_lines, numbered_lines, read_attempts, warn_of_damage
from rethink.records.run_paths import RunPaths
from rethink.records.run_record import RunRecord, read_run_id, read_run_record

_MOST_NAMED = 10


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of outcomes.jsonl: why a trial ended, as the driver saw it."""

    spec_id: str
    stop_reason: Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(STOP_REASONS)})$")]
    epoch: Count


@dataclass(frozen=True)
class Results:
    """What a run holds of its trials, without a look into a row file; what cannot be read is counted."""

    row_files: dict[str, list[tuple[Path, int]]] = field(default_factory=dict)  # spec id -> (file, bytes), oldest first
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # the last by spec id
    damaged_lines: int = 0
    damaged_files: int = 0


@dataclass(frozen=True)
class RunDirectory(RunPaths):
    """A run's files: what is written as it goes, and read by whom it concerns."""

    @cached_property
    def run_id(self) -> str:
        """The id that this run's rows and checkpoints name. Raises RunError if run.json is damaged."""
        return read_run_id(self.run_file)

    def create(self, record: RunRecord) -> None:
        """Make the folders and write run.json. Raises FileExistsError where a run already is."""
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
        if self.run_file.exists():
            raise FileExistsError(f"{self.root} already holds a run")
        replace_file(self.run_file, to_json(record))

    def grow(self, record: RunRecord) -> None:
        """Replace run.json by one that asks for more. Raises OSError, and leaves the old one then."""
        replace_file(self.run_file, to_json(record))

    def make_whole(self) -> None:
        """Make the folders that have gone since the run was created, and see whether trials can write to all of them.

        Warns where the stacks of failed trials cannot be kept.

        Raises:
            RunError: One of the others is a file or cannot be written.
        """
        for folder in self.folders:
            try:
                folder.mkdir(exist_ok=True)
                (probe := folder / f".probe-{uuid.uuid4().hex}").touch()
                probe.unlink()
            except OSError as error:
                reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
                if folder != self.error_file("x").parent:
                    raise RunError(f"{folder} cannot be written: {reason}; move it away, or mend it") from None
                warnings.warn(f"{folder} cannot be written: {reason}; stacks of errors will be lost", stacklevel=2)

    def read_run(self) -> RunRecord:
        """What create wrote, checked. Raises RunError, in one line, if the file is damaged."""
        return read_run_record(self.run_file)

    def record_outcome(self, spec_id: str, stop_reason: str, epoch: int) -> None:
        """Append, synced, why a trial ended. A later line for the same trial replaces the earlier one."""
        line = json.dumps({"spec_id": spec_id, "stop_reason": stop_reason, "epoch": epoch})
        _append_line(self.outcomes_file, line.encode())

    def read_outcomes(self) -> tuple[dict[str, Outcome], int]:
        """(last outcome by spec id, number of damaged lines); warns of these. Raises OSError for no plain file."""
        if not self.outcomes_file.exists():
            return {}, 0
        lines, damage = decode_lines(numbered_lines(read_plain(self.outcomes_file)), Outcome)
        warn_of_damage(self.outcomes_file, damage)
        return {outcome.spec_id: outcome for _, outcome in lines}, len(damage)

    def record_decision(self, decision: Decision) -> None:
        """Append, synced, whether a trial passes a rung."""
        _append_line(self.decisions_file, msgspec.json.encode(decision))

    def read_decisions(self) -> list[Decision]:
        """All decisions of the search, oldest first; warns of damaged lines. Raises OSError for no plain file."""
        if not self.decisions_file.exists():
            return []
        lines, damage = decode_lines(numbered_lines(read_plain(self.decisions_file)), Decision)
        warn_of_damage(self.decisions_file, damage)
        return [decision for _, decision in lines]

    def results(self, spec_ids: Collection[str]) -> Results:
        """What lies here of these trials, which are all that the run asked for. Warns of what is damaged.

        Raises:
            RunError: There are results of other trials.
            OSError: rows or outcomes.jsonl cannot be read.
        """
        row_files, damaged_files = self._row_files()
        outcomes, damaged_lines = self.read_outcomes()
        if strangers := sorted((row_files.keys() | outcomes.keys()) - set(spec_ids)):
            named = ", ".join(name[:60] for name in strangers[:_MOST_NAMED])
            raise RunError(
                f"{self.root} holds results of {len(strangers)} specs that its run.json does not ask for: {named}"
            )
        return Results(row_files, outcomes, damaged_lines, damaged_files)

    def _row_files(self) -> tuple[dict[str, list[tuple[Path, int]]], int]:
        """(files by spec id, how many are left out); one look, as one for each of a thousand trials takes seconds."""
        files: dict[str, list[tuple[Path, int]]] = {}
        strays = 0
        for name, size in sorted(_sizes(self.rows)):
            named = NAME.fullmatch(name)
            if named:
                files.setdefault(named["spec_id"], []).append((self.rows / name, size))
            else:
                strays += 1
                warnings.warn(f"{self.rows / name}: not named <spec id>-<attempt>.jsonl, left out", stacklevel=1)
        return files, strays

    def read_attempts(self, spec_id: str) -> list[Attempt]:
        """Every attempt at a trial, oldest first; warns of files and lines that are left out."""
        return read_attempts(sorted(self.rows.glob(f"{spec_id}-*.jsonl")), self.run_id)[0]


def _sizes(folder: Path) -> list[tuple[str, int]]:
    """(name, bytes) of all that is not hidden in a folder; -1 where there is no telling."""
    if not folder.exists():
        return []
    with os.scandir(folder) as entries:
        return [(entry.name, _size(entry)) for entry in entries if not entry.name.startswith(".")]


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link to nowhere
        return -1


def _append_line(path: Path, line: bytes) -> None:
    with naming(path), path.open("a+b") as file:
        _end_partial_line(file)
        append_synced(file, line)


def _end_partial_line(file: IO[bytes]) -> None:
    """A crash can leave half a line: end it, so that it does not swallow the next one."""
    if file.seek(0, os.SEEK_END) > 0:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def find_runs(paths: list[Path]) -> Iterator[RunDirectory]:
    """The run directories named. Raises FileNotFoundError, in one line, for one that is none."""
    for path in paths:
        run = RunDirectory(path.absolute())  # workers have other working directories
        if not run.run_file.is_file():
            raise FileNotFoundError(f"{path} is no run directory: it holds no run.json")
        yield run
