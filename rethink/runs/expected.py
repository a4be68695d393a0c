"""What trials are expected to take, from a few timed steps of each network on this machine, and how it is said."""

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from rethink.data.betons.beton import PreparedData
from rethink.models.registry import OPTIONS
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.runs.display.cell_table import minutes
from rethink.spec import SEEDS, TrialSpec
from rethink.training.cost import expected_images, most_images
from rethink.training.timing import Timing, timed

START_SECONDS = 0.5  # of a trial, besides its steps and tests
ROW_BYTES = 1500  # of a row and its points on the curves
_STEP = ("batch_size", "optimizer", "precision", "dropout", "image_size", "model")  # what a step's time depends on


@dataclass(frozen=True)
class Cost:
    """What a trial is expected to take, and takes at most."""

    seconds: float
    most_seconds: float
    bytes: int


def expected_costs(
    specs: Sequence[TrialSpec], prepared: Mapping[str, PreparedData], options: RunOptions
) -> dict[TrialSpec, Cost]:
    """The cost of each trial; each network is timed once, on the device and threads that its trials get."""
    device = torch.device("cuda" if options.gpus_per_trial else "cpu")
    threads = max(1, int(options.cpus_per_trial))
    timings: dict[tuple[object, ...], Timing] = {}
    costs = {}
    for spec in specs:
        data = prepared[spec.stored_data]
        key = (data.classes, *(getattr(spec, name) for name in (*_STEP, *OPTIONS)))
        if key not in timings:
            timings[key] = timed(spec, (3, spec.image_size, spec.image_size), data.classes, device, threads)
        costs[spec] = _cost(spec, data, timings[key])
    return costs


def _cost(spec: TrialSpec, data: PreparedData, timing: Timing) -> Cost:
    images = spec.train_samples or data.train.samples
    expected, most = expected_images(spec, data.train.samples), most_images(spec, data.train.samples)
    rows = expected / images
    tests = 1 + (rows / spec.test_every if spec.test_every else 0)
    if spec.evaluate_steps is not None:
        rows += expected / spec.batch_size / spec.evaluate_steps
        tests += expected / spec.batch_size / spec.evaluate_steps
    of_test = data.test.samples * timing.test_seconds
    seconds = START_SECONDS + expected * timing.train_seconds + tests * of_test
    return Cost(seconds, seconds * most / expected, int(timing.state_bytes + rows * ROW_BYTES))


def announced(
    run: RunDirectory, specs: Sequence[TrialSpec], costs: Mapping[TrialSpec, Cost], options: RunOptions, slots: int
) -> list[str]:
    """What is trained, how many of them at a time and on what, for how long, and where they write.

    The time is that of the trials whose cost is known; `slots` is how many can run at once.
    """
    models = Counter(spec.model for spec in specs)
    counted = ", ".join(f"{count:,} {model}" for model, count in models.items())
    cells = len({spec.fields_except(SEEDS) for spec in specs})
    in_cells = f"{len(specs):,} in {cells:,} {'cell' if cells == 1 else 'cells'} ({counted})"
    at_once = min(slots, len(specs))
    device = f"{options.gpus_per_trial:g} GPU each" if options.gpus_per_trial else "CPUs"
    seconds, most, size = (
        sum(getattr(cost, name) for cost in costs.values()) for name in ("seconds", "most_seconds", "bytes")
    )
    about = f"about {_time(seconds / at_once)}, at most {_time(most / at_once)}; about {_size(size)} of disk"
    return [
        f"trials       {in_cells}, {at_once:,} at a time, on {device}",
        *([f"expected     {about} ({_size(_free(run.root))} are free)"] if costs else ()),
        f"run          {run.root}",
    ]


def _free(path: Path) -> int:
    there = next(folder for folder in (path, *path.parents) if os.path.exists(folder))
    return shutil.disk_usage(there).free


def _time(seconds: float) -> str:
    return minutes(seconds) if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"
