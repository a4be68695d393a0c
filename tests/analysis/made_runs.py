"""Made run directories with known answers, written by the same code that writes real ones."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.figures.all_figures import Drawn, draw
from analysis.frames import Frames, load
from analysis.grouping.comparisons import Comparisons
from analysis.reading.run_facts import read_runs
from rethink.records.record import Record
from rethink.records.row_writer import RowWriter
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from tests.made_record import ABOUT, made_record

IMAGES = 2000


def spec(**changes: Any) -> TrialSpec:
    values = {
        "dataset": "fashion_mnist",
        "image_size": 28,
        "train_samples": IMAGES,
        "model": "mlp_1x512",
        "learning_rate": 0.01,
        "max_epochs": 200,
    }
    return TrialSpec(**{**values, **changes})


def record(epoch: int, fit: int | None = None, *, test_error: float | None = 0.25, **changes: Any) -> Record:
    """The row after epoch `epoch` of a trial that fits at epoch `fit`; takes 1 + 0.5 + 0.25 seconds."""
    fitted = fit is not None and epoch >= fit
    values = {
        "row": epoch,
        "epoch": epoch,
        "steps": 16 * epoch,
        "images_seen": IMAGES * epoch,
        "learning_rate": 0.01,
        "train_loss": 1 / epoch if epoch else 2.0,
        "train_accuracy": 0.9,
        "train_accuracy_corrupted": None,
        "train_accuracy_clean": 0.9,
        "test_loss": None if test_error is None else 1.5,
        "test_accuracy": None if test_error is None else 1 - test_error,
        "test_top5_accuracy": None,
        "train_eval_accuracy": None,
        "train_eval_top5_accuracy": None,
        "exact_train_accuracy": 1.0 if fitted else None,
        "exact_train_top5_accuracy": None,
        "fitted": fitted,
        "epochs_to_fit": fit if fitted else None,
        "diverged": False,
        "checked_images": 512,
        "train_seconds": 1.0,
        "check_seconds": 0.5,
        "test_seconds": 0.25,
        "images_per_second": 2000.0,
    }
    return Record(**{**values, **changes})


def rows_by_steps(steps: Sequence[int], length: int, fit: int | None = None, **columns: Sequence[Any]) -> list[Record]:
    """Rows at these steps, with epochs of `length` steps; each of `columns` gives a column's value in every row."""
    rows = []
    for place, done in enumerate(steps):
        epoch, inside = divmod(done, length)
        values = {name: own[place] for name, own in columns.items()}
        values |= {"row": place + 1, "steps": done, "images_seen": done * IMAGES // length}
        values |= {"fitted": None, "exact_train_accuracy": None} if inside else {}
        rows.append(record(epoch, fit, **values))
    return rows


def imagenet_spec(**changes: Any) -> TrialSpec:
    """The original project's variant with augmentation, schedule and dropout, for 40 steps."""
    values = {
        **{"dataset": "imagenet", "image_size": 299, "jpeg_quality": 90, "max_side": 400, "model": "inception_v3"},
        **{"normalization": "unit", "optimizer": "rmsprop", "learning_rate": 0.045, "learning_rate_decay": 0.94},
        **{"decay_images": 4000, "view": "whole", "flip": True, "rotation": 25, "dropout": 0.2},
        **{"max_epochs": 1000, "max_steps": 40, "evaluate_steps": 10, "train_eval_samples": 100},
    }
    return spec(**{**values, **changes})


def make_run(root: Path, specs: Sequence[TrialSpec], **changes: Any) -> RunDirectory:
    """A run of these specs in which no trial has begun."""
    run = RunDirectory(root)
    run.create(made_record(specs, **changes))
    return run


def write_attempt(run: RunDirectory, one: TrialSpec, records: Sequence[Record], **header: Any) -> Path:
    """One attempt at a trial, with these rows."""
    writer = RowWriter(run.rows, run.run_id, one.spec_id, {**ABOUT, **header})
    for row in records:
        writer.append(row)
    writer.close()
    return run.rows / f"{one.spec_id}-{writer.number:04d}.jsonl"


def write_trial(
    run: RunDirectory, one: TrialSpec, epochs: int, fit: int | None = None, test_error: float = 0.25
) -> Path:
    """An undisturbed trial of so many epochs, tested at the last."""
    rows = [record(epoch, fit, test_error=None) for epoch in range(1, epochs)]
    return write_attempt(run, one, [*rows, record(epochs, fit, test_error=test_error)])


def log_of_ray(run: RunDirectory, one: TrialSpec, records: Sequence[Record], start: str = "start-001") -> None:
    """The log that Ray keeps of a trial: rows of some epochs, among much else."""
    folder = run.tune / start / one.name
    folder.mkdir(parents=True)
    lines = [json.dumps({**row.to_dict(), "done": False, "config": {"spec": one.to_dict()}}) for row in records]
    (folder / "result.json").write_text("\n".join(lines) + "\n")


def found_in(frames: Frames) -> Comparisons:
    return Comparisons(frames.trials, frames.epochs, lambda: frames.measures)


def draw_runs(paths: Sequence[Path], folder: Path) -> Drawn:
    return draw(load(*paths), read_runs(paths), folder)
