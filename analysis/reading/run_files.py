"""One run's trials as its files tell them: what was asked for, every attempt's rows, and what could not be read."""

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from analysis.reading.ray_log import RayLog
from analysis.reading.trial_history import NOT_IN_ROWS, Row, final_reason, history
from rethink.records.rows import Attempt, read_attempts
from rethink.records.run_directory import RunDirectory
from rethink.records.run_record import LabelFacts
from rethink.spec import TrialSpec

_MOST_NAMED = 8  # gaps in the rows of a trial that a warning names


@dataclass(frozen=True)
class TrialFiles:
    """One trial: its attempts, oldest first, the rows that count, and the end that the driver recorded."""

    spec: TrialSpec
    attempts: list[Attempt]
    rows: list[Row]
    labels: LabelFacts
    test_images: int
    recorded: str | None
    rows_from_ray: int
    log_damage: int = 0  # damaged lines of Ray's own log, where it was asked

    @property
    def damaged_lines(self) -> int:
        return sum(attempt.damaged_lines for attempt in self.attempts) + self.log_damage

    @property
    def missing_rows(self) -> int:
        """Rows that there must have been, as the last one counts them; those lost at the end, nothing tells of."""
        return sum(last - first + 1 for first, last in gaps(self.rows))


@dataclass
class RunFiles:
    """A run's files by trial: names, sizes and times tell whether a trial has changed, without reading a row."""

    run: RunDirectory
    specs: dict[str, TrialSpec]
    labels: Mapping[str, LabelFacts]  # by spec id
    test_images: Mapping[str, int]  # by stored data
    recorded: dict[str, str]  # spec id -> stop reason, as the driver recorded it
    run_stamp: str  # changes whenever run.json does
    row_files: dict[str, list[tuple[Path, str]]]  # spec id -> (file, its stamp), oldest attempt first
    damaged_lines: int = 0
    damaged_files: int = 0
    _ray_log: RayLog = field(init=False)

    def __post_init__(self) -> None:
        self._ray_log = RayLog(self.run)

    def source(self, spec_id: str) -> str:
        """All that a trial's frames are made from, as a text that changes when any of it does."""
        files = [f"{path.name}:{stamp}" for path, stamp in self.row_files.get(spec_id, [])]
        reason = self.recorded.get(spec_id)
        return " ".join([*files, *([reason] if reason in NOT_IN_ROWS else [])])

    def trials(self, spec_ids: Collection[str]) -> Iterator[TrialFiles]:
        """These trials, in the order of run.json, one at a time: the rows of a large run fill the memory.

        Warns of what is damaged or missing, and counts it.
        """
        for spec_id, spec in self.specs.items():
            if spec_id in spec_ids:
                yield self._trial(spec)

    def _trial(self, spec: TrialSpec) -> TrialFiles:
        paths = [path for path, _ in self.row_files.get(spec.spec_id, [])]
        attempts, left_out = read_attempts(paths, self.run.run_id)
        rows, recorded = history(spec, attempts), self.recorded.get(spec.spec_id)
        from_ray = log_damage = 0
        if self._has_lost_rows(spec, attempts, rows, recorded):
            own, logged = {row["steps"] for row in rows}, self._ray_log.attempt(spec)
            rows, log_damage = history(spec, [logged, *attempts]), logged.damaged_lines
            from_ray = len({row["steps"] for row in rows} - own)
        facts = self.labels[spec.spec_id], self.test_images[spec.stored_data]
        trial = TrialFiles(spec, attempts, rows, *facts, recorded, from_ray, log_damage)
        self.damaged_lines += trial.damaged_lines
        self.damaged_files += left_out
        if from_ray:
            _warn(f"{self.run.root}: {spec.spec_id}: {from_ray} lost row(s) taken from Ray's own log")
        if trial.missing_rows:
            _warn(f"{self.run.rows}: {spec.spec_id}: {trial.missing_rows} missing row(s): {_ranges_text(gaps(rows))}")
        return trial

    @staticmethod
    def _has_lost_rows(spec: TrialSpec, attempts: list[Attempt], rows: list[Row], recorded: str | None) -> bool:
        if recorded == "error":
            return False  # Ray's log may hold the end of an earlier start, which no longer counts
        damaged = any(attempt.damaged_lines for attempt in attempts)
        missing = bool(gaps(rows))
        unshown = recorded is not None and final_reason(spec, rows, recorded) == "unfinished"
        return not rows or damaged or missing or unshown


def run_files(run: RunDirectory) -> RunFiles:
    """What a run's folder holds. Raises SpecError for rows or outcomes of specs that run.json does not ask for."""
    run_stamp = _stamp(run.run_file)
    asked = run.read_run()
    specs = {spec.spec_id: spec for spec in asked.specs}
    results = run.results(specs)
    recorded = {spec_id: outcome.stop_reason for spec_id, outcome in results.outcomes.items()}
    rows = {spec_id: [(path, _stamp(path)) for path, _ in files] for spec_id, files in results.row_files.items()}
    return RunFiles(
        run,
        specs,
        asked.labels,
        {name: data.test_samples for name, data in asked.data.items()},
        recorded,
        run_stamp,
        rows,
        results.damaged_lines,
        results.damaged_files,
    )


def _stamp(path: Path) -> str:
    """Changes whenever the content of the file does."""
    try:
        status = path.stat()
    except OSError:  # whoever reads it says so
        return "unreadable"
    return f"{status.st_size}:{status.st_mtime_ns}"


def gaps(rows: list[Row]) -> list[tuple[int, int]]:
    """(first, last) of every run of row numbers that is missing before the last row's."""
    numbers = sorted({row["row"] for row in rows if row["row"] <= rows[-1]["row"]})
    return [(before + 1, after - 1) for before, after in pairwise([0, *numbers]) if after - before > 1]


def _ranges_text(ranges: list[tuple[int, int]]) -> str:
    named = [str(first) if first == last else f"{first} to {last}" for first, last in ranges]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return ", ".join(named[:_MOST_NAMED]) + more


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)
