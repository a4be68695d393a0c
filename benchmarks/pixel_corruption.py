"""How long does an epoch of loading take with each pixel corruption: 50,000 images of 28 × 28 × 3 on one core?

Reading, corruption, standardization and batching, nothing trained. Each pass is in a new random order. The goal stands
for the whole pass, not for what the corruption adds to it.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.measurement import Goal, Measurement, main
from rethink.data import sources
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.sources import ArraySplit, ImageData, ImageSource
from rethink.data.trial_data import StreamPool, TrialData
from rethink.spec import PIXEL_CORRUPTIONS
from rethink.sweep.recipes import complete
from rethink.training.epoch_pass import epoch_order

IMAGES, PASSES, BATCH = 50_000, 10, 128
CPU = torch.device("cpu")


def measure(quick: bool) -> list[Measurement]:
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sources.register(ImageSource("made", _open_made, lambda _: "1", image_size=28))
    with tempfile.TemporaryDirectory() as cache:
        prepared, pool = prepare("made", None, Path(cache)), StreamPool(read_ahead=False)
        return [_passes(kind, pool, prepared, 2 if quick else PASSES) for kind in PIXEL_CORRUPTIONS]


def _open_made(_data_dir: Path | None) -> ImageData:
    """Random bytes: their content does not decide how long they take."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IMAGES, 28, 28, 3), np.uint8)
    labels = random.integers(0, 10, IMAGES)
    return ImageData(ArraySplit(images, labels), ArraySplit(images[:10], labels[:10]), tuple("0123456789"))


def _passes(kind: str, pool: StreamPool, prepared: PreparedData, passes: int) -> Measurement:
    spec = complete({"dataset": "made", "model": "mlp_1x512", "pixel_corruption": kind})
    data = pool.open(spec, prepared)
    _seconds(data, 0)
    return Measurement(
        what=f"a pass over {IMAGES:,} images, pixel corruption {kind}",
        unit="s",
        samples=[_seconds(data, epoch) for epoch in range(1, passes + 1)],
        goal=Goal("at most", 0.3) if kind != "none" else None,
        note=f"batches of {BATCH}, one core",
    )


def _seconds(data: TrialData, epoch: int) -> float:
    order = epoch_order(data.subset, 0, epoch)
    started = time.perf_counter()
    for _ in data.train.batches(order, BATCH):
        pass
    return time.perf_counter() - started


if __name__ == "__main__":
    main(measure)
