"""What the user sees while a sweep runs: cells, seeds done, time left; a line a trial without a terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from rethink.progress import Progress
from rethink.protocol import complete
from rethink.spec import TrialSpec


def spec(level: float, seed: int, model: str = "mlp_1x512") -> TrialSpec:
    return complete({"model": model, "label_corruption": level, "seed": seed})


def row(epoch: int, accuracy: float, exact: float | None = None) -> dict[str, Any]:
    return {"epoch": epoch, "train_accuracy": accuracy, "exact_train_accuracy": exact}


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def shown(progress: Progress, console: Console) -> list[list[str]]:
    """The table's rows, cell by cell, without its title and head."""
    console.print(progress.table())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if line.startswith("│")]


def test_the_table_has_a_row_for_every_cell_and_counts_its_seeds(console: Console) -> None:
    costs = {spec(level, seed): 1.0 for level in (0.0, 0.5) for seed in (0, 1)}
    progress = Progress(costs, 2, console)
    progress.update(spec(0.0, 0), row(10, 0.97, 1.0), 20.0)
    progress.finish(spec(0.0, 0), "interpolated")
    progress.update(spec(0.0, 1), row(8, 0.5), 5.0)
    rows = shown(progress, console)
    assert rows == [
        ["mlp_1x512", "0", "1/2", "8-10", "75.0%", "15 s", "1 interpolated"],
        ["mlp_1x512", "0.5", "0/2", "-", "-", "40 s", ""],
    ]
    assert progress.time_left() == "28 s"  # (15 + 40) s of work on two slots


def test_time_left_of_a_model_that_no_trial_ended_is_judged_by_its_cost(console: Console) -> None:
    costs = {spec(0.0, 0): 1.0, spec(0.0, 0, "alexnet_small"): 3.0}
    progress = Progress(costs, 1, console)
    assert progress.time_left() == "?"
    progress.update(spec(0.0, 0), row(1, 0.5), 10.0)
    progress.finish(spec(0.0, 0), "interpolated")
    assert progress.time_left() == "30 s"


def test_without_a_terminal_every_end_is_one_line(console: Console) -> None:
    progress = Progress({spec(0.2, 3): 1.0}, 1, console)
    with progress:
        progress.update(spec(0.2, 3), row(7, 0.98, 1.0), 2.0)
        progress.finish(spec(0.2, 3), "interpolated")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("\n") == 1
    assert text.startswith("[1/1] mlp_1x512 p=0.2 seed=3: interpolated after 7 epochs, train accuracy 100.0%")
