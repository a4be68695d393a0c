"""Which share of the slots' time goes into training, evaluation and checks, in a sweep of ten-second trials?

Busy: the sum of train, check and test seconds of all rows. The slots' time: slots × wall time from the start of the
first trial's first epoch to the last row of the last trial, so all that Tune does between trials counts as idle.
"""

import tempfile
import time
from pathlib import Path

import ray
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from benchmarks.measurement import Goal, Measurement, main
from rethink.records.rows import rows_of
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.runs.start_and_resume import start
from rethink.spec import TrialSpec
from rethink.sweep.sweep import Sweep

SLOTS = 2
TRIALS = 20
EPOCHS = 30  # of 5,000 images with random labels, which take about 180 epochs to fit


def measure(quick: bool) -> list[Measurement]:
    trials, epochs = (4, 4) if quick else (TRIALS, EPOCHS)
    block = {"model": "mlp_1x512", "label_corruption": 1.0, "max_epochs": epochs, "seed": list(range(trials))}
    sweep = Sweep("slots_busy", "Equally long trials that end at max_epochs.", {"default": [block]})
    specs = sweep.specs("default", {})
    with tempfile.TemporaryDirectory() as storage:
        started = time.time()
        # The runner connects to a Ray that is there: this one has the stated number of slots on every machine.
        ray.init(num_cpus=SLOTS, include_dashboard=False, log_to_driver=False, logging_level="WARNING")
        run = start(sweep, "default", specs, Path(storage), None, RunOptions(cpus_per_trial=1))
        whole = time.time() - started
        ray.shutdown()
        return _measurements(run, specs, whole)


def _measurements(run: RunDirectory, specs: list[TrialSpec], whole: float) -> list[Measurement]:
    busy = [_busy_seconds(run, spec) for spec in specs]
    first, last = min(_first_epoch_start(run, spec) for spec in specs), max(_last_row(run, spec) for spec in specs)
    note = f"{len(specs)} trials of {min(busy):.1f} to {max(busy):.1f} s, {SLOTS} slots"
    return [
        Measurement(
            what="slot time spent inside training, first trial's start to last trial's end",
            unit="fraction",
            samples=[sum(busy) / (SLOTS * (last - first))],
            goal=Goal("at least", 0.9),
            note=f"{note}, {last - first:.1f} s; one sweep",
        ),
        Measurement(
            what="the same over the whole run, start of Ray and of the actors included",
            unit="fraction",
            samples=[sum(busy) / (SLOTS * whole)],
            note=f"{whole:.1f} s",
        ),
    ]


def _rows(run: RunDirectory, spec: TrialSpec) -> list[dict[str, float]]:
    rows = list(rows_of(run.read_attempts(spec.spec_id)).values())
    if len(rows) != spec.max_epochs:
        raise RuntimeError(f"{spec.name} has {len(rows)} rows instead of {spec.max_epochs}")
    return rows


def _seconds(row: dict[str, float]) -> float:
    return row["train_seconds"] + row["check_seconds"] + row["test_seconds"]


def _busy_seconds(run: RunDirectory, spec: TrialSpec) -> float:
    return sum(_seconds(row) for row in _rows(run, spec))


def _first_epoch_start(run: RunDirectory, spec: TrialSpec) -> float:
    """A trial opens its TensorBoard file right after its first epoch; the file begins with the exact time."""
    (events,) = (run.tensorboard / spec.name).glob("events*")
    opened: float = next(iter(EventFileLoader(str(events)).Load())).wall_time
    return opened - _seconds(_rows(run, spec)[0])


def _last_row(run: RunDirectory, spec: TrialSpec) -> float:
    return max(path.stat().st_mtime for path in run.rows.glob(f"{spec.spec_id}-*.jsonl"))


if __name__ == "__main__":
    main(measure)
