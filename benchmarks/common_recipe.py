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


class _Sweep(NamedTuple):
    """One whole process."""

    seconds: float
    epochs: list[int]  # by trial
    trial_seconds: float  # inside trials, all together


def measure(quick: bool) -> list[Measurement]:
    levels, seeds = ((0.0,), (0,)) if quick else (LEVELS, SEEDS)
    pilots = {workers: _recipe(workers, (1.0,), (0,), max_epochs=5) for workers in WORKERS}
    workers = min(pilots, key=lambda n: pilots[n].trial_seconds)
    tried = ", ".join(f"{n}: {pilot.trial_seconds:.1f} s for 5 epochs" for n, pilot in pilots.items())
    both = [
        (_product(levels, seeds), _recipe(workers, levels, seeds, max_epochs=1000))
        for _ in range(1 if quick else PAIRS)
    ]
    return _measurements(both, f"num_workers={workers}, the faster ({tried})")


def _measurements(both: list[tuple[_Sweep, _Sweep]], choice: str) -> list[Measurement]:
    measurements = [
        Measurement(
            what="wall time of the recipe over that of the product, whole processes",
            unit="times",
            samples=[recipe.seconds / product.seconds for product, recipe in both],
            goal=Goal("at least", 3.0),
            note=f"in turn; {len(both[0][0].epochs)} trials each",
        )
    ]
    for name, sweeps, note in (
        ("product", [product for product, _ in both], "loading, checks and tests included"),
        ("recipe", [recipe for _, recipe in both], choice),
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


def _product(levels: tuple[float, ...], seeds: tuple[int, ...]) -> _Sweep:
    with tempfile.TemporaryDirectory() as storage:
        seconds = _run(
            "sweeps/label_corruption.py",
            *("--model", "mlp_1x512", "--train-samples", IMAGES, "--learning-rate-decay", 1.0),
            *("--label-corruption", *levels, "--seed", *seeds, "--storage", storage, "--name", "run"),
            *("--cpus-per-trial", 1),
        )
        run = RunDirectory(Path(storage, "run"))
        trials = [rows_of(run.read_attempts(path.stem.rsplit("-", 1)[0])) for path in sorted(run.rows.iterdir())]
        return _Sweep(seconds, [max(rows) for rows in trials], sum(map(_row_seconds, _all_rows(trials))))


def _all_rows(trials: list[dict[int, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [row for rows in trials for row in rows.values()]


def _row_seconds(row: dict[str, Any]) -> float:
    return float(row["train_seconds"] + row["check_seconds"] + row["test_seconds"])


def _recipe(workers: int, levels: tuple[float, ...], seeds: tuple[int, ...], max_epochs: int) -> _Sweep:
    with tempfile.TemporaryDirectory() as storage:
        seconds = _run(
            "benchmarks/recipe_sweep.py",
            *("--storage", storage, "--workers", workers, "--train-samples", IMAGES, "--max-epochs", max_epochs),
            *("--levels", *levels, "--seeds", *seeds),
        )
        trials = json.loads(Path(storage, "trials.json").read_text())
    return _Sweep(seconds, [trial["epochs"] for trial in trials], sum(trial["seconds"] for trial in trials))


def _run(script: str, *arguments: object) -> float:
    """Run a script of the checkout as a process of its own; the seconds from start to end."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, str(ROOT / script), *map(str, arguments)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main(measure)
