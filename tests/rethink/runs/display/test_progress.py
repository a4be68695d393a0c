"""What the user sees while a sweep runs: cells, seeds done, time left; a line a trial without a terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from rethink.records.run_record import LabelFacts
from rethink.runs.display.progress import Progress
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete


def spec(level: float, seed: int, model: str = "mlp_1x512", **fields: Any) -> TrialSpec:
    return complete({"model": model, "label_corruption": level, "seed": seed, **fields})


def row(epoch: int, accuracy: float, exact: float | None = None) -> dict[str, Any]:
    return {"epoch": epoch, "train_accuracy": accuracy, "exact_train_accuracy": exact}


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def lines(progress: Progress, console: Console) -> list[str]:
    with console.capture() as capture:
        console.print(progress.table())
    return capture.get().splitlines()


def shown(progress: Progress, console: Console) -> list[list[str]]:
    """The table's rows, cell by cell, without its title and head."""
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines(progress, console) if "│" in line]


def head(progress: Progress, console: Console) -> list[str]:
    (line,) = [line for line in lines(progress, console) if "model" in line]
    return [cell.strip() for cell in line.strip("┃").split("┃")]


def test_the_table_has_a_row_for_every_cell_and_counts_its_seeds(console: Console) -> None:
    costs = {spec(level, seed): 1.0 for level in (0.0, 0.5) for seed in (0, 1)}
    progress = Progress(costs, lambda: 2, console)
    progress.update(spec(0.0, 0), row(10, 0.97, 1.0), 20.0)
    progress.finish(spec(0.0, 0), "interpolated")
    progress.update(spec(0.0, 1), row(8, 0.5), 5.0)
    rows = shown(progress, console)
    assert rows == [
        ["mlp_1x512", "0", "1/2", "8-10", "75.0%", "15 s", "1 interpolated"],
        ["mlp_1x512", "0.5", "0/2", "-", "-", "40 s", ""],
    ]
    assert progress.time_left() == "28 s"  # (15 + 40) s of work on two slots


def test_the_share_of_labels_that_a_level_changed_stands_beside_it(console: Console) -> None:
    specs = [spec(level, seed) for level in (0.0, 0.5) for seed in (0, 1)]
    shares = zip(specs, (0.0, 0.0, 0.4312, 0.469), strict=True)
    labels = {each.spec_id: LabelFacts(changed=share, attainable_accuracy=1.0) for each, share in shares}
    progress = Progress(dict.fromkeys(specs, 1.0), lambda: 2, console, labels)
    assert head(progress, console)[:3] == ["model", "level p", "changed"]
    assert [row[1:3] for row in shown(progress, console)] == [["0", "0.0%"], ["0.5", "43.1-46.9%"]]
    progress.update(specs[2], row(8, 1.0, 1.0), 5.0)
    with console.capture() as capture:
        progress.finish(specs[2], "interpolated")
    assert "mlp_1x512, level p=0.5 (43.1% changed), seed=0: interpolated after 8 epochs" in capture.get()


def test_a_cell_is_named_by_what_differs_in_the_run(console: Console) -> None:
    specs = [
        spec(1.0, 0, "inception_small", weight_decay=decay, random_crop=crop, batch_norm=norm)
        for decay in (0.0, 0.0005)
        for crop in (True, False)
        for norm in (True, False)
    ]
    progress = Progress(dict.fromkeys(specs, 1.0), lambda: 2, console)
    named_by = ["model", "batch norm", "weight decay", "random crop"]  # nor level nor padding: the rest tells them
    assert head(progress, console)[:4] == named_by
    assert [row[:5] for row in shown(progress, console)][:3] == [
        ["inception_small", "on", "0", "on", "0/1"],
        ["inception_small", "off", "0", "on", "0/1"],
        ["inception_small", "on", "0", "off", "0/1"],
    ]


def test_no_two_cells_are_named_alike(console: Console) -> None:
    """Options of some models alone, and fields that differ together, included; rates print as they were typed."""
    specs = [
        *(spec(0.0, 0, model) for model in ("mlp_1x512", "inception_small", "wide_resnet")),
        *(spec(level, 0, learning_rate=rate) for level in (0.0, 1.0) for rate in (0.00121, 0.363)),
        spec(0.0, 0, pixel_corruption="gaussian", train_samples=100),
    ]
    rows = shown(Progress(dict.fromkeys(specs, 1.0), lambda: 2, console), console)
    names = [tuple(row[:-5]) for row in rows]
    assert len(set(names)) == len(names) == len(specs)
    assert {"0.00121", "0.363"} < {cell for name in names for cell in name}
    assert "-" in {cell for name in names for cell in name}  # train_samples: none


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 12), (200, 60)])
def test_more_cells_than_lines_show_the_running_ones_and_count_the_rest(width: int, height: int) -> None:
    console = Console(file=io.StringIO(), width=width, height=height)
    levels = [number / 44 for number in range(45)]
    specs = [spec(level, seed, learning_rate=0.1 + seed) for level in levels for seed in (0, 1)]
    progress = Progress(dict.fromkeys(specs, 1.0), lambda: 2, console)
    for s in specs[:40]:
        progress.update(s, row(9, 0.9, 1.0), 3.0)
        progress.finish(s, "interpolated")
    for s in (specs[70], specs[88]):
        progress.update(s, row(4321, 0.5), 3.0)
    text = lines(progress, console)
    assert len(text) <= height
    assert max(map(len, text)) <= width
    assert sum("4321" in line for line in text) == 2
    rows = [line for line in text if "│" in line]
    assert f"and {90 - len(rows)} more: " in text[-1]
    assert text[-1].strip().endswith("waiting")
    assert sum("mlp_1x512" in line for line in rows) == len(rows), "a cell without its model says little"
    ended = [line for line in rows if "1/1" in line]
    assert len(ended) == min(len(rows) - 2, 40)
    assert f"{specs[39].label_corruption:g}"[:3] in ended[-1], "of those that ended, the last are shown"


def test_as_many_cells_as_fit_are_shown_without_a_count() -> None:
    console = Console(file=io.StringIO(), width=120, height=12)
    specs = [spec(level, 0) for level in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    text = lines(Progress(dict.fromkeys(specs, 1.0), lambda: 2, console), console)
    assert len(text) == 12
    assert not any("more" in line for line in text)


def test_time_left_of_a_model_that_no_trial_ended_is_judged_by_its_cost(console: Console) -> None:
    costs = {spec(0.0, 0): 1.0, spec(0.0, 0, "alexnet_small"): 3.0}
    progress = Progress(costs, lambda: 1, console)
    assert progress.time_left() == "?"
    progress.update(spec(0.0, 0), row(1, 0.5), 10.0)
    progress.finish(spec(0.0, 0), "interpolated")
    assert progress.time_left() == "30 s"


def test_time_left_is_judged_by_the_cell_then_by_the_model(console: Console) -> None:
    slow, fast = {"learning_rate": 0.001}, {"learning_rate": 0.1}
    specs = [spec(0.0, seed, **rate) for seed in (0, 1) for rate in (slow, fast)]
    other = spec(0.0, 0, "mlp_3x512")
    progress = Progress(dict.fromkeys([*specs, other], 1.0), lambda: 1, console)
    progress.update(spec(0.0, 0, **slow), row(9, 0.5), 100.0)
    progress.finish(spec(0.0, 0, **slow), "max_epochs")
    assert progress.time_left() == "6.7 min"  # four trials, each like the only one that ended
    progress.update(spec(0.0, 0, **fast), row(9, 0.5), 10.0)
    progress.finish(spec(0.0, 0, **fast), "interpolated")
    assert progress.time_left() == "2.8 min"  # 100 s, 10 s, and their mean for the other model


def test_without_a_terminal_every_end_is_one_line(console: Console) -> None:
    specs = [spec(0.2, seed, dropout=dropout) for seed in (0, 3) for dropout in (0.0, 0.5)]
    progress = Progress(dict.fromkeys(specs, 1.0), lambda: 1, console)
    with progress:
        progress.update(spec(0.2, 3, dropout=0.5), row(7, 0.98, 1.0), 2.0)
        progress.finish(spec(0.2, 3, dropout=0.5), "interpolated")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("\n") == 1
    named = "[1/4] mlp_1x512, dropout=0.5, seed=3: interpolated after 7 epochs, train accuracy 100.0%"
    assert text.startswith(named)


def test_a_cost_that_is_not_known_is_the_mean_of_those_that_are(console: Console) -> None:
    """PyTorch counts no operations of a network written with `*` and `sum`: its cost is 0."""
    costs = {spec(0.0, 0): 0.0, spec(0.0, 1): 0.0}
    progress = Progress(costs, lambda: 1, console)
    progress.update(spec(0.0, 0), row(1, 0.5), 10.0)
    progress.finish(spec(0.0, 0), "interpolated")
    assert progress.time_left() == "10 s"
    costs = {spec(0.0, 0): 1.0, spec(0.0, 0, "mlp_3x512"): 3.0, spec(0.0, 0, "alexnet_small"): 0.0}
    progress = Progress(costs, lambda: 1, console)
    progress.update(spec(0.0, 0), row(1, 0.5), 10.0)
    progress.finish(spec(0.0, 0), "interpolated")
    assert progress.time_left() == "50 s"  # 30 and 20


def test_a_failed_trial_is_one_line_and_no_measure_of_time(console: Console) -> None:
    progress = Progress(dict.fromkeys([spec(0.0, 0), spec(0.0, 1)], 1.0), lambda: 1, console)
    progress.update(spec(0.0, 0), row(3, 0.5), 2.0)
    progress.fail(spec(0.0, 0), 2, "RuntimeError: boom [/]", "/runs/a b/errors/x.txt")
    line = console.file.getvalue()  # type: ignore[attr-defined]
    assert line == (
        "[1/2] mlp_1x512, seed=0: failed after 3 epochs, 2 tries: RuntimeError: boom [/] (/runs/a b/errors/x.txt)\n"
    )
    assert progress.time_left() == "?"
    progress.fail(spec(0.0, 1), 1, "OSError: x", "y")
    assert "seed=1: failed after 0 epochs, 1 try: OSError: x (y)" in console.file.getvalue()  # type: ignore[attr-defined]
    assert progress.time_left() == "0 s"


def test_trials_that_are_evaluated_by_step_are_counted_in_steps(console: Console) -> None:
    by_step = spec(0.0, 0, evaluate_steps=10)
    progress = Progress({by_step: 1.0}, lambda: 1, console)
    progress.update(by_step, {**row(0, 0.5), "steps": 40}, 5.0)
    assert head(progress, console) == ["model", "done", "steps", "train accuracy", "left", "ended by"]
    assert shown(progress, console)[0][:3] == ["mlp_1x512", "0/1", "40"]
    progress.finish(by_step, "max_steps")
    assert "max_steps after 40 steps, train accuracy 50.0%" in console.file.getvalue()  # type: ignore[attr-defined]
