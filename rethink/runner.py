"""Runs the trials of a sweep with Ray Tune, and resumes a run that was interrupted."""

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.logger import JsonLoggerCallback
from rich.console import Console

from rethink.cost import expected_cost
from rethink.data.beton import PreparedData, prepare
from rethink.data.trial_data import check_fits, check_same_data
from rethink.entries import Entries
from rethink.examples import write_label_examples
from rethink.halving import Rungs, SuccessiveHalving
from rethink.metrics import stop_reason
from rethink.progress import Progress
from rethink.provenance import versions
from rethink.run_directory import RunDirectory, rows_of
from rethink.schedulers import HalvingInCells, StopAtInterpolation, longest_first, spec_of
from rethink.spec import SpecError, TrialSpec
from rethink.sweep import Sweep
from rethink.tensorboard import write_hyperparameters
from rethink.trainable import NetworkTrainable
from rethink.trial import TrialSettings

Keep = Callable[[RunDirectory, TrialSpec, str], None]  # told of every trial that has ended, and why


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where and how fast trials run; nothing that a result depends on, but for the threads' rounding."""

    data_dir: Path | None = None
    cache_dir: Path | None = None
    cpus_per_trial: float = 1.0  # also its threads: more of them round otherwise, so the default is the same everywhere
    gpus_per_trial: float = 0.0
    ray_address: str = "local"  # "local": a Ray of this run's own; "auto" or an address: a cluster
    report_seconds: float = 1.0
    checkpoint_seconds: float = 30.0
    max_failures: int = 3  # restarts of one trial from its checkpoint, before it counts as failed

    def __post_init__(self) -> None:
        """Raises SpecError for a number out of range."""
        if not self.cpus_per_trial > 0:
            raise SpecError(f"cpus_per_trial = {self.cpus_per_trial:g} is not allowed: above 0")
        for name in ("gpus_per_trial", "report_seconds", "checkpoint_seconds", "max_failures"):
            if not getattr(self, name) >= 0:
                raise SpecError(f"{name} = {getattr(self, name):g} is not allowed: 0 or more")


def start(
    sweep: Sweep,
    variant: str,
    specs: Sequence[TrialSpec],
    storage: Path,
    name: str | None,
    options: RunOptions,
    keep: Keep,
) -> RunDirectory:
    """Run the trials in a new run directory. Raises SpecError, before any trial starts, if one of them cannot run."""
    prepared = _prepare_all(specs, options)
    _connect(options)
    resources = _resources(options)
    run = RunDirectory(_new_folder(storage, name or _default_name(sweep, variant)))
    run.create(
        {
            "sweep": sweep.name,
            "variant": variant,
            "command": " ".join(sys.argv),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            "data": {name: _describe(data) for name, data in prepared.items()},
            "options": {key: _plain(value) for key, value in asdict(options).items()},
            "halving": asdict(sweep.halving) if sweep.halving else None,
            "specs": [spec.to_dict() for spec in specs],
        }
    )
    write_label_examples(run, specs, prepared)
    write_hyperparameters(run.tensorboard / "examples", specs)
    _execute(run, specs, prepared, options, resources, keep)
    return run


def resume(run: RunDirectory, keep: Keep) -> RunDirectory:
    """Run what is left of a run: trials that finished are skipped, the others go on from their checkpoints.

    Raises SpecError if the data sets are no longer those that the run was started with, or are not known here.
    """
    recorded = run.read_run()
    options = RunOptions(**{key: _restored(key, value) for key, value in recorded["options"].items()})
    specs = [TrialSpec.from_dict(values) for values in recorded["specs"]]
    outcomes, _ = run.read_outcomes()
    left = [spec for spec in specs if not _is_finished(run, spec, outcomes)]
    if left:
        _check_known(left, run)
        prepared = _prepare_all(left, options)
        for name, data in prepared.items():
            check_same_data(data, recorded["data"][name]["content_sha256"], run.root)
        _connect(options)
        _execute(run, left, prepared, options, _resources(options), keep)
    return run


def _check_known(specs: Sequence[TrialSpec], run: RunDirectory) -> None:
    try:
        Entries.named_by(specs)
    except SpecError as error:
        raise SpecError(
            f"{error}; a file of your own that registers it resumes the run: python FILE --resume {run.root}"
        ) from None


def _is_finished(run: RunDirectory, spec: TrialSpec, outcomes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a trial's own rows show its end, or a scheduler gave it up; a failed trial is tried again."""
    if outcomes.get(spec.spec_id, {}).get("stop_reason") == "scheduler":
        return True
    rows = rows_of(run.read_attempts(spec.spec_id)).values()
    return any(stop_reason(spec, row) is not None for row in rows)


def _execute(
    run: RunDirectory,
    specs: Sequence[TrialSpec],
    prepared: Mapping[str, PreparedData],
    options: RunOptions,
    resources: Mapping[str, float],
    keep: Keep,
) -> None:
    rungs = _recorded_rungs(run)
    settings = TrialSettings(
        run=run.root,
        data_sha256={name: data.content_sha256 for name, data in prepared.items()},
        data_dir=options.data_dir,
        cache_dir=options.cache_dir,
        device="cuda" if options.gpus_per_trial else "cpu",
        threads=max(1, int(resources["cpu"])),
        report_seconds=options.report_seconds,
        report_epochs=rungs.halving.rungs(max(spec.max_epochs for spec in specs)) if rungs else frozenset(),
        checkpoint_seconds=options.checkpoint_seconds,
    )
    parametrized = tune.with_parameters(NetworkTrainable, settings=settings, entries=Entries.named_by(specs))
    trainable = tune.with_resources(parametrized, dict(resources))
    costs = {spec: _cost(spec, prepared) for spec in specs}
    with Progress(costs, _slots(resources), Console()) as progress:
        tune.Tuner(
            trainable,
            param_space=tune.grid_search(longest_first(costs)),
            tune_config=tune.TuneConfig(
                scheduler=StopAtInterpolation(run, HalvingInCells(rungs) if rungs else None),
                reuse_actors=True,
                trial_name_creator=lambda trial: spec_of(trial).name,
                trial_dirname_creator=lambda trial: spec_of(trial).name,
            ),
            run_config=tune.RunConfig(
                name=f"start-{len(list(run.tune.glob('start-*'))) + 1:03d}",
                storage_path=str(run.tune),
                callbacks=[JsonLoggerCallback(), _Reporter(run, progress, keep)],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=options.max_failures),
                verbose=0,
            ),
        ).fit()


def _recorded_rungs(run: RunDirectory) -> Rungs | None:
    """The rungs with all that the run's trials recorded so far: a resumed search ranks as if never interrupted."""
    recorded = run.read_run()
    if recorded.get("halving") is None:  # nor had runs of earlier versions the entry
        return None
    rungs = Rungs(SuccessiveHalving(**recorded["halving"]))
    for spec in map(TrialSpec.from_dict, recorded["specs"]):
        for row in rows_of(run.read_attempts(spec.spec_id)).values():
            rungs.passes(spec, row)
    return rungs


class _Reporter(tune.Callback):
    """Carries what the controller hears to the progress display and the store, and failures to the run directory."""

    def __init__(self, run: RunDirectory, progress: Progress, keep: Keep) -> None:
        self._run = run
        self._progress = progress
        self._keep = keep

    def __getstate__(self) -> dict[str, Any]:
        return {"_run": self._run}  # Tune pickles its callbacks for a restore of its own; a display has no copy

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        self._progress.update(spec_of(trial), result, result["time_total_s"])

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        reason = stop_reason(spec_of(trial), trial.last_result) or "scheduler"
        self._keep(self._run, spec_of(trial), reason)
        self._progress.finish(spec_of(trial), reason)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        spec_id = spec_of(trial).spec_id
        self._run.error_file(spec_id).write_text(str(trial.get_error()))
        self._run.record_outcome(spec_id, "error", int((trial.last_result or {}).get("epoch", 0)))
        self._keep(self._run, spec_of(trial), "error")
        self._progress.finish(spec_of(trial), "error")


def _prepare_all(specs: Sequence[TrialSpec], options: RunOptions) -> dict[str, PreparedData]:
    names = dict.fromkeys(spec.dataset for spec in specs)
    prepared = {name: prepare(name, options.data_dir, options.cache_dir) for name in names}
    for spec in specs:
        check_fits(spec, prepared[spec.dataset])
        _cost(spec, prepared)  # builds the network once, without memory: an impossible one fails here
    return prepared


def _cost(spec: TrialSpec, prepared: Mapping[str, PreparedData]) -> float:
    data = prepared[spec.dataset]
    return expected_cost(spec, data.train.samples, data.classes)


def _connect(options: RunOptions) -> None:
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # trials write their own TensorBoard files
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # with verbose=0 this silences Tune: Progress speaks ...
    logging.getLogger("ray.tune").setLevel(logging.ERROR)  # ... and `rethink resume` takes the place of Tuner.restore
    if ray.is_initialized():
        return
    # Ray locks its local cluster with a token by default, which is as it should be and needs no warning.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    ray.init(address=options.ray_address, include_dashboard=False, log_to_driver=False, logging_level="WARNING")


def _resources(options: RunOptions) -> dict[str, float]:
    """CPU and GPU share of a trial. Raises SpecError for a share that no node of the cluster has."""
    largest = {
        kind: max(node["Resources"].get(kind, 0.0) for node in ray.nodes() if node["Alive"]) for kind in ("CPU", "GPU")
    }
    shares = {"cpu": options.cpus_per_trial, "gpu": options.gpus_per_trial}
    for kind, share in shares.items():
        if share > largest[kind.upper()]:
            raise SpecError(
                f"{kind}s_per_trial = {share:g} is not allowed: the largest node has {largest[kind.upper()]:g}"
            )
    return shares


def _slots(resources: Mapping[str, float]) -> int:
    total = ray.cluster_resources()
    return max(1, min(int(total.get(kind.upper(), 0) / share) for kind, share in resources.items() if share))


def _new_folder(storage: Path, name: str) -> Path:
    if name != Path(name).name:
        raise SpecError(f"name = {name!r} is not allowed: a name without a path")
    folder = (storage / name).absolute()
    try:
        folder.mkdir(parents=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except FileExistsError:
        raise SpecError(f"{folder} exists; choose another --name, or `rethink resume {folder}`") from None
    except OSError as error:
        raise SpecError(f"storage {storage} cannot be written: {error.strerror}") from None
    return folder


def _default_name(sweep: Sweep, variant: str) -> str:
    return f"{sweep.name}-{variant}-{datetime.now():%Y%m%d-%H%M%S}"


def _describe(data: PreparedData) -> dict[str, Any]:
    return {
        "content_sha256": data.content_sha256,
        "train_samples": data.train.samples,
        "test_samples": data.test.samples,
        "classes": data.classes,
        "class_names": list(data.class_names),
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _restored(key: str, value: Any) -> Any:
    return Path(value) if key.endswith("_dir") and value is not None else value
