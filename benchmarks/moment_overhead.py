"""What does it cost a trial to measure its network where it ends, over a trial of 30 seconds?

Every measure that needs the weights alone or one pass over the training set, BatchNorm folded in, initial weights drawn
again, and the file written. The training sets are about as large as 30 seconds allow for in 50 epochs of the network.
It is processor time, which others' work on the machine changes little.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.made_images import made_data
from benchmarks.made_run import made_record
from benchmarks.measurement import Goal, Measurement, main
from rethink.data.betons.beton import PreparedData
from rethink.data.places import DataPlaces
from rethink.data.trial_data import StreamPool
from rethink.records.record import Record
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.training.loop import Training
from rethink.trial.moment_log import MomentLog

CASES = (
    ("mlp_1x512", 10_000),
    ("mlp_3x512", 5000),
    ("alexnet_small", 400),
    ("wide_resnet", 250),
    ("inception_small", 100),
)
TRIAL = 30.0  # s
CPU = torch.device("cpu")


def measure(quick: bool) -> list[Measurement]:
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        prepared = made_data(DataPlaces(cache_dir=Path(folder, "cache")))
        return [
            measurement
            for name, images in CASES
            for measurement in _case(Path(folder, name), prepared, name, images, 2 if quick else 7)
        ]


def _case(folder: Path, prepared: PreparedData, name: str, images: int, times: int) -> list[Measurement]:
    fields = {"dataset": prepared.source, "model": name, "train_samples": images, "test_every": 0, "max_epochs": 2}
    spec = complete({**fields, "label_corruption": 1.0})
    epoch, moments = _seconds(folder, prepared, spec, times)
    what = f"{name}, {images:,} images of 28 x 28 x 3"
    return [
        Measurement(
            what=f"{what}: a moment over a trial of {TRIAL:g} s",
            unit="fraction",
            samples=[seconds / TRIAL for seconds in moments],
            goal=Goal("at most", 0.02),
            note=f"one core; an epoch takes {epoch:.2g} s",
        ),
        Measurement(what=f"{what}: a moment", unit="s", samples=moments),
    ]


def _seconds(folder: Path, prepared: PreparedData, spec: TrialSpec, times: int) -> tuple[float, list[float]]:
    """An epoch, and each of so many measurements of the network at the end."""
    run = RunDirectory(folder)
    run.create(made_record())
    data = StreamPool(read_ahead=False, resident_bytes=2**30).open(spec, prepared)
    training = Training(spec, data, CPU)
    started = time.process_time()
    records = list(training.records())
    epoch = (time.process_time() - started) / len(records)
    log = MomentLog(run, spec, data, training.learner.network, CPU)
    return epoch, list(_timed(log, records, times))


def _timed(log: MomentLog, records: list[Record], times: int) -> Iterator[float]:
    for _ in range(times):
        started = time.process_time()
        log.keep(records)
        yield time.process_time() - started


if __name__ == "__main__":
    main(measure)
