"""What does a trial write, how large is it, and is a copy of finished betons quicker than making them anew?

On this machine's disk. docs/scaling.md multiplies it by nodes.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.made_imagenet import USUAL_SIZES, make_tree
from benchmarks.made_run import about, made_record
from benchmarks.measurement import Measurement, main
from benchmarks.simulated_actors import ROW, row_after
from rethink import models
from rethink.data import sources
from rethink.data.betons.beton import PreparedData
from rethink.data.betons.prepare import prepare
from rethink.records.row_writer import RowWriter
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.training.optimizers import make_optimizer
from rethink.trial.tensorboard import TrialBoard
from rethink.weights.checkpoint_file import TrialState, write_checkpoint

ROWS, COPIES, WRITES = 500, 3, 5
CIFAR_IMAGES, JPEG_IMAGES = (50_000, 10_000), 640
NETWORKS: tuple[dict[str, Any], ...] = (
    {"model": "mlp_1x512"},
    {"model": "alexnet_small"},
    {"model": "inception_small"},
    {"model": "wide_resnet"},
    {"dataset": "imagenet", "model": "inception_v3", "protocol": "szegedy2016"},
)


def measure(quick: bool) -> list[Measurement]:
    share = 20 if quick else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            *_rows(folder / "run", ROWS // share),
            _curves(folder / "board", ROWS // share),
            *(_checkpoint(folder, network, 1 if quick else WRITES) for network in NETWORKS[: 1 if quick else None]),
            *_cifar_sized(folder / "cifar", share),
            *_jpeg(folder / "jpeg", JPEG_IMAGES // share),
        ]


def _rows(root: Path, rows: int) -> list[Measurement]:
    run = RunDirectory(root)
    run.create(made_record())
    writer = RowWriter(run.rows, run.run_id, "ade", about())
    seconds = [_seconds(lambda: writer.append(ROW)) for _ in range(rows)]
    size = (run.rows / "ade-0001.jsonl").stat().st_size / rows
    return [
        Measurement(what="a row", unit="bytes", samples=[size]),
        Measurement(what="a row appended and synced", unit="s", samples=seconds, note="this machine's disk"),
    ]


def _curves(folder: Path, rows: int) -> Measurement:
    board = TrialBoard(folder, _spec({"model": "mlp_1x512"}), ROW)
    for epoch in range(1, rows + 1):
        board.add(row_after(epoch))
    board.close(None)
    size = sum(file.stat().st_size for file in folder.iterdir()) / rows
    return Measurement(what="TensorBoard's curves of a row", unit="bytes", samples=[size])


def _checkpoint(folder: Path, network: dict[str, Any], writes: int) -> Measurement:
    spec = _spec(network)
    model = models.build_model(spec, (3, spec.image_size, spec.image_size), 1000 if "dataset" in network else 10)
    optimizer = make_optimizer(spec, model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # fills its state
    path = folder / "checkpoint.pt"
    seconds = [_seconds(lambda: _save(path, spec, model, optimizer)) for _ in range(writes)]
    what = f"checkpoint of {spec.model} ({spec.optimizer}), written and synced"
    return Measurement(what=what, unit="s", samples=seconds, note=f"{path.stat().st_size / 1e6:.1f} MB")


def _save(path: Path, spec: TrialSpec, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    training = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    said: dict[str, Any] = {
        "run_id": "",
        "spec_id": spec.spec_id,
        "spec": spec.to_dict(),
        "data_sha256": "",
        "rows": [],
    }
    write_checkpoint(path, TrialState(**said, training=training))


def _cifar_sized(folder: Path, share: int) -> list[Measurement]:
    random = np.random.default_rng(0)
    train, test = (
        sources.ArraySplit(random.integers(0, 256, (n, 32, 32, 3), np.uint8), np.arange(n) % 10)
        for n in (n // share for n in CIFAR_IMAGES)
    )
    data = sources.ImageData(train, test, tuple("abcdefghij"))
    sources.register(sources.ImageSource("made_cifar", lambda data_dir: data, lambda data_dir: "1", image_size=28))
    what = f"{len(train) + len(test):,} uncompressed images of 32 by 32 pixels"
    return _made_and_copied(folder, what, lambda cache: prepare("made_cifar", None, cache))


def _jpeg(folder: Path, images: int) -> list[Measurement]:
    tree = make_tree(folder / "tree", images, USUAL_SIZES)
    files = sum(1 for _ in tree.rglob("*.JPEG"))
    listed = [_seconds(lambda: sources.get("imagenet").fingerprint(tree)) / files for _ in range(10)]
    what = f"{files} JPEG images, most of 500 by 375 pixels"
    return [
        *_made_and_copied(folder, what, lambda cache: prepare("imagenet", tree, cache)),
        Measurement(what="looking at a file of the tree, at the start of every process", unit="s", samples=listed),
    ]


def _made_and_copied(folder: Path, what: str, prepared: Callable[[Path], PreparedData]) -> list[Measurement]:
    """The betons made, and made again; then copied to another cache folder, where they have to be taken as they are."""
    first = folder / "made-0"
    made = [_seconds(partial(prepared, folder / f"made-{number}")) for number in range(COPIES)]
    copied = [_seconds(partial(_copy, first, folder / f"copied-{number}", prepared)) for number in range(COPIES)]
    size = sum(path.stat().st_size for path in first.rglob("*") if path.is_file())
    return [
        Measurement(what=f"betons made: {what}", unit="s", samples=made, note=f"{size / 1e6:.0f} MB"),
        Measurement(what="the same copied, and verified", unit="s", samples=copied),
    ]


def _copy(made: Path, there: Path, prepared: Callable[[Path], PreparedData]) -> None:
    shutil.copytree(made, there)
    before = {path: path.stat().st_ino for path in there.rglob("*.beton")}
    data = prepared(there)
    after = {beton.path: beton.path.stat().st_ino for beton in (data.train, data.test)}
    if before != after:
        raise RuntimeError(f"the copy in {there} was not taken, but made anew")


def _spec(network: dict[str, Any]) -> TrialSpec:
    return complete(network)


def _seconds(task: Callable[[], object]) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


if __name__ == "__main__":
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    main(measure)
