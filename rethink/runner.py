"""Runs the trials of a sweep with Ray Tune, and resumes a run that was interrupted."""

import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from ray import cloudpickle, tune
from ray.tune.logger import JsonLoggerCallback
from ray.tune.search.basic_variant import BasicVariantGenerator
from rich.console import Console

from rethink import cluster
from rethink.checkpoint_file import StartState, write_checkpoint
from rethink.cost import check_possible, expected_cost
from rethink.data import sources
from rethink.data.beton import PreparedData
from rethink.data.for_spec import prepare_for
from rethink.data.trial_data import check_fits, check_same_data
from rethink.entries import Entries
from rethink.examples import write_label_examples
from rethink.interruption import going_on_with
from rethink.label_facts import label_facts
from rethink.new_run import check_name, discard_unbegun, new_run, open_storage
from rethink.own_code import own_code
from rethink.progress import Progress
from rethink.provenance import command, versions
from rethink.ray_log import logged_to
from rethink.reporter import Keep, Reporter, Silence, faults_of_the_sweep
from rethink.restarts import ForgiveProgress
from rethink.resumption import decisions_of, given_up, is_finished, recorded_rungs, warn_of_lost_rows
from rethink.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.run_record import RunRecord, StoredData
from rethink.schedulers import HalvingInCells, StopAtInterpolation, longest_first, spec_of
from rethink.spec import SpecError, TrialSpec
from rethink.sweep import Sweep, check_sweep
from rethink.tensorboard import write_hyperparameters
from rethink.trainable import NetworkTrainable
from rethink.trial import TrialSettings
from rethink.trial_run import check_last_batches, check_own_models
from rethink.weight_files import WeightFile, check_start, check_start_fits


def start(
    sweep: Sweep,
    variant: str,
    specs: Sequence[TrialSpec],
    storage: Path,
    name: str | None,
    options: RunOptions,
    keep: Keep,
    weights: WeightFile | None = None,
) -> RunDirectory:
    """Run the trials in a new run directory. Raises SpecError, before any trial starts, if one of them cannot run.

    `weights` is the file that trials with `start_from` start from; its content is copied into the run.
    """
    check_sweep(sweep)
    check_own_models(specs, None)
    _check_carried(Entries.named_by(specs))
    for spec in specs:
        check_possible(spec)
        if spec.start_from is not None:
            _check_start(spec, weights)
    sources.check_data_dir(options.data_dir, {spec.dataset for spec in specs})
    name = _default_name(sweep, variant) if name is None else name
    check_name(name)
    with open_storage(storage, name):
        resources = _connect(options, storage)
        prepared = _prepare_all(specs, options, weights)  # the data may take hours to write
        with new_run(storage, name) as new:
            record = _record(sweep, variant, specs, options, prepared)
            if weights is not None:
                _write_start_files(new, specs, weights)
            write_label_examples(new, specs, prepared)
            write_hyperparameters(new.tensorboard / "examples", specs)
            new.create(record)
    run = RunDirectory(storage / name)
    try:
        with going_on_with(_resume_command(run)):
            _execute(run, specs, prepared, options, resources, keep)
    except Exception:
        discard_unbegun(run)
        raise
    return run


def resume(run: RunDirectory, keep: Keep) -> RunDirectory:
    """Run what is left of a run: trials that finished are skipped, the others go on from their checkpoints.

    Raises SpecError if the data sets are no longer those that the run was started with, or are not known here.
    """
    record = run.read_run()
    outcomes = run.results({spec.spec_id for spec in record.specs}).outcomes
    for spec, epoch in given_up(decisions_of(run, record.specs), outcomes):
        run.record_outcome(spec.spec_id, "scheduler", epoch)
        keep(run, spec, "scheduler")
    outcomes, _ = run.read_outcomes()
    left = [spec for spec in record.specs if not is_finished(run, spec, outcomes)]
    if left:
        _check_known(left, run)
        run.make_whole()
        warn_of_lost_rows(run, left, outcomes)
        resources = _connect(record.options, run.root)
        prepared = _prepare_all(left, record.options, None)
        for name, data in prepared.items():
            check_same_data(data, record.data[name].content_sha256, run.root)
        with going_on_with(_resume_command(run)):
            _execute(run, left, prepared, record.options, resources, keep)
    return run


def _resume_command(run: RunDirectory) -> str:
    return f"rethink resume {quote(str(run.root))}"


def _check_known(specs: Sequence[TrialSpec], run: RunDirectory) -> None:
    try:
        Entries.named_by(specs)
    except SpecError as error:
        command = f"python FILE --resume {quote(str(run.root))}"
        raise SpecError(f"{error}; a file of your own that registers it resumes the run: {command}") from None


def _execute(
    run: RunDirectory,
    specs: Sequence[TrialSpec],
    prepared: Mapping[str, PreparedData],
    options: RunOptions,
    resources: Mapping[str, float],
    keep: Keep,
) -> None:
    rungs = recorded_rungs(run)
    settings = TrialSettings(
        run=run.root,
        data_sha256={name: data.content_sha256 for name, data in prepared.items()},
        places=options.places,
        os_cache=options.os_cache,
        device="cuda" if options.gpus_per_trial else "cpu",
        threads=max(1, int(resources["cpu"])),
        report_seconds=_report_seconds(options, min(len(specs), cluster.most_slots(resources))),
        report_epochs=rungs.halving.rungs(max(spec.max_epochs for spec in specs)) if rungs else frozenset(),
        checkpoint_seconds=options.checkpoint_seconds,
    )
    parametrized = tune.with_parameters(NetworkTrainable, settings=settings, entries=Entries.named_by(specs))
    trainable = tune.with_resources(parametrized, dict(resources))
    costs = {spec: _cost(spec, prepared) for spec in specs}
    labels = run.read_run().labels
    with (
        Progress(costs, lambda: cluster.slots(resources), Console(), labels) as progress,
        logged_to(run.ray_log),
        faults_of_the_sweep(),
    ):
        tune.Tuner(
            trainable,
            param_space={"spec": dict.fromkeys(TrialSpec.__dataclass_fields__), "expected_cost": None},
            tune_config=tune.TuneConfig(
                search_alg=BasicVariantGenerator(longest_first(costs)),  # a grid search copies all of them for each
                num_samples=len(costs),
                scheduler=StopAtInterpolation(run, HalvingInCells(rungs) if rungs else None),
                reuse_actors=True,
                trial_name_creator=lambda trial: spec_of(trial).name,
                trial_dirname_creator=lambda trial: spec_of(trial).name,
            ),
            run_config=tune.RunConfig(
                name=f"start-{len(list(run.tune.glob('start-*'))) + 1:03d}",
                storage_path=str(run.tune),
                callbacks=[JsonLoggerCallback(), Reporter(run, progress, keep, labels), ForgiveProgress(), Silence()],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=options.max_failures),
                verbose=0,
            ),
        ).fit()


def _report_seconds(options: RunOptions, trials: int) -> float:
    """Least time between two reports of a trial, of which so many run at once at most.

    A report costs the controller 1 ms and 1 µs for each of these trials (docs/scaling.md): by default it has half of
    its time left. Rarer reports delay nothing but the display, as a trial at its end reports at once.
    """
    if options.report_seconds is not None:
        return options.report_seconds
    return max(1.0, 2 * trials * (1e-3 + 1e-6 * trials))


def _prepare_all(
    specs: Sequence[TrialSpec], options: RunOptions, weights: WeightFile | None
) -> dict[str, PreparedData]:
    by_data = {spec.stored_data: spec for spec in specs}
    prepared = {name: prepare_for(spec, options.places) for name, spec in by_data.items()}
    for name, data in prepared.items():
        of_data = [spec for spec in specs if spec.stored_data == name]
        check_own_models(of_data, data.classes)
        check_last_batches(of_data, data.train.samples, data.classes)
    for spec in specs:
        check_fits(spec, prepared[spec.stored_data])
        _cost(spec, prepared)  # builds the network for these classes, without memory
        if weights is not None:
            check_start_fits(weights, spec, prepared[spec.stored_data].classes)
    return prepared


def _check_carried(entries: Entries) -> None:
    """Raise SpecError for an entry that cannot go to the processes that train."""
    named = [("model", entry.name, entry) for entry in entries.models]
    for kind, name, entry in (*named, *(("data set", entry.name, entry) for entry in entries.sources)):
        with own_code(f"{kind} {name!r}: carrying it to the processes that train"):
            cloudpickle.dumps(entry)


def _check_start(spec: TrialSpec, weights: WeightFile | None) -> None:
    if weights is None or weights.sha256 != spec.start_from:
        raise SpecError(f"start_from = {spec.start_from!r} is not allowed: `rethink resume FILE` starts from a file")
    check_start(weights, spec)


def _cost(spec: TrialSpec, prepared: Mapping[str, PreparedData]) -> float:
    data = prepared[spec.stored_data]
    return expected_cost(spec, data.train.samples, data.classes)


def _connect(options: RunOptions, folder: Path) -> dict[str, float]:
    """Join Ray; return the CPU and GPU share of a trial. Raises SpecError if some machine cannot run the trials."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # trials write their own TensorBoard files
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"  # of trials under way when the sweep ended: a stack for each
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # with verbose=0 this silences Tune: Progress speaks ...
    logging.getLogger("ray.tune").setLevel(logging.ERROR)  # ... and `rethink resume` takes the place of Tuner.restore
    cluster.connect(options.ray_address)
    resources = cluster.trial_resources(options)
    cluster.check_nodes(folder)
    return resources


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
        data={name: _describe(data) for name, data in prepared.items()},
        options=options,
        halving=sweep.halving,
        specs=tuple(specs),
        labels=label_facts(specs, prepared),
    )


def _default_name(sweep: Sweep, variant: str) -> str:
    return f"{sweep.name}-{variant}-{datetime.now():%Y%m%d-%H%M%S}"


def _describe(data: PreparedData) -> StoredData:
    return StoredData(
        content_sha256=data.content_sha256,
        train_samples=data.train.samples,
        test_samples=data.test.samples,
        classes=data.classes,
        class_names=tuple(data.class_names),
    )
