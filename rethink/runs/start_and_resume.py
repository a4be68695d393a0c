"""Starts the trials of a sweep in a new run, or in one that grows by them, and resumes a run that was interrupted."""

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rethink.data import sources
from rethink.data.betons.beton import PreparedData
from rethink.data.spec_checks import check_same_data
from rethink.files.log_file import logged_to
from rethink.interruption import going_on_with
from rethink.ray_backend import tuner
from rethink.ray_backend.registrations import Entries, check_carried
from rethink.records.provenance import command, versions
from rethink.records.run_directory import Outcome, RunDirectory
from rethink.records.run_lock import driving
from rethink.records.run_record import RunRecord
from rethink.run_options import RunOptions
from rethink.runs.execution import execute, resume_command
from rethink.runs.growth import Growth
from rethink.runs.labels.examples import write_label_examples
from rethink.runs.labels.facts import label_facts
from rethink.runs.new_run import check_name, discard_unbegun, new_run, open_storage
from rethink.runs.preparation import check_known, check_start_from, default_name, described, prepare_all
from rethink.runs.resumption import decisions_of, given_up, is_finished, warn_of_left, warn_of_lost_rows
from rethink.runs.reuse import Reuse
from rethink.runs.trial_run import check_own_models
from rethink.spec import TrialSpec
from rethink.sweep.sweep import Sweep, check_sweep
from rethink.training.cost import check_possible
from rethink.trial.tensorboard import write_hyperparameters
from rethink.weights.checkpoint_file import StartState, write_checkpoint
from rethink.weights.weight_file import WeightFile


def start(
    sweep: Sweep,
    variant: str,
    specs: Sequence[TrialSpec],
    storage: Path,
    name: str | None,
    options: RunOptions,
    weights: WeightFile | None = None,
    reused: Sequence[RunDirectory] = (),
) -> RunDirectory:
    """Run the trials in a new run directory, or in one of the same sweep that is there, which grows.

    Args:
        sweep: Where the trials come from.
        variant: Which of its variants.
        specs: The trials.
        storage: Folder of the runs.
        name: The run directory's; none: sweep, variant and time.
        options: Where and how they run.
        weights: The file that trials with `start_from` start from; its content is copied into the run.
        reused: Runs whose finished trials are taken over where they are what is asked for.

    Raises:
        SpecError: One of the trials cannot run; before any of them starts.
        RunError: The run that is there, or one whose trials shall be taken over, does not allow it.
    """
    begun = time.monotonic()
    check_startable(sweep, specs, options, weights)
    name = default_name(sweep, variant) if name is None else name
    check_name(name)
    run = RunDirectory(storage / name)
    if weights is None and os.path.isfile(run.run_file):
        return _grow(run, Growth.of(run, sweep, variant, specs, options), reused, begun)
    with open_storage(storage, name):
        reuse = Reuse.of(reused, specs, options)
        resources = tuner.connect(options, storage)
        prepared = prepare_all(specs, options, weights)  # the data may take hours to write
        with new_run(storage, name) as new:
            record = _record(sweep, variant, specs, options, prepared)
            if weights is not None:
                _write_start_files(new, specs, weights)
            write_label_examples(new, specs, prepared)
            write_hyperparameters(new.tensorboard / "examples", specs)
            new.create(record)
            reuse.take_over(new, prepared)
    with driving(run.lock), logged_to(run.log), going_on_with(resume_command(run)):
        reuse.log()
        left = [spec for spec in specs if spec.spec_id not in reuse.finished]
        try:
            if left:
                execute(run, left, prepared, options, resources, begun)
        except Exception:
            discard_unbegun(run)
            raise
    return run


def check_startable(
    sweep: Sweep, specs: Sequence[TrialSpec], options: RunOptions, weights: WeightFile | None = None
) -> None:
    """Raise SpecError for trials that could not run, as far as can be said without their data."""
    check_sweep(sweep)
    check_own_models(specs, None)
    check_carried(Entries.named_by(specs))
    for spec in specs:
        check_possible(spec)
        if spec.start_from is not None:
            check_start_from(spec, weights)
    sources.check_data_dir(options.data_dir, {spec.dataset for spec in specs})


def resume(run: RunDirectory) -> RunDirectory:
    """Run what is left of a run: trials that finished are skipped, the others go on from their checkpoints.

    Raises SpecError if the data sets are no longer those that the run was started with, or are not known here, and
    RunError if another process drives the run.
    """
    begun = time.monotonic()
    record = run.read_run()
    ended, decided = _ended(run, record)
    left = [spec for spec in record.specs if not is_finished(run, spec, ended)]
    warn_of_left(run, record.specs, ended)
    if decided or left:
        with driving(run.lock), logged_to(run.log):
            for spec, epoch in decided:
                run.record_outcome(spec.spec_id, "scheduler", epoch)
            if left:
                _go_on(run, record, left, ended, begun)
    return run


def _ended(run: RunDirectory, record: RunRecord) -> tuple[dict[str, Outcome], list[tuple[TrialSpec, int]]]:
    """How trials ended, by spec id; and those of them that a search gave up before it could say so."""
    outcomes = run.results({spec.spec_id for spec in record.specs}).outcomes
    decided = [*given_up(decisions_of(run, record.specs), outcomes)]
    return {**outcomes, **{spec.spec_id: Outcome(spec.spec_id, "scheduler", epoch) for spec, epoch in decided}}, decided


def _go_on(
    run: RunDirectory, record: RunRecord, left: Sequence[TrialSpec], ended: Mapping[str, Outcome], begun: float
) -> None:
    options = record.newest_options
    check_known(left, run)
    run.make_whole()
    warn_of_lost_rows(run, left, ended)
    resources = tuner.connect(options, run.root)
    prepared = prepare_all(left, options, None)
    for name, data in prepared.items():
        check_same_data(data, record.data[name].content_sha256, run.root)
    with going_on_with(resume_command(run)):
        execute(run, left, prepared, options, resources, begun)


def _grow(run: RunDirectory, growth: Growth, reused: Sequence[RunDirectory], begun: float) -> RunDirectory:
    """Add to a run what is asked for and not there, and run what is left of it."""
    reuse = Reuse.of(reused, growth.added, growth.options)
    prepared = prepare_all(growth.specs, growth.options, None)
    with driving(run.lock), logged_to(run.log):
        growth.write(prepared)
        reuse.take_over(run, prepared)
        reuse.log()
    for line in growth.lines():
        print(line, flush=True)
    record = run.read_run()
    ended, _ = _ended(run, record)
    left = [spec for spec in record.specs if not is_finished(run, spec, ended)]
    if left:
        with driving(run.lock), logged_to(run.log):
            _go_on(run, record, left, ended, begun)
    return run


def _write_start_files(run: RunDirectory, specs: Sequence[TrialSpec], weights: WeightFile) -> None:
    run.start_file("x").parent.mkdir()
    for spec in specs:
        state = StartState(spec_id=spec.spec_id, start_from=weights.sha256, weights=weights.start_state(spec))
        write_checkpoint(run.start_file(spec.spec_id), state)


def _record(
    sweep: Sweep,
    variant: str,
    specs: Sequence[TrialSpec],
    options: RunOptions,
    prepared: Mapping[str, PreparedData],
) -> RunRecord:
    """The content of run.json."""
    return RunRecord(
        run_id=uuid.uuid4().hex,
        sweep=sweep.name,
        variant=variant,
        command=command(),
        created=datetime.now(UTC).replace(microsecond=0),
        versions=versions(),
        data={name: described(data) for name, data in prepared.items()},
        options=options,
        halving=sweep.halving,
        specs=tuple(specs),
        labels=label_facts(specs, prepared),
    )
