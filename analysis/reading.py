"""One run's trials as its files tell them: what was asked for, every attempt's rows, and what could not be read."""

import os
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from analysis.columns import RECORD
from analysis.history import NOT_IN_ROWS, Row, history, stop_reason
from analysis.ray_log import RayLog
from rethink.metrics import of_any_version
from rethink.run_directory import Attempt, RunDirectory, read_attempt
from rethink.spec import SpecError, TrialSpec

_RECORD_NAMES = {column.name for column in RECORD}
_PLACE = ("row", "epoch", "steps")


@dataclass(frozen=True)
class Trial:
    """One trial: its attempts, oldest first, the rows that count, and the end that the driver recorded."""

    spec: TrialSpec
    attempts: list[Attempt]
    rows: list[Row]
    recorded: str | None
    rows_from_ray: int

    @property
    def damaged_lines(self) -> int:
        return sum(attempt.damaged_lines for attempt in self.attempts)


@dataclass
class RunFiles:
    """A run's files by trial: their names and sizes tell whether a trial has changed, without reading a row."""

    run: RunDirectory
    specs: dict[str, TrialSpec]
    recorded: dict[str, str]  # spec id -> stop reason, as the driver recorded it
    row_files: dict[str, list[tuple[Path, int]]]  # spec id -> (file, bytes), oldest attempt first
    damaged_lines: int = 0
    damaged_files: int = 0
    _ray_log: RayLog = field(init=False)

    def __post_init__(self) -> None:
        self._ray_log = RayLog(self.run)

    def source(self, spec_id: str) -> str:
        """All that a trial's frames are made from, as a text that changes when any of it does."""
        files = [f"{path.name}:{size}" for path, size in self.row_files.get(spec_id, [])]
        reason = self.recorded.get(spec_id)
        return " ".join([*files, *([reason] if reason in NOT_IN_ROWS else [])])

    def trials(self, spec_ids: Collection[str]) -> Iterator[Trial]:
        """These trials, in the order of run.json, one at a time: the rows of a large run fill the memory.

        Warns of what is damaged, and counts it. Raises SpecError for rows of another version.
        """
        for spec_id, spec in self.specs.items():
            if spec_id in spec_ids:
                yield self._trial(spec)

    def _trial(self, spec: TrialSpec) -> Trial:
        attempts = [attempt for path, _ in self.row_files.get(spec.spec_id, []) if (attempt := self._attempt(path))]
        rows, recorded = history(spec, attempts), self.recorded.get(spec.spec_id)
        from_ray = 0
        if self._has_lost_rows(spec, attempts, rows, recorded):
            own = {row["steps"] for row in rows}
            rows = history(spec, [self._ray_log.attempt(spec), *attempts])
            from_ray = len({row["steps"] for row in rows} - own)
        if from_ray:
            _warn(f"{self.run.root}: {spec.spec_id}: {from_ray} lost row(s) taken from Ray's own log")
        return Trial(spec, attempts, rows, recorded, from_ray)

    @staticmethod
    def _has_lost_rows(spec: TrialSpec, attempts: list[Attempt], rows: list[Row], recorded: str | None) -> bool:
        if recorded == "error":
            return False  # Ray's log may hold the end of an earlier start, which no longer counts
        damaged = any(attempt.damaged_lines for attempt in attempts)
        unshown = recorded is not None and stop_reason(spec, rows, recorded) == "unfinished"
        return not rows or damaged or unshown

    def _attempt(self, path: Path) -> Attempt | None:
        try:
            attempt = read_attempt(path)
        except OSError as error:
            self.damaged_files += 1
            _warn(f"{path}: cannot be read ({error.strerror}), left out")
            return None
        attempt = replace(attempt, rows=[of_any_version(row) for row in attempt.rows])
        for row in attempt.rows:
            _check(row, path)
        self.damaged_lines += attempt.damaged_lines
        if attempt.damaged_lines:
            _warn(f"{path}: {attempt.damaged_lines} damaged line(s), left out")
        return attempt


def _check(row: Row, path: Path) -> None:
    """Raises SpecError for a row of another version, or whose place among the rows is no number."""
    if wrong := row.keys() ^ _RECORD_NAMES:
        place = f"{path}: the row of epoch {row['epoch']} was written by another version"
        raise SpecError(f"{place}; columns that differ: {', '.join(sorted(wrong))}")
    for name in _PLACE:
        if type(row[name]) is not int:
            raise SpecError(f"{path}: {name} = {row[name]!r} is not allowed: a whole number")


def run_files(run: RunDirectory) -> RunFiles:
    """What a run's folder holds. Raises SpecError for rows or outcomes of specs that run.json does not ask for."""
    specs = {spec.spec_id: spec for spec in map(TrialSpec.from_dict, run.read_run()["specs"])}
    outcomes, damaged_lines = run.read_outcomes()
    if damaged_lines:
        _warn(f"{run.outcomes_file}: {damaged_lines} damaged line(s), left out")
    row_files, damaged_files = _row_files(run)
    if strangers := sorted((row_files.keys() | outcomes.keys()) - specs.keys()):
        raise SpecError(f"{run.root} holds results of specs that its run.json does not ask for: {', '.join(strangers)}")
    recorded = {spec_id: outcome["stop_reason"] for spec_id, outcome in outcomes.items()}
    return RunFiles(run, specs, recorded, row_files, damaged_lines, damaged_files)


def files_of(run: RunDirectory, spec: TrialSpec, stop_reason: str) -> RunFiles:
    """The files of one trial that ended for this reason, without a look at those of the others."""
    paths = sorted(run.rows.glob(f"{spec.spec_id}-*.jsonl"))
    sizes = [(path, path.stat().st_size) for path in paths]
    return RunFiles(run, {spec.spec_id: spec}, {spec.spec_id: stop_reason}, {spec.spec_id: sizes})


def _row_files(run: RunDirectory) -> tuple[dict[str, list[tuple[Path, int]]], int]:
    """By spec id, oldest first; one look at the folder, as a glob per trial takes seconds for a thousand trials."""
    files: dict[str, list[tuple[Path, int]]] = {}
    damaged = 0
    if not run.rows.is_dir():
        return files, damaged
    with os.scandir(run.rows) as entries:
        named = sorted((entry.name, entry.stat().st_size) for entry in entries if entry.name.endswith(".jsonl"))
    for name, size in named:
        spec_id, _, number = name.removesuffix(".jsonl").rpartition("-")
        if spec_id and number.isdigit():
            files.setdefault(spec_id, []).append((run.rows / name, size))
        else:
            damaged += 1
            _warn(f"{run.rows / name}: not named <spec id>-<attempt>.jsonl, left out")
    return files, damaged


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)
