"""What is left of a run that was interrupted: trials without their end, decisions of a search that must hold."""

import warnings
from collections.abc import Mapping, Sequence

from rethink.errors import RunError
from rethink.records.halving import Decision
from rethink.records.record import STOP_REASONS, stop_reason
from rethink.records.rows import Row, rows_of
from rethink.records.run_directory import Outcome, RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.successive_halving import Rungs
from rethink.weights.checkpoints import Checkpoints

_OWN_ENDS = STOP_REASONS.keys() - {"error", "unfinished"}
Decided = Sequence[tuple[TrialSpec, Decision]]


def decisions_of(run: RunDirectory, specs: Sequence[TrialSpec]) -> Decided:
    """The decisions of a search, oldest first. Raises RunError for one on a spec that the run does not ask for."""
    by_id = {spec.spec_id: spec for spec in specs}
    decisions = run.read_decisions()
    if strangers := {decision.spec_id for decision in decisions} - by_id.keys():
        raise RunError(f"{run.decisions_file} decides on a spec that run.json does not ask for: {min(strangers)[:60]}")
    return [(by_id[decision.spec_id], decision) for decision in decisions]


def given_up(decisions: Decided, outcomes: Mapping[str, Outcome]) -> list[tuple[TrialSpec, int]]:
    """(spec, epoch) of the trials that a search decided to give up, and then could not say so: it died, say."""
    stopped = {spec: decision.epoch for spec, decision in decisions if not decision.passes}
    return [(spec, epoch) for spec, epoch in stopped.items() if _given_up(spec, outcomes) is None]


def is_finished(run: RunDirectory, spec: TrialSpec, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether a trial's rows, none missing, lead to its own end, or to where a search gave it up.

    A failed trial is tried again. One whose rows are lost writes them again from its checkpoint, or is trained again;
    but see `is_left_damaged`.
    """
    return _is_whole(spec, _rows(run, spec), outcomes) or is_left_damaged(run, spec, outcomes)


def is_left_damaged(run: RunDirectory, spec: TrialSpec, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether a trial is recorded as ended, some of its rows are damaged, and no checkpoint is there to mend them.

    To train it again might take hours for a row that a hand can mend: it is named and left.
    """
    ended = spec.spec_id in outcomes and outcomes[spec.spec_id].stop_reason in _OWN_ENDS
    checkpoints = Checkpoints(run.checkpoint(spec.spec_id))
    has_checkpoint = checkpoints.newest.exists() or checkpoints.previous.exists()
    if not ended or has_checkpoint or not any(run.rows.glob(f"{spec.spec_id}-*.jsonl")):
        return False
    return not _is_whole(spec, _rows(run, spec), outcomes)


def warn_of_left(run: RunDirectory, specs: Sequence[TrialSpec], outcomes: Mapping[str, Outcome]) -> None:
    """Say which trials are left with damaged rows, and how to have them trained again."""
    left = [spec for spec in specs if is_left_damaged(run, spec, outcomes)]
    if left:
        warnings.warn(
            f"{run.rows}: rows of {_named(left)} are lost or damaged, and no checkpoint has them. The trial has ended "
            f"and is left as it is; take its {left[0].spec_id}-*.jsonl away to have it trained again",
            stacklevel=2,
        )


def _is_whole(spec: TrialSpec, rows: Sequence[Row], outcomes: Mapping[str, Outcome]) -> bool:
    stopped = _given_up(spec, outcomes)
    if not rows or _missing(rows):
        return False
    return stop_reason(spec, rows[-1]) is not None or (stopped is not None and rows[-1]["epoch"] >= stopped)


def warn_of_lost_rows(run: RunDirectory, left: Sequence[TrialSpec], outcomes: Mapping[str, Outcome]) -> None:
    """Say which of the trials that are left have lost rows, as far as anything shows it."""
    lost = []
    for spec in left:
        rows = _rows(run, spec)
        reached = outcomes[spec.spec_id].epoch if spec.spec_id in outcomes else 0
        if _missing(rows) or (not rows and (reached or run.checkpoint(spec.spec_id).exists())):
            lost.append(spec)
    if lost:
        remedy = "written again from the checkpoint, or the trial is trained again from its start"
        warnings.warn(f"{run.rows}: rows of {_named(lost)} are lost or damaged: {remedy}", stacklevel=2)


def _named(specs: Sequence[TrialSpec]) -> str:
    return specs[0].name if len(specs) == 1 else f"{specs[0].name} and {len(specs) - 1} more"


def recorded_rungs(run: RunDirectory) -> Rungs | None:
    """The rungs with all that the run's trials recorded so far: a resumed search ranks as if never interrupted."""
    record = run.read_run()
    if record.halving is None:
        return None
    rungs = Rungs(record.halving, run.record_decision)
    for spec, decision in decisions_of(run, record.specs):
        rungs.take(spec, decision)
    outcomes, _ = run.read_outcomes()
    for spec in record.specs:
        rungs.take_rows(spec, _rows(run, spec), _given_up(spec, outcomes))
    return rungs


def _rows(run: RunDirectory, spec: TrialSpec) -> list[Row]:
    return list(rows_of(run.read_attempts(spec.spec_id)).values())


def _missing(rows: Sequence[Row]) -> bool:
    return [row["row"] for row in rows] != list(range(1, len(rows) + 1))


def _given_up(spec: TrialSpec, outcomes: Mapping[str, Outcome]) -> int | None:
    """The epoch in which the run's search said that it gave a trial up."""
    outcome = outcomes.get(spec.spec_id)
    return outcome.epoch if outcome is not None and outcome.stop_reason == "scheduler" else None
