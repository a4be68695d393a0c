"""How long does an epoch of loading take with each pixel corruption: 50,000 images of 28 × 28 × 3 on one core?

Reading, corruption, standardization and batching, nothing trained. Each pass is in a new random order. The goal stands
for the whole pass, not for what the corruption adds to it.
"""

import os
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.made_images import IMAGES, NAME, made_data
from benchmarks.measurement import Goal, Measurement, main
from rethink.data.betons.beton import PreparedData
from rethink.data.places import DataPlaces
from rethink.data.trial_data import StreamPool, TrialData
from rethink.spec import PIXEL_CORRUPTIONS
from rethink.sweep.recipes import complete
from rethink.training.epoch_pass import epoch_order

PASSES, BATCH = 10, 128
CPU = torch.device("cpu")


def measure(quick: bool) -> list[Measurement]:
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as cache:
        prepared, pool = made_data(DataPlaces(cache_dir=Path(cache))), StreamPool(read_ahead=False)
        return [_passes(kind, pool, prepared, 2 if quick else PASSES) for kind in PIXEL_CORRUPTIONS]


def _passes(kind: str, pool: StreamPool, prepared: PreparedData, passes: int) -> Measurement:
    spec = complete({"dataset": NAME, "model": "mlp_1x512", "pixel_corruption": kind})
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
