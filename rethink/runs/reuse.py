"""Finished trials of other runs, taken over where they are what a run asks for."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from rethink.data.betons.beton import PreparedData
from rethink.errors import RunError
from rethink.files.atomic_files import replace_file
from rethink.files.log_file import LOGGER
from rethink.records.measures.measure_file import read_measures, write_measures
from rethink.records.provenance import versions
from rethink.records.record import stop_reason
from rethink.records.rows import Attempt, Row, rows_of
from rethink.records.run_directory import Outcome, RunDirectory
from rethink.run_options import RunOptions
from rethink.runs.resumption import is_finished
from rethink.spec import TrialSpec
from rethink.weights.checkpoint_file import TrialState, read_checkpoint, write_checkpoint


@dataclass(frozen=True)
class _Found:
    """A finished trial of another run."""

    run: RunDirectory
    spec: TrialSpec  # as it is asked for now
    attempts: tuple[Attempt, ...]
    outcome: Outcome | None


@dataclass(frozen=True)
class Reuse:
    """The trials to take over, and the spec ids of those that are finished by that."""

    found: tuple[_Found, ...]
    finished: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, runs: Sequence[RunDirectory], asked: Sequence[TrialSpec], options: RunOptions) -> "Reuse":
        """Look for what is asked for among the finished trials of runs, the first run first.

        Raises:
            RunError: A run is damaged; or trials were made by other code and `other_code` is off.
        """
        left = {spec.spec_id: spec for spec in asked if spec.start_from is None}
        found: list[_Found] = []
        for run in runs:
            for trial in _finished(run, left):
                del left[trial.spec.spec_id]
                found.append(trial)
        _check_code(found, options)
        return cls(tuple(found))

    def take_over(self, run: RunDirectory, prepared: Mapping[str, PreparedData]) -> None:
        """Copy rows, outcome, checkpoint and curves into the run. Raises RunError for a trial on other data."""
        for trial in self.found:
            _check_data(trial, prepared[trial.spec.stored_data].content_sha256)
        for trial in self.found:
            _copy(trial, run)
            rows = [*rows_of([*trial.attempts]).values()]
            if stop_reason(trial.spec, rows[-1]) is not None:
                self.finished.add(trial.spec.spec_id)

    def log(self) -> None:
        for trial in self.found:
            LOGGER.info("%s taken over from %s", trial.spec.name, trial.run.root)
        if self.found:
            print(f"taken over   {len(self.found):,} finished trials", flush=True)


def _finished(run: RunDirectory, asked: Mapping[str, TrialSpec]) -> Iterator[_Found]:
    record = run.read_run()
    outcomes = run.results({spec.spec_id for spec in record.specs}).outcomes
    for spec in record.specs:
        wanted, outcome = asked.get(spec.spec_id), outcomes.get(spec.spec_id)
        if wanted is None or not is_finished(run, spec, outcomes):
            continue
        attempts = tuple(run.read_attempts(spec.spec_id))
        rows = [*rows_of([*attempts]).values()]
        if stop_reason(spec, rows[-1]) is not None and _leads_on(wanted, rows) and all(_is_whole(a) for a in attempts):
            yield _Found(run, wanted, attempts, outcome)


def _leads_on(spec: TrialSpec, rows: Sequence[Row]) -> bool:
    """Whether no row but the last ends the trial that is asked for: a lower limit would have measured more there."""
    return all(stop_reason(spec, row) is None for row in rows[:-1])


def _is_whole(attempt: Attempt) -> bool:
    return attempt.header is not None and not attempt.damage


def _check_code(found: Sequence[_Found], options: RunOptions) -> None:
    ours = versions()
    others = {
        (trial.run.root, attempt.header.versions.get("rethink", "?"))
        for trial in found
        for attempt in trial.attempts
        if attempt.header is not None and attempt.header.versions.get("code") != ours["code"]
    }
    if others and not options.other_code:
        root, version = min(others)
        raise RunError(
            f"{root} has trials of other code ({version}, here {ours['rethink']}); add --other-code to take them over"
        )


def _check_data(trial: _Found, content_sha256: str) -> None:
    for attempt in trial.attempts:
        if attempt.header is not None and attempt.header.data_sha256 != content_sha256:
            raise RunError(
                f"{trial.run.root}: {trial.spec.name} was trained on other data: content {attempt.header.data_sha256}, "
                f"not {content_sha256}"
            )


def _copy(trial: _Found, run: RunDirectory) -> None:
    spec_id = trial.spec.spec_id
    for path in sorted(trial.run.rows.glob(f"{spec_id}-*.jsonl")):
        replace_file(run.rows / path.name, _renamed(path.read_bytes(), run.run_id, trial.run.name))
    checkpoint = trial.run.checkpoint(spec_id)
    if checkpoint.exists():
        state, _ = read_checkpoint(checkpoint, TrialState)
        write_checkpoint(run.checkpoint(spec_id), msgspec.structs.replace(state, run_id=run.run_id))
    measured = read_measures(trial.run.measures_file(spec_id), trial.run.run_id, spec_id)
    if measured.states:
        write_measures(run.measures_file(spec_id), msgspec.structs.replace(measured, run_id=run.run_id))
    curves = trial.run.tensorboard / trial.spec.name
    if curves.is_dir():
        shutil.copytree(curves, run.tensorboard / trial.spec.name, dirs_exist_ok=True)
    if trial.outcome is not None:
        run.record_outcome(spec_id, trial.outcome.stop_reason, trial.outcome.epoch)


def _renamed(rows: bytes, run_id: str, source: str) -> bytes:
    """A row file whose header says that it belongs to another run, and where it was taken from."""
    first, _, others = rows.partition(b"\n")
    header = json.loads(first)
    header["attempt"]["run_id"] = run_id
    header["attempt"]["notes"] = [*header["attempt"]["notes"], f"taken over from run {source}"]
    return json.dumps(header).encode() + b"\n" + others
