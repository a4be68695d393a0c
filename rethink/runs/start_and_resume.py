"""Runs the trials of a sweep with Ray Tune, and resumes a run that was interrupted."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from rich.console import Console

from rethink.data import sources
from rethink.data.betons.beton import PreparedData
from rethink.data.spec_checks import check_same_data
from rethink.errors import EndedEarly
from rethink.files.log_file import LOGGER, logged_to
from rethink.interruption import going_on_with
from rethink.ray_backend import cluster, tuner
from rethink.ray_backend.registrations import Entries, check_carried
from rethink.ray_backend.reporter import Reporter
from rethink.records.provenance import command, versions
from rethink.records.run_directory import Outcome, RunDirectory
from rethink.records.run_lock import driving
from rethink.records.run_record import RunRecord
from rethink.run_options import RunOptions
from rethink.runs.display.progress import Progress
from rethink.runs.label_examples import write_label_examples
from rethink.runs.label_facts import label_facts
from rethink.runs.new_run import check_name, discard_unbegun, new_run, open_storage
from rethink.runs.preparation import check_known, check_start_from, cost_of, default_name, described, prepare_all
from rethink.runs.resumption import decisions_of, given_up, is_finished, recorded_rungs, warn_of_left, warn_of_lost_rows
from rethink.runs.trial_run import check_own_models
from rethink.spec import SEEDS, TrialSpec
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
) -> RunDirectory:
    """Run the trials in a new run directory. Raises SpecError, before any trial starts, if one of them cannot run.

    `weights` is the file that trials with `start_from` start from; its content is copied into the run.
    """
    check_sweep(sweep)
    check_own_models(specs, None)
    check_carried(Entries.named_by(specs))
    for spec in specs:
        check_possible(spec)
        if spec.start_from is not None:
            check_start_from(spec, weights)
    sources.check_data_dir(options.data_dir, {spec.dataset for spec in specs})
    name = default_name(sweep, variant) if name is None else name
    check_name(name)
    with open_storage(storage, name):
        resources = tuner.connect(options, storage)
        prepared = prepare_all(specs, options, weights)  # the data may take hours to write
        with new_run(storage, name) as new:
            record = _record(sweep, variant, specs, options, prepared)
            if weights is not None:
                _write_start_files(new, specs, weights)
            write_label_examples(new, specs, prepared)
            write_hyperparameters(new.tensorboard / "examples", specs)
            new.create(record)
    run = RunDirectory(storage / name)
    with driving(run.lock), logged_to(run.log), going_on_with(_resume_command(run)):
        try:
            _execute(run, specs, prepared, options, resources)
        except Exception:
            discard_unbegun(run)
            raise
    return run


def resume(run: RunDirectory) -> RunDirectory:
    """Run what is left of a run: trials that finished are skipped, the others go on from their checkpoints.

    Raises SpecError if the data sets are no longer those that the run was started with, or are not known here, and
    RunError if another process drives the run.
    """
    record = run.read_run()
    outcomes = run.results({spec.spec_id for spec in record.specs}).outcomes
    decided = [*given_up(decisions_of(run, record.specs), outcomes)]
    ended = {**outcomes, **{spec.spec_id: Outcome(spec.spec_id, "scheduler", epoch) for spec, epoch in decided}}
    left = [spec for spec in record.specs if not is_finished(run, spec, ended)]
    warn_of_left(run, record.specs, ended)
    if decided or left:
        with driving(run.lock), logged_to(run.log):
            for spec, epoch in decided:
                run.record_outcome(spec.spec_id, "scheduler", epoch)
            if left:
                _go_on(run, record, left, ended)
    return run


def _go_on(run: RunDirectory, record: RunRecord, left: Sequence[TrialSpec], outcomes: Mapping[str, Outcome]) -> None:
    check_known(left, run)
    run.make_whole()
    warn_of_lost_rows(run, left, outcomes)
    resources = tuner.connect(record.options, run.root)
    prepared = prepare_all(left, record.options, None)
    for name, data in prepared.items():
        check_same_data(data, record.data[name].content_sha256, run.root)
    with going_on_with(_resume_command(run)):
        _execute(run, left, prepared, record.options, resources)


def _resume_command(run: RunDirectory) -> str:
    return f"rethink resume {quote(str(run.root))}"


def _execute(
    run: RunDirectory,
    specs: Sequence[TrialSpec],
    prepared: Mapping[str, PreparedData],
    options: RunOptions,
    resources: Mapping[str, float],
) -> None:
    costs = {spec: cost_of(spec, prepared) for spec in specs}
    data_sha256 = {name: data.content_sha256 for name, data in prepared.items()}
    labels = run.read_run().labels
    LOGGER.info("%s: trials to run: %d, on %s", command(), len(specs), cluster.described())
    for line in _announced(run, specs, options, cluster.slots(resources)):
        print(line, flush=True)
    with Progress(costs, lambda: cluster.slots(resources), Console(), labels) as progress:
        reporter = Reporter(run, progress, labels, fail_fast=options.fail_fast)
        try:
            tuner.run_trials(run, costs, data_sha256, options, resources, recorded_rungs(run), reporter)
        except EndedEarly as end:
            LOGGER.warning("%s", end)
            progress.say(str(end))
        else:
            LOGGER.info("every trial has ended or failed")


def _announced(run: RunDirectory, specs: Sequence[TrialSpec], options: RunOptions, slots: int) -> list[str]:
    """What is trained, how many of them at a time, on what, and where they write."""
    models = Counter(spec.model for spec in specs)
    counted = ", ".join(f"{count:,} {model}" for model, count in models.items())
    cells = len({spec.fields_except(SEEDS) for spec in specs})
    in_cells = f"{len(specs):,} in {cells:,} {'cell' if cells == 1 else 'cells'} ({counted})"
    at_once = min(slots, len(specs))
    device = f"{options.gpus_per_trial:g} GPU each" if options.gpus_per_trial else "CPUs"
    return [
        f"trials       {in_cells}, {at_once:,} at a time, on {device}",
        f"run          {run.root}",
    ]


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
