"""How long until the results of a large sweep are two data frames, and how long do Ray's own readers take for as many?

Made runs: every trial has 100 epochs, four models, six corruption levels, many seeds, a different number in every
measured column. Ray reads the folder that Tune itself writes of a sweep whose trials report these very rows, all of
them, where a real trial reports once a second and leaves fewer. Before Ray is timed, the tables have to agree on the
trials, the number of their rows and their epochs to fit.
"""

import gc
import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import ray
from ray import tune
from ray.tune.logger import JsonLoggerCallback

from analysis.frames import load
from benchmarks.made_run import about, made_record
from benchmarks.measurement import Goal, Measurement, main
from rethink.files.user_cache import user_cache
from rethink.ray_backend.schedulers import spec_of
from rethink.records.record import Record, stop_reason
from rethink.records.rows import rows_of
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete

EPOCHS = 100
SMALL, LARGE, QUICK = 1000, 10_000, 100  # trials
BLOCKS = (  # the blocks of sweeps/label_corruption.py
    {"model": "mlp_1x512", "train_samples": 2000},
    {"model": "alexnet_small", "train_samples": 250, "test_every": 10},
    {"model": "inception_small", "train_samples": 128, "batch_size": 32, "test_every": 10},
    {"model": "wide_resnet", "train_samples": 128, "batch_size": 32, "test_every": 10},
)
LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
TEST_IMAGES = 1000


def measure(quick: bool) -> list[Measurement]:
    with tempfile.TemporaryDirectory() as home, mock.patch.dict(os.environ, XDG_CACHE_HOME=home):
        return _beside_ray(QUICK, 2) if quick else [*_beside_ray(SMALL, 5), *_alone(LARGE, 2)]


def _beside_ray(trials: int, samples: int) -> list[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        run = _made_run(Path(folder, "run"), trials)
        ray_folder = _ray_folder(run)
        _check_same(run, ray_folder)  # and every file is in the page cache
        own, grid, analysis = [], [], []
        for _ in range(samples):  # in turn, so that a change of the machine's load meets all three
            own.append(_first_load(run))
            grid.append(_seconds(lambda: _from_result_grid(ray_folder)))
            analysis.append(_seconds(lambda: _from_experiment_analysis(ray_folder)))
        again = [_seconds(lambda: load(run.root)) for _ in range(samples)]
    return [
        _own(trials, "row files alone", own, Goal("at most", 2.0)),
        _own(trials, "cached", again, Goal("at most", 2.0)),
        *_ray(trials, "ResultGrid, its metrics_dataframes joined", grid, own),
        *_ray(trials, "ExperimentAnalysis, its trial_dataframes joined", analysis, own),
    ]


def _alone(trials: int, samples: int) -> list[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        run = _made_run(Path(folder, "run"), trials)
        from_rows = [_first_load(run) for _ in range(samples)]
        again = [_seconds(lambda: load(run.root)) for _ in range(samples)]
        return [
            _own(trials, "row files alone", from_rows, Goal("at most", 20.0)),
            _own(trials, "cached", again, Goal("at most", 20.0)),
        ]


def _first_load(run: RunDirectory) -> float:
    """Seconds from the row files to the frames, and to their cache."""
    shutil.rmtree(user_cache() / "frames", ignore_errors=True)
    return _seconds(lambda: load(run.root))


def _own(trials: int, source: str, seconds: list[float], goal: Goal) -> Measurement:
    return Measurement(
        what=f"{_sized(trials)}: analysis.frames.load, {source}",
        unit="s",
        samples=seconds,
        goal=goal,
        note="both frames; files in the page cache",
    )


def _ray(trials: int, reader: str, seconds: list[float], own: list[float]) -> list[Measurement]:
    return [
        Measurement(
            what=f"{_sized(trials)}: Ray's {reader}",
            unit="s",
            samples=seconds,
            note="a folder that Tune wrote, one report an epoch; the table of epochs alone",
        ),
        Measurement(
            what=f"the same over analysis.frames.load of {_sized(trials)}",
            unit="times",
            samples=[theirs / ours for theirs, ours in zip(seconds, own, strict=True)],
            note="read in turn",
        ),
    ]


def _sized(trials: int) -> str:
    return f"{trials:,} trials of {EPOCHS} epochs"


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()  # what the reader before has left is not this one's to clear away
    started = time.perf_counter()
    _result = work()  # kept, so that it is freed after the clock has stopped
    return time.perf_counter() - started


def _from_result_grid(folder: Path) -> pd.DataFrame:
    """What Tuner.restore(...).get_results() makes, without the trainable that it asks for."""
    grid = tune.ResultGrid(tune.ExperimentAnalysis(folder))
    table: pd.DataFrame = pd.concat([result.metrics_dataframe for result in grid], ignore_index=True)
    return table


def _from_experiment_analysis(folder: Path) -> pd.DataFrame:
    table: pd.DataFrame = pd.concat(tune.ExperimentAnalysis(folder).trial_dataframes.values(), ignore_index=True)
    return table


def _check_same(run: RunDirectory, ray_folder: Path) -> None:
    """Both of Ray's tables hold our trials, each with as many rows and the same epochs to fit."""
    frames = load(run.root)
    own = frames.trials.set_index("spec_id")[["epochs", "epochs_to_fit"]].astype("Float64").sort_index()
    names = {spec.name: spec.spec_id for spec in run.read_run().specs}
    spec_ids = {trial.trial_id: names[str(trial)] for trial in tune.ExperimentAnalysis(ray_folder).trials}
    for theirs in (_from_result_grid(ray_folder), _from_experiment_analysis(ray_folder)):
        by_trial = theirs.groupby(theirs["trial_id"].map(spec_ids))
        ends = by_trial.agg(epochs=("epoch", "size"), epochs_to_fit=("epochs_to_fit", "first")).astype("Float64")
        pd.testing.assert_frame_equal(own, ends, check_index_type=False, check_names=False)
        assert len(theirs) == len(frames.epochs)


def _made_run(root: Path, trials: int) -> RunDirectory:
    """A run as the product leaves it, but written without a sync after every line."""
    run = RunDirectory(root)
    specs = list(itertools.islice(_specs(), trials))
    run.create(made_record(specs))
    header = {"run_id": run.run_id, **about()}
    outcomes = []
    for number, spec in enumerate(specs):
        records = [record.to_dict() for record in _records(spec, np.random.default_rng(number))]
        begun = {"attempt": {"format": 1, "spec_id": spec.spec_id, "number": 1, **header}}
        _write_lines(run.rows / f"{spec.spec_id}-0001.jsonl", [begun, *records])
        reason = stop_reason(spec, records[-1])
        outcomes.append({"spec_id": spec.spec_id, "stop_reason": reason, "epoch": records[-1]["epoch"]})
    _write_lines(run.outcomes_file, outcomes)
    return run


def _specs() -> Iterator[TrialSpec]:
    """One seed of every model and level after the other; all train to max_epochs, whenever they fit."""
    fields = {"max_epochs": EPOCHS, "epochs_after_fit": EPOCHS}
    for seed in itertools.count():
        for block, level in itertools.product(BLOCKS, LEVELS):
            yield complete({**block, **fields, "label_corruption": level, "seed": seed})


def _write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, allow_nan=False) + "\n" for line in lines))


def _records(spec: TrialSpec, random: np.random.Generator) -> Iterator[Record]:
    """Made epochs of a trial that fits somewhere between epochs 30 and 120, the last of them too late."""
    images = spec.train_samples or 0
    chosen = round(spec.label_corruption * images)
    fit = int(random.integers(30, 121))
    steps = -(-images // spec.batch_size)
    for epoch in range(1, EPOCHS + 1):
        done, fitted = min(1.0, epoch / fit), epoch >= fit
        right = {n: int(random.binomial(n, 0.1 + 0.9 * done)) for n in (chosen, images - chosen)}
        tested = epoch == EPOCHS or (spec.test_every and epoch % spec.test_every == 0)
        train_seconds = float(random.gamma(9.0, 0.013))
        yield Record(
            row=epoch,
            epoch=epoch,
            steps=steps * epoch,
            images_seen=images * epoch,
            learning_rate=spec.learning_rate * spec.learning_rate_decay ** (images * epoch // 50_000),
            train_loss=float(random.gamma(4.0, 0.6) / epoch),
            train_accuracy=sum(right.values()) / images,
            train_accuracy_corrupted=right[chosen] / chosen if chosen else None,
            train_accuracy_clean=right[images - chosen] / (images - chosen) if chosen < images else None,
            test_loss=float(random.gamma(9.0, 0.1)) if tested else None,
            test_accuracy=int(random.binomial(TEST_IMAGES, 0.8)) / TEST_IMAGES if tested else None,
            test_top5_accuracy=int(random.binomial(TEST_IMAGES, 0.95)) / TEST_IMAGES if tested else None,
            train_eval_accuracy=None,
            train_eval_top5_accuracy=None,
            exact_train_accuracy=1.0 if fitted else None,
            exact_train_top5_accuracy=1.0 if fitted else None,
            fitted=fitted,
            epochs_to_fit=fit if fitted else None,
            diverged=False,
            checked_images=images if fitted else 8,
            train_seconds=train_seconds,
            check_seconds=float(random.gamma(9.0, 0.0002)),
            test_seconds=float(random.gamma(9.0, 0.003)),
            images_per_second=images / train_seconds,
        )


class _Replay(tune.Trainable):
    """Reports the rows of a made trial, one a step, as NetworkTrainable reports those that it measures."""

    def setup(self, config: dict[str, Any], run: RunDirectory) -> None:
        self._run = run
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._rows = iter(rows_of(self._run.read_attempts(TrialSpec.from_dict(new_config["spec"]).spec_id)).values())
        return True

    def step(self) -> dict[str, Any]:
        row = next(self._rows)
        return {**row, "done": row["epoch"] == EPOCHS}


def _ray_folder(run: RunDirectory) -> Path:
    """What Ray Tune itself leaves on disk, by tuner.py's settings, of a sweep that reports every row."""
    # Results reach the controller a trial at a time instead of one by one: the files are the same, written sooner.
    # Both settings, as Ray 2.60 hands train_buffered its seconds and its length in each other's place.
    buffer = {name: str(EPOCHS) for name in ("TUNE_RESULT_BUFFER_LENGTH", "TUNE_RESULT_BUFFER_MIN_TIME_S")}
    os.environ.update(buffer, TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1", RAY_AIR_NEW_OUTPUT="0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="WARNING")
    specs = [spec.to_dict() for spec in run.read_run().specs]
    tune.Tuner(
        tune.with_resources(tune.with_parameters(_Replay, run=run), {"cpu": 1}),
        param_space=tune.grid_search([{"spec": spec, "expected_cost": 1e9} for spec in specs]),
        tune_config=tune.TuneConfig(
            reuse_actors=True,
            trial_name_creator=lambda trial: spec_of(trial).name,
            trial_dirname_creator=lambda trial: spec_of(trial).name,
        ),
        run_config=tune.RunConfig(
            name="start-001",
            storage_path=str(run.tune),
            callbacks=[JsonLoggerCallback()],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    ).fit()
    ray.shutdown()
    return run.tune / "start-001"


if __name__ == "__main__":
    main(measure)
