"""What does it cost to know after every epoch whether the network fits the whole training set exactly?

Over whole trials to interpolation: the product's check (the last epoch's full pass included), and beside it, on the
same weights after the same epochs, the full pass over the training set that a naive check makes.
"""

import time
from typing import NamedTuple

import torch

from benchmarks.measurement import Goal, Measurement, main
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.trial_data import StreamPool
from rethink.sweep.recipes import complete
from rethink.training.evaluation import Evaluator
from rethink.training.loop import Training

DATASET = "fashion_mnist_mini"
LEVELS = (0.0, 0.5, 1.0)
IMAGES = 2000
CPU = torch.device("cpu")


class _Costs(NamedTuple):
    """Sums over a trial, s."""

    epochs: int
    train: float
    check: float
    naive: float


def measure(quick: bool) -> list[Measurement]:
    torch.set_num_threads(1)
    prepared, pool = prepare(DATASET), StreamPool(read_ahead=False, resident_bytes=2**30)
    images, seeds = (200, 2) if quick else (IMAGES, 3)
    _trial(0.0, 0, 100, prepared, pool)  # warm-up
    return [
        measurement
        for level in LEVELS
        for measurement in _level(level, images, [_trial(level, seed, images, prepared, pool) for seed in range(seeds)])
    ]


def _level(level: float, images: int, trials: list[_Costs]) -> list[Measurement]:
    what = f"mlp_1x512, {images:,} images, level {level:g}"
    epochs = ", ".join(str(trial.epochs) for trial in trials)
    return [
        Measurement(
            what=f"{what}: interpolation check over training time",
            unit="fraction",
            samples=[trial.check / trial.train for trial in trials],
            goal=Goal("at most", 0.01),
            note=f"one sample a trial; epochs to fit: {epochs}",
        ),
        Measurement(
            what=f"{what}: naive full pass every epoch over training time",
            unit="fraction",
            samples=[trial.naive / trial.train for trial in trials],
            note="same trials, same weights",
        ),
    ]


def _trial(level: float, seed: int, images: int, prepared: PreparedData, pool: StreamPool) -> _Costs:
    spec = complete(
        {
            "dataset": DATASET,
            "model": "mlp_1x512",
            "train_samples": images,
            "label_corruption": level,
            "seed": seed,
            "learning_rate_decay": 1.0,
            "test_every": 0,
        }
    )
    data = pool.open(spec, prepared)
    training = Training(spec, data, CPU)
    naive = Evaluator(training.learner.network, CPU, spec.precision)
    train = check = naive_seconds = 0.0
    for record in training.records():
        train, check = train + record.train_seconds, check + record.check_seconds
        started = time.perf_counter()
        naive.scores(data.train, data.subset)
        naive_seconds += time.perf_counter() - started
        if record.fitted:
            return _Costs(record.epoch, train, check, naive_seconds)
    raise RuntimeError(f"{spec.name} did not fit in {spec.max_epochs} epochs")


if __name__ == "__main__":
    main(measure)
