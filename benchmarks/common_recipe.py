"""The same small sweep by the product and by the common recipe (recipe_sweep.py), as whole processes, in turn.

Both train mlp_1x512 on the same images with the same labels, batch size, optimizer and learning rate, to 100% train
accuracy. The recipe normalizes by the data set's mean, the product by each image's, so the epochs to fit may differ:
seconds per epoch stand beside the wall times.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measurement import Goal, Measurement, main
from rethink.records.rows import rows_of
from rethink.records.run_directory import RunDirectory

ROOT = Path(__file__).parents[1]
LEVELS, SEEDS, IMAGES = (0.0, 0.5, 1.0), (0, 1), 2000
PAIRS = 2
WORKERS = (0, 2)  # of the DataLoader: both are usual with one CPU a trial, the faster one is taken


class Sweep(NamedTuple):
    """One whole process."""

    seconds: float
    epochs: list[int]  # by trial
    trial_seconds: float  # inside trials, all together


def measure(quick: bool) -> list[Measurement]:
    levels, seeds = ((0.0,), (0,)) if quick else (LEVELS, SEEDS)
    pilots = {workers: _recipe(workers, (1.0,), (0,), max_epochs=5) for workers in WORKERS}
    workers = min(pilots, key=lambda n: pilots[n].trial_seconds)
    tried = ", ".join(f"{n}: {pilot.trial_seconds:.1f} s for 5 epochs" for n, pilot in pilots.items())
    pairs = [
        (product(levels, seeds), _recipe(workers, levels, seeds, max_epochs=1000)) for _ in range(1 if quick else PAIRS)
    ]
    return sweep_measurements(pairs, "recipe", Goal("at least", 4.0), f"num_workers={workers}, the faster ({tried})")


def sweep_measurements(pairs: list[tuple[Sweep, Sweep]], peer: str, goal: Goal, choice: str) -> list[Measurement]:
    """The wall times of the product and of a peer, their ratio, and the seconds of an epoch."""
    measurements = [
        Measurement(
            what=f"wall time of the {peer} over that of the product, whole processes",
            unit="times",
            samples=[own.seconds / ours.seconds for ours, own in pairs],
            goal=goal,
            note=f"in turn; {len(pairs[0][0].epochs)} trials each",
        )
    ]
    for name, sweeps, note in (
        ("product", [ours for ours, _ in pairs], "loading, checks and tests included"),
        (peer, [own for _, own in pairs], choice),
    ):
        epochs = ", ".join(map(str, sweeps[0].epochs))
        measurements += [
            Measurement(
                what=f"{name}: wall time of the sweep",
                unit="s",
                samples=[sweep.seconds for sweep in sweeps],
                note=f"epochs to fit: {epochs}",
            ),
            Measurement(
                what=f"{name}: seconds per epoch inside a trial",
                unit="s",
                samples=[sweep.trial_seconds / sum(sweep.epochs) for sweep in sweeps],
                note=note,
            ),
        ]
    return measurements


def product(levels: tuple[float, ...], seeds: tuple[int, ...], *fields: object) -> Sweep:
    """The product's sweep of mlp_1x512 at a constant learning rate; `fields` are further options."""
    with tempfile.TemporaryDirectory() as storage:
        seconds = _run(
            *("rethink", "run", "label_corruption"),
            *("--model", "mlp_1x512", "--train-samples", IMAGES, "--learning-rate-decay", 1.0, *fields),
            *("--label-corruption", *levels, "--seed", *seeds, "--storage", storage, "--name", "run"),
            *("--cpus-per-trial", 1),
        )
        run = RunDirectory(Path(storage, "run"))
        trials = [rows_of(run.read_attempts(path.stem.rsplit("-", 1)[0])) for path in sorted(run.rows.iterdir())]
        return Sweep(seconds, [max(rows) for rows in trials], sum(map(_row_seconds, _all_rows(trials))))


def _all_rows(trials: list[dict[int, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [row for rows in trials for row in rows.values()]


def _row_seconds(row: dict[str, Any]) -> float:
    return float(row["train_seconds"] + row["check_seconds"] + row["test_seconds"])


def _recipe(workers: int, levels: tuple[float, ...], seeds: tuple[int, ...], max_epochs: int) -> Sweep:
    options = ("--workers", workers, "--train-samples", IMAGES, "--max-epochs", max_epochs)
    return script("benchmarks.recipe_sweep", levels, seeds, *options)


def script(module: str, levels: tuple[float, ...], seeds: tuple[int, ...], *options: object) -> Sweep:
    """A peer's sweep, which writes the epochs and seconds of its trials into trials.json."""
    with tempfile.TemporaryDirectory() as storage:
        seconds = _run(module, "--storage", storage, "--levels", *levels, "--seeds", *seeds, *options)
        trials = json.loads(Path(storage, "trials.json").read_text())
    return Sweep(seconds, [trial["epochs"] for trial in trials], sum(trial["seconds"] for trial in trials))


def _run(module: str, *arguments: object) -> float:
    """Run a module of the checkout as a process of its own; the seconds from start to end."""
    started = time.perf_counter()
    command = [sys.executable, "-m", module, *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(measure)
