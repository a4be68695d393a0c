"""How long from the creation of a Ray actor to its first finished epoch, and what does the next trial on it cost?

The actor is created as Tune creates it, around the product's trainable. Each gets environment variables of its own,
so that Ray starts a new process for it and hands out no worker that waits, already started.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

from benchmarks.made_run import made_record
from benchmarks.measurement import Goal, Measurement, main
from rethink.data.betons.prepare import prepare
from rethink.ray_backend.registrations import Entries
from rethink.ray_backend.trainable import NetworkTrainable
from rethink.records.run_directory import RunDirectory
from rethink.sweep.recipes import complete
from rethink.trial.settings import TrialSettings

DATASET = "fashion_mnist_mini"
ACTORS = 5  # of each kind, in turn
NEXT_TRIALS = 30


def measure(quick: bool) -> list[Measurement]:
    actors, next_trials = (1, 5) if quick else (ACTORS, NEXT_TRIALS)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(Path(folder, "run"))
        run.create(made_record())
        settings = TrialSettings(
            run=run.root,
            data_sha256={DATASET: prepare(DATASET).content_sha256},
            report_seconds=0.0,  # train() returns after one epoch
        )
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="WARNING")
        _first_epoch(settings, 0, {})  # fills the machine's numba cache
        warm, cold = [], []
        for i in range(actors):
            warm.append(_first_epoch(settings, 2 * i + 1, {}))
            cold.append(_first_epoch(settings, 2 * i + 2, {"NUMBA_CACHE_DIR": str(Path(folder, f"numba-{i}"))}))
        further = _further_trials(settings, next_trials)
        ray.shutdown()
    return _measurements(warm, cold, further)


def _measurements(warm: list[float], cold: list[float], further: list[float]) -> list[Measurement]:
    note = "new process, imports and one epoch of 200 images included"
    return [
        Measurement(
            what="new actor to its first finished epoch, numba cache warm",
            unit="s",
            samples=warm,
            goal=Goal("at most", 6.0),
            note=note,
        ),
        Measurement(
            what="new actor to its first finished epoch, numba cache empty (once per machine)",
            unit="s",
            samples=cold,
            note=note,
        ),
        Measurement(
            what="next trial on the same actor, beyond its first epoch's own time",
            unit="s",
            samples=further,
            goal=Goal("at most", 0.3),
            note="reset, network, row file, TensorBoard file and the calls through Ray",
        ),
    ]


def _first_epoch(settings: TrialSettings, seed: int, env: dict[str, str]) -> float:
    started = time.perf_counter()
    actor = _actor(settings, seed, env)
    ray.get(actor.train.remote())
    seconds = time.perf_counter() - started
    ray.kill(actor)
    return seconds


def _further_trials(settings: TrialSettings, trials: int) -> list[float]:
    actor = _actor(settings, 1000, {})
    ray.get(actor.train.remote())
    costs = []
    for seed in range(1001, 1001 + trials):
        started = time.perf_counter()
        ray.get(actor.reset.remote(_config(seed)))
        row = ray.get(actor.train.remote())
        own = row["train_seconds"] + row["check_seconds"] + row["test_seconds"]
        costs.append(time.perf_counter() - started - own)
    ray.kill(actor)
    return costs


def _actor(settings: TrialSettings, seed: int, env: dict[str, str]) -> Any:
    trainable = tune.with_parameters(NetworkTrainable, settings=settings, entries=Entries((), ()))  # built-in ones
    own_process = {"env_vars": {"BENCHMARK_ACTOR": str(seed), **env}}
    return ray.remote(num_cpus=1, runtime_env=own_process)(trainable).remote(config=_config(seed))


def _config(seed: int) -> dict[str, Any]:
    fields = {"dataset": DATASET, "model": "mlp_1x512", "train_samples": 200, "label_corruption": 1.0, "seed": seed}
    return {"spec": complete(fields).to_dict()}


if __name__ == "__main__":
    main(measure)
