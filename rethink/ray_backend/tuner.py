"""Trials by Ray Tune: joins a Ray, and lets it run every trial until the last one has ended."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from ray import tune
from ray.tune.logger import JsonLoggerCallback
from ray.tune.search.basic_variant import BasicVariantGenerator

from rethink.ray_backend import cluster
from rethink.ray_backend.forgiving_restarts import ForgiveProgress
from rethink.ray_backend.ray_logging import logged_to
from rethink.ray_backend.registrations import Entries
from rethink.ray_backend.reporter import Reporter, Silence, faults_of_the_sweep
from rethink.ray_backend.schedulers import HalvingInCells, StopAtInterpolation, longest_first, spec_of
from rethink.ray_backend.time_budget import TimeBudget
from rethink.ray_backend.trainable import NetworkTrainable
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.spec import TrialSpec
from rethink.sweep.successive_halving import Rungs
from rethink.trial.settings import TrialSettings


def run_trials(
    run: RunDirectory,
    costs: Mapping[TrialSpec, float],
    data_sha256: Mapping[str, str],
    options: RunOptions,
    resources: Mapping[str, float],
    rungs: Rungs | None,
    reporter: Reporter,
    budget: TimeBudget | None = None,
) -> None:
    """Let Ray Tune run trials until the last one has ended, the longest first.

    Args:
        run: Where the trials write.
        costs: What each trial is expected to cost, in any unit.
        data_sha256: The content of each data set, by its name.
        options: The run's.
        resources: A trial's share of CPUs and GPUs, as `connect` returned it.
        rungs: The decisions of successive halving so far, if the sweep asked for it.
        reporter: Receives every report and every end.
        budget: Says which trials may still start; none: all.
    """
    settings = TrialSettings(
        run=run.root,
        data_sha256=dict(data_sha256),
        places=options.places,
        os_cache=options.os_cache,
        resident_memory=options.resident_memory,
        sharing=min(len(costs), cluster.most_on_one_device(resources)),
        device="cuda" if options.gpus_per_trial else "cpu",
        threads=max(1, int(resources["cpu"])),
        report_seconds=_report_seconds(options, min(len(costs), cluster.most_slots(resources))),
        report_epochs=rungs.halving.rungs(max(spec.max_epochs for spec in costs)) if rungs else frozenset(),
        checkpoint_seconds=options.checkpoint_seconds,
    )
    entries = Entries.named_by([*costs])
    parametrized = tune.with_parameters(NetworkTrainable, settings=settings, entries=entries)
    trainable = tune.with_resources(parametrized, dict(resources))
    with logged_to(run.ray_log), faults_of_the_sweep():
        tune.Tuner(
            trainable,
            param_space={"spec": dict.fromkeys(TrialSpec.__dataclass_fields__), "expected_cost": None},
            tune_config=tune.TuneConfig(
                search_alg=BasicVariantGenerator(longest_first(costs)),  # a grid search copies all of them for each
                num_samples=len(costs),
                scheduler=StopAtInterpolation(run, HalvingInCells(rungs) if rungs else None, budget),
                reuse_actors=True,
                trial_name_creator=lambda trial: spec_of(trial).name,
                trial_dirname_creator=lambda trial: spec_of(trial).name,
            ),
            run_config=tune.RunConfig(
                name=f"start-{len(list(run.tune.glob('start-*'))) + 1:03d}",
                storage_path=str(run.tune),
                callbacks=[JsonLoggerCallback(), reporter, ForgiveProgress(), Silence()],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=options.max_failures),
                verbose=0,
            ),
        ).fit()


def _report_seconds(options: RunOptions, trials: int) -> float:
    """Least time between two reports of a trial, if at most so many run at once.

    A report costs the controller 1 ms, and 1 µs for each of these trials (docs/scaling.md): by default the controller
    is busy for half of its time. Rarer reports delay only the display, because a trial reports its end at once.
    """
    if options.report_seconds is not None:
        return options.report_seconds
    return max(1.0, 2 * trials * (1e-3 + 1e-6 * trials))


def connect(options: RunOptions, folder: Path) -> dict[str, float]:
    """Join Ray; return the CPU and GPU share of a trial. Raises ClusterError if some machine cannot run the trials."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # trials write their own TensorBoard files
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"  # else a stack for each trial that runs when the sweep ends
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # with verbose=0 this silences Tune: Progress speaks ...
    logging.getLogger("ray.tune").setLevel(logging.ERROR)  # ... and `rethink resume` takes the place of Tuner.restore
    cluster.connect(options.ray_address)
    resources = cluster.trial_resources(options)
    cluster.check_nodes(folder)
    return resources
