"""How much slower is a trial's epoch than the bare loop of forward, backward and step over tensors in memory?

In a full sweep every core runs a trial, and a trial on a CPU reads its batches in its own thread: that is the case
"on one core". The other case leaves the process all cores. The goal stands for both.
"""

import os
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F

from benchmarks.measurement import Goal, Measurement, main
from rethink import models
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.data.trial_data import StreamPool, TrialData
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.training.epoch_pass import epoch_order
from rethink.training.loop import Training

DATASET = "fashion_mnist_mini"
CASES = (("mlp_1x512", 2000, 20), ("mlp_1x512", 5000, 12), ("alexnet_small", 2000, 4))  # model, images, pairs
WARM_UP = 2  # epochs of each
CPU = torch.device("cpu")
Batches = list[tuple[torch.Tensor, torch.Tensor]]


def measure(quick: bool) -> list[Measurement]:
    torch.set_num_threads(1)
    prepared, pool, cores = prepare(DATASET), StreamPool(read_ahead=False), os.sched_getaffinity(0)
    measurements = []
    for name, images, pairs in CASES:
        spec = complete({"dataset": DATASET, "model": name, "train_samples": images, "label_corruption": 1.0})
        for where, allowed in (("on one core", {max(cores)}), (f"on {len(cores)} cores", cores)):
            os.sched_setaffinity(0, allowed)
            measurements += _compare(spec, pool, prepared, 2 if quick else pairs, where)
    return measurements


def _compare(spec: TrialSpec, pool: StreamPool, prepared: PreparedData, pairs: int, where: str) -> list[Measurement]:
    data = pool.open(spec, prepared)
    product, bare = _product_epochs(spec, data), _bare_epochs(spec, data)
    both = [(next(product), next(bare)) for _ in range(WARM_UP + pairs)][WARM_UP:]
    what = f"{spec.model}, {spec.train_samples:,} images, {where}"
    loading = [_loading_seconds(spec, data) for _ in range(pairs)]
    return [
        Measurement(
            what=f"{what}: speed of the product over the bare loop",
            unit="fraction",
            samples=[b / p for p, b in both],
            goal=Goal("at least", 0.9),
            note="epochs of both in turn, one process, one torch thread",
        ),
        Measurement(what=f"{what}: product epoch", unit="s", samples=[p for p, _ in both]),
        Measurement(what=f"{what}: bare epoch", unit="s", samples=[b for _, b in both]),
        Measurement(what=f"{what}: loading alone", unit="s", samples=loading, note="one pass, nothing trained"),
    ]


def _product_epochs(spec: TrialSpec, data: TrialData) -> Iterator[float]:
    for record in Training(spec, data, CPU).records():
        yield record.train_seconds


def _bare_epochs(spec: TrialSpec, data: TrialData) -> Iterator[float]:
    batches = _in_memory(spec, data)
    model = models.build_model(spec, data.input_shape, data.classes)
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


def _in_memory(spec: TrialSpec, data: TrialData) -> Batches:
    order = epoch_order(data.subset, spec.seed, 1)
    return [(images.clone(), labels.clone()) for images, labels, _ in data.train.batches(order, spec.batch_size)]


def _loading_seconds(spec: TrialSpec, data: TrialData) -> float:
    order = epoch_order(data.subset, spec.seed, 1)
    started = time.perf_counter()
    for _ in data.train.batches(order, spec.batch_size):
        pass
    return time.perf_counter() - started


if __name__ == "__main__":
    main(measure)
