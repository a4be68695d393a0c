"""The run directory: where a sweep's specs, rows and outcomes lie on disk, and how they survive a crash.

    run.json                        what was asked for: sweep, specs, command, versions
    rows/<spec id>-<attempt>.jsonl  one file per attempt at a trial: a header line, then one line per row
    outcomes.jsonl                  one line per trial that ended: why
    checkpoints/<spec id>.pt        the trial's newest state (atomically replaced), with a checksum
    checkpoints/<spec id>.pt.previous  the one before, until the trial has ended
    checkpoints/<spec id>.pt.damaged-<n>  one that was not what it should be, set aside
    start/<spec id>.pt              the weights that a trial starts from, if not from the seed's
    errors/<spec id>.txt            the traceback of a trial that failed
    store/                          the ended trials as Parquet, made from the rows, for analysis
    tune/  tensorboard/  figures/

A trial appends and syncs its own rows, so nothing that was measured depends on the driver's life. Every attempt has
a file of its own: two writers never share one, whatever the network did. Analysis reads with this module too: it
knows neither torch nor Ray.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rethink.metrics import Record
from rethink.spec import SpecError


@dataclass(frozen=True)
class RunDirectory:
    """The paths of one run."""

    root: Path

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def outcomes_file(self) -> Path:
        return self.root / "outcomes.jsonl"

    @property
    def rows(self) -> Path:
        return self.root / "rows"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def figures(self) -> Path:
        return self.root / "figures"

    @property
    def tune(self) -> Path:
        return self.root / "tune"

    @property
    def tensorboard(self) -> Path:
        return self.root / "tensorboard"

    def checkpoint(self, spec_id: str) -> Path:
        return self.root / "checkpoints" / f"{spec_id}.pt"

    def start_file(self, spec_id: str) -> Path:
        return self.root / "start" / f"{spec_id}.pt"

    def error_file(self, spec_id: str) -> Path:
        return self.root / "errors" / f"{spec_id}.txt"

    def create(self, run: Mapping[str, Any]) -> None:
        """Make the folders and write run.json. Raises FileExistsError where a run already is."""
        files = (self.checkpoint("x"), self.start_file("x"), self.error_file("x"))
        for folder in (self.rows, self.tensorboard, *(file.parent for file in files)):
            folder.mkdir(parents=True, exist_ok=True)
        if self.run_file.exists():
            raise FileExistsError(f"{self.root} already holds a run")
        replace_file(self.run_file, json.dumps(run, indent=1).encode())

    def read_run(self) -> dict[str, Any]:
        """What create wrote. Raises SpecError if the file is damaged."""
        try:
            run: dict[str, Any] = json.loads(self.run_file.read_bytes())
        except ValueError as error:
            raise SpecError(
                f"{self.run_file} is damaged ({error}); put back a whole copy, the rows are in rows/"
            ) from error
        return run

    def record_outcome(self, spec_id: str, stop_reason: str, epoch: int) -> None:
        """Append, synced, why a trial ended. A later line for the same trial replaces the earlier one."""
        line = json.dumps({"spec_id": spec_id, "stop_reason": stop_reason, "epoch": epoch})
        with self.outcomes_file.open("a+b") as file:
            _end_partial_line(file)
            _append_synced(file, line)

    def read_outcomes(self) -> tuple[dict[str, dict[str, Any]], int]:
        """(last outcome by spec id, number of damaged lines)."""
        if not self.outcomes_file.exists():
            return {}, 0
        lines, damaged = read_json_lines(self.outcomes_file)
        return {line["spec_id"]: line for line in lines}, damaged

    def read_attempts(self, spec_id: str) -> list["Attempt"]:
        """Every attempt at a trial, oldest first."""
        return [read_attempt(path) for path in sorted(self.rows.glob(f"{spec_id}-*.jsonl"))]


@dataclass(frozen=True)
class Attempt:
    """What one attempt at a trial wrote: its header, its rows in order, and how many lines were damaged."""

    spec_id: str
    number: int
    header: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    damaged_lines: int = 0


def read_attempt(path: Path) -> Attempt:
    """Read rows/<spec id>-<attempt>.jsonl; a half-written or altered line is counted, never silently dropped."""
    spec_id, number = path.stem.rsplit("-", 1)
    lines, damaged = read_json_lines(path)
    header: dict[str, Any] = next((line["attempt"] for line in lines if "attempt" in line), {})
    return Attempt(spec_id, int(number), header, [line for line in lines if "epoch" in line], damaged)


def rows_of(attempts: list[Attempt]) -> dict[int, dict[str, Any]]:
    """The rows that count, by steps, in order: of each step, that of the last attempt that reached it."""
    rows = {row["steps"]: row for attempt in attempts for row in attempt.rows}
    return dict(sorted(rows.items()))


class RowWriter:
    """Appends one attempt's rows, each synced to disk before `append` returns."""

    def __init__(self, run: RunDirectory, spec_id: str, header: Mapping[str, Any]) -> None:
        self.number, self._file = _create_next(run.rows, spec_id)
        _append_synced(self._file, json.dumps({"attempt": {"number": self.number, **header}}))

    def append(self, record: Record) -> None:
        _append_synced(self._file, json.dumps(record.to_dict(), allow_nan=False))

    def close(self) -> None:
        self._file.close()


def _create_next(folder: Path, spec_id: str) -> tuple[int, IO[bytes]]:
    number = len(list(folder.glob(f"{spec_id}-*.jsonl")))
    while True:
        number += 1
        try:
            return number, (folder / f"{spec_id}-{number:04d}.jsonl").open("xb")
        except FileExistsError:
            continue


def _append_synced(file: IO[bytes], line: str) -> None:
    file.write(line.encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _end_partial_line(file: IO[bytes]) -> None:
    """A crash can leave half a line: end it, so that it does not swallow the next one."""
    if file.seek(0, os.SEEK_END) > 0:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def read_json_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """(the lines that are JSON objects, the number of those that are not)."""
    raw = [line for line in path.read_bytes().split(b"\n") if line.strip(b"\0 \r")]
    with contextlib.suppress(ValueError):
        at_once = json.loads(b"[" + b",".join(raw) + b"]")  # twice as fast as line by line, if all are whole
        if len(at_once) == len(raw) and all(isinstance(line, dict) for line in at_once):
            return at_once, 0
    lines = [line for text in raw if (line := _json_object(text)) is not None]
    return lines, len(raw) - len(lines)


def _json_object(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a mixture."""
    with atomic_file(path) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_file(path: Path, previous: Path | None = None) -> Iterator[IO[bytes]]:
    """A binary file that takes its name, synced, only if the `with` block ends well.

    The file that has the name until then becomes `previous`; none: it is gone.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if previous is not None:
            with contextlib.suppress(FileNotFoundError):
                path.replace(previous)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def find_runs(paths: list[Path]) -> Iterator[RunDirectory]:
    """The run directories named. Raises FileNotFoundError, in one line, for one that is none."""
    for path in paths:
        run = RunDirectory(path.absolute())  # workers have other working directories
        if not run.run_file.is_file():
            raise FileNotFoundError(f"{path} is no run directory: it holds no run.json")
        yield run
