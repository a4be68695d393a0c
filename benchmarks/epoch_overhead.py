"""How much slower is a trial's epoch, everything included, than bare steps over tensors in memory?

Everything: batches, the exact check, rows, TensorBoard, checkpoints by the clock. Tests of the test set are left to the
trial's end, as the bare loop has none. In a full sweep every core runs a trial, and a trial on a CPU has one thread:
both loops run on one core, epochs of both in turn.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmarks.made_images import made_data
from benchmarks.made_run import made_record
from benchmarks.measurement import Goal, Measurement, main
from rethink import models
from rethink.data.betons.beton import PreparedData
from rethink.data.places import DataPlaces
from rethink.data.trial_data import StreamPool
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.training.epoch_pass import epoch_order
from rethink.trial.data_store import DataStore
from rethink.trial.settings import TrialSettings
from rethink.trial.trial import Trial

# model, images, pairs of epochs
CASES = (
    ("mlp_1x512", 2000, 40),
    ("mlp_1x512", 5000, 24),
    ("mlp_1x512", 50_000, 6),
    ("alexnet_small", 2000, 5),
    ("wide_resnet", 1000, 5),
    ("inception_small", 256, 5),
)
NEVER_FITS = 1e-6  # learning rate
WARM_UP = 2  # epochs of each
CPU = torch.device("cpu")
Batches = list[tuple[torch.Tensor, torch.Tensor]]


def measure(quick: bool) -> list[Measurement]:
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        places = DataPlaces(cache_dir=Path(folder, "cache"))
        prepared = made_data(places)
        return [
            measurement
            for number, (name, images, pairs) in enumerate(CASES)
            for measurement in _compare(
                Path(folder, f"run{number}"), places, prepared, name, images, 2 if quick else pairs
            )
        ]


def _compare(
    folder: Path, places: DataPlaces, prepared: PreparedData, name: str, images: int, pairs: int
) -> list[Measurement]:
    fields = {"dataset": prepared.source, "model": name, "train_samples": images, "test_every": 0}
    spec = complete({**fields, "label_corruption": 1.0, "learning_rate": NEVER_FITS})
    product, bare = _product_epochs(folder, places, prepared, spec), _bare_epochs(spec, prepared)
    both = [(next(product), next(bare)) for _ in range(WARM_UP + pairs)][WARM_UP:]
    what = f"{name}, {images:,} images of 28 x 28 x 3"
    return [
        Measurement(
            what=f"{what}: speed of a trial's epoch over the bare loop",
            unit="fraction",
            samples=[b / p for p, b in both],
            goal=Goal("at least", 0.97),
            note="everything included; one core",
        ),
        Measurement(what=f"{what}: a trial's epoch", unit="s", samples=[p for p, _ in both]),
        Measurement(what=f"{what}: a bare epoch", unit="s", samples=[b for _, b in both]),
    ]


def _product_epochs(folder: Path, places: DataPlaces, prepared: PreparedData, spec: TrialSpec) -> Iterator[float]:
    run = RunDirectory(folder)
    run.create(made_record())
    settings = TrialSettings(run=run.root, data_sha256={prepared.source: prepared.content_sha256}, places=places)
    trial = Trial(spec, settings, DataStore(settings))
    while True:
        started = time.perf_counter()
        trial.run_until(lambda: True)
        yield time.perf_counter() - started


def _bare_epochs(spec: TrialSpec, prepared: PreparedData) -> Iterator[float]:
    batches = _in_memory(spec, prepared)
    model = models.build_model(spec, (3, spec.image_size, spec.image_size), prepared.classes)
    if models.get(spec.model).channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=spec.learning_rate, momentum=spec.momentum, fused=True)
    while True:
        started = time.perf_counter()
        for images, labels in batches:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        yield time.perf_counter() - started


def _in_memory(spec: TrialSpec, prepared: PreparedData) -> Batches:
    data = StreamPool(read_ahead=False).open(spec, prepared)
    order = epoch_order(data.subset, spec.seed, 1)
    return [(images.clone(), labels.clone()) for images, labels, _ in data.train.batches(order, spec.batch_size)]


if __name__ == "__main__":
    main(measure)
