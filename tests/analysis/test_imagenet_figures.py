"""ImageNet's figure and tables: the variants of the trials, their own numbers, and the published ones beside them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made_runs import (
    draw_runs,
    found_in,
    imagenet_spec,
    make_run,
    record,
    rows_by_steps,
    spec,
    write_attempt,
    write_trial,
)

from analysis.figures.paper_curves import curve_figures
from analysis.frames import Frames, load
from analysis.grouping.comparisons import imagenet_of, regularizers_of
from analysis.grouping.conditions import augmentation_text, imagenet_variants, regularizers
from analysis.published import read
from analysis.report.report import write_report
from analysis.tables.paper_tables import published_tables
from rethink.records.run_directory import RunDirectory

OFF: dict[str, Any] = {"flip": False, "rotation": 0}
RESIZED: dict[str, Any] = {"view": "centre", "random_resized_crop": True, "flip": True, "rotation": 0}
ORIGINALS: list[dict[str, Any]] = [{}, OFF, {**OFF, "learning_rate_decay": 1}]
NAMES = [
    "augmentation + LR schedule + dropout",
    "no augmentation + LR schedule + dropout",
    "no augmentation + no LR schedule + dropout",
]
PAPERS: list[dict[str, Any]] = [  # the rows of Table 2, in order
    {**RESIZED, "weight_decay": 4e-5},
    {**RESIZED, "dropout": 0},
    {**OFF, "dropout": 0, "weight_decay": 4e-5},
    {**OFF, "dropout": 0},
    {**OFF, "weight_decay": 4e-5, "label_corruption": 1},
    {**OFF, "dropout": 0, "weight_decay": 4e-5, "label_corruption": 1},
    {**OFF, "dropout": 0, "label_corruption": 1},
]
STEPS = [10, 16, 20, 30, 32, 40]


def made(folder: Path, fields: Sequence[dict[str, Any]], seeds: Sequence[int] = (0,)) -> RunDirectory:
    """Step-limited trials, tested at 10, 20, 30 and 40 steps, best at 30; each trial one point below the previous."""
    specs = [imagenet_spec(**one, seed=seed) for one in fields for seed in seeds]
    run = make_run(folder / "made", specs, sweep="imagenet_regularization")
    for number, one in enumerate(specs):
        errors = [0.75, None, 0.5, 0.25, None, 0.375]
        rows = rows_by_steps(
            STEPS,
            16,
            train_accuracy=[0.5, 0.6, 0.7, 0.8, 0.85, 0.9],
            test_error=[None if error is None else error + number / 100 for error in errors],
            test_top5_accuracy=[0.5, None, 0.7, 0.75, None, 0.875],
            train_eval_accuracy=[0.5, None, 0.75, 0.75, None, 0.8],
            train_eval_top5_accuracy=[0.9, None, 0.9, 0.9, None, 0.95],
        )
        write_attempt(run, one, rows)
    return run


def rows_of(frames: Frames, title: str) -> list[dict[str, str]]:
    (table,) = [table for table in published_tables(found_in(frames)) if table.title.startswith(title)]
    return [dict(zip(table.head, row, strict=True)) for row in table.rows]


def figures_of(run: RunDirectory) -> dict[str, Any]:
    return {name: make() for name, make in curve_figures(found_in(load(run.root)), lambda _: "made")}


def curves(axes: Any) -> list[Any]:
    return [line for line in axes.lines if len(line.get_xdata()) > 1]


def test_variants_are_told_by_augmentation_schedule_and_dropout(tmp_path: Path) -> None:
    further: list[dict[str, Any]] = [
        {"weight_decay": 4e-5},
        {"rotation": 20},
        {**RESIZED, "weight_decay": 4e-5},
        {**RESIZED, "flip": False, "dropout": 0},
        {**OFF, "random_crop": True, "crop_padding": 0},
    ]
    trials = load(made(tmp_path, [*ORIGINALS, *further]).root).trials
    assert imagenet_variants(trials).tolist() == [
        *NAMES,
        "flip + rotation 25° + LR schedule + weight decay + dropout",
        "flip + rotation 20° + LR schedule + dropout",
        "random resized crop + flip + LR schedule + weight decay + dropout",
        "random resized crop + LR schedule",
        "random crop + LR schedule + dropout",
    ]
    assert regularizers(trials).tolist() == [
        *["flip + rotation 25° + dropout", "dropout", "dropout", "flip + rotation 25° + weight decay + dropout"],
        *["flip + rotation 20° + dropout", "random resized crop + flip + weight decay + dropout"],
        *["random resized crop", "random crop + dropout"],
    ]
    texts = [augmentation_text(trial) for trial in trials.to_dict("records")]
    turned = "flip + rotation 25°"
    assert texts[:5] == [turned, "no", "no", turned, "flip + rotation 20°"]
    assert texts[5:] == ["random resized crop + flip", "random resized crop", "random crop 0"]


def test_strengths_and_schedules_that_differ_are_no_one_line(tmp_path: Path) -> None:
    fields: list[dict[str, Any]] = [{}, {"dropout": 0.5}, {"learning_rate_decay": 0.9}, {"decay_images": 8000}]
    run = made(tmp_path, fields)
    assert imagenet_variants(load(run.root).trials).tolist() == [
        "augmentation + LR schedule 0.94 per 4,000 images + dropout 0.2",
        "augmentation + LR schedule 0.94 per 4,000 images + dropout 0.5",
        "augmentation + LR schedule 0.9 per 4,000 images + dropout 0.2",
        "augmentation + LR schedule 0.94 per 8,000 images + dropout 0.2",
    ]


def test_three_variants_are_six_lines_against_thousand_steps_beside_the_published_ends(tmp_path: Path) -> None:
    figures = figures_of(made(tmp_path, ORIGINALS))
    assert list(figures) == ["imagenet_regularization"]
    figure = figures["imagenet_regularization"]
    ours, theirs = figure.axes
    assert figure.texts[0].get_text() == "Effect of Explicit Regularization on\nGeneralization Performance"
    assert ours.get_xlabel() == theirs.get_xlabel() == "thousand steps"
    lines = curves(ours)
    assert len(lines) == 6
    for train, test in zip(lines[::2], lines[1::2], strict=True):
        assert (train.get_linestyle(), list(train.get_xdata())) == ("-", [0.01, 0.02, 0.03, 0.04])  # no epoch's means
        assert (test.get_linestyle(), list(test.get_xdata())) == ("--", [0.01, 0.02, 0.03, 0.04])
        assert list(train.get_ydata()) == [0.5, 0.7, 0.8, 0.9]
        assert train.get_color() == test.get_color()
    assert list(lines[1].get_ydata()) == [0.25, 0.5, 0.75, 0.625]
    assert theirs.get_xlim()[0] == 0
    drawn = {
        (float(x), float(y), line.get_color(), line.get_markerfacecolor() == "none")
        for line in theirs.lines
        for x, y in zip(*line.get_data(), strict=True)
    }
    color = {name: line.get_color() for name, line in zip(NAMES, lines[::2], strict=True)}
    expected = set()
    for row in read("original_imagenet_explicit_regularization").table.to_dict("records"):
        name = row["variant"].replace("_", " ").replace("lr", "LR").replace("+", " + ")
        for column, is_open in (("train_accuracy", False), ("test_accuracy", True)):
            expected.add((row["steps"] / 1000, row[column], color[name], is_open))
    assert drawn == expected
    assert len(expected) == 8


def test_a_variant_that_trains_for_longer_stands_in_the_same_panel(tmp_path: Path) -> None:
    longer = [{**fields, "max_steps": 40 + 10 * number} for number, fields in enumerate(ORIGINALS)]
    ours, published = figures_of(made(tmp_path, longer))["imagenet_regularization"].axes
    assert len(curves(ours)) == 6
    assert published.get_title(loc="left").startswith("published")


@pytest.mark.slow
def test_a_part_of_the_published_network_is_never_taken_for_all_of_it(tmp_path: Path) -> None:
    run = made(tmp_path, [{**fields, "width": 1} for fields in ORIGINALS])
    ours = figures_of(run)["imagenet_regularization"].axes[0]
    assert ours.get_title(loc="left").startswith("inception_v3 (1/16 wide), ")
    frames = load(run.root)
    titles = ("ImageNet (Table 2)", "ImageNet, variants of the original project")
    assert {row["model"] for title in titles for row in rows_of(frames, title)} == {"inception_v3 (1/16 wide)"}
    whole = load(made(tmp_path / "whole", ORIGINALS).root)
    assert {row["model"] for title in titles for row in rows_of(whole, title)} == {"inception_v3"}


def test_one_variant_has_its_figure_and_the_legend_names_the_published_ones(tmp_path: Path) -> None:
    figure = figures_of(made(tmp_path, ORIGINALS[:1], seeds=(0, 1)))["imagenet_regularization"]
    texts = {text.get_text() for text in figure.legends[0].get_texts()}
    assert texts == {f"{NAMES[0]} (2 trials)", f"{NAMES[1]} (0 trials)", f"{NAMES[2]} (0 trials)"}


def test_a_curve_of_one_row_is_a_mark(tmp_path: Path) -> None:
    run = make_run(tmp_path / "made", [imagenet_spec()])
    write_attempt(run, imagenet_spec(), rows_by_steps([10], 16))
    ours = figures_of(run)["imagenet_regularization"].axes[0]
    marks = [(line.get_marker(), *map(list, line.get_data())) for line in ours.lines if line.get_marker() != "None"]
    assert marks == [("^", [0.01], [0.9]), ("^", [0.01], [0.75])]


def test_the_papers_other_cells_have_a_figure_of_their_own(tmp_path: Path) -> None:
    figures = figures_of(made(tmp_path, [*ORIGINALS, *PAPERS]))
    assert list(figures) == ["imagenet_regularization", "imagenet_table_2"]
    assert [len(curves(figure.axes[0])) for figure in figures.values()] == [6, 8], "random labels have no curve here"
    assert len(figures["imagenet_table_2"].axes) == 1


@pytest.mark.slow
def test_small_images_and_imagenet_keep_apart(tmp_path: Path) -> None:
    small = [spec(), spec(weight_decay=5e-4), spec(label_corruption=1), spec(label_corruption=1, weight_decay=5e-4)]
    run = make_run(tmp_path / "small", small)
    for one in small:
        write_trial(run, one, 5, 5)
    alone = load(run.root)
    both = load(run.root, made(tmp_path, [*ORIGINALS, *PAPERS]).root)
    assert imagenet_of(alone.trials) == {}
    chosen = regularizers_of(both.trials)
    assert chosen is not None
    assert set(chosen[0]["spec_id"]) == {one.spec_id for one in small[:2]}
    titles = [table.title for table in published_tables(found_in(alone))]
    assert titles == ["Explicit regularization (Table 1)", "Random labels with a regularizer (Table 4)"]
    tables = {table.title: table for table in published_tables(found_in(both))}
    for table in published_tables(found_in(alone)):
        assert tables[table.title] == table


def test_table_2_has_every_cell_beside_the_papers(tmp_path: Path) -> None:
    rows = rows_of(load(made(tmp_path, PAPERS, seeds=(0, 1)).root), "ImageNet (Table 2)")
    resized = "random resized crop + flip"
    assert [row["view"] for row in rows] == ["centre"] * 2 + ["whole"] * 5
    assert [(row["labels"], row["augmentation"], row["dropout"], row["weight decay"]) for row in rows] == [
        ("true labels", resized, "0.2", "4e-05"),
        ("true labels", resized, "no", "no"),
        ("true labels", "no", "no", "4e-05"),
        ("true labels", "no", "no", "no"),
        ("random labels", "no", "0.2", "4e-05"),
        ("random labels", "no", "no", "4e-05"),
        ("random labels", "no", "no", "no"),
    ]
    first, third = rows[0], rows[2]
    assert (first["fitted"], first["LR schedule"]) == ("0/2", "0.94")
    assert first["test top-1, %"] == "62.00 ± 0.71 (74.50 ± 0.71), n = 2"
    assert first["test top-5, %"] == "87.50 ± 0.00 (87.50 ± 0.00), n = 2"
    assert first["train top-1, %"] == "80.00 ± 0.00*, n = 2"
    published = [f"{which} top-{k}, published" for which in ("train", "test") for k in (1, 5)]
    assert [first[name] for name in published] == ["92.18", "99.21", "77.84", "93.92"]
    assert [third[name] for name in published] == ["90.60", "100.00", "67.18 (72.57)", "86.44 (91.31)"]
    paper = read("paper_table2_imagenet").table
    assert [row[published[0]] for row in rows] == [f"{value:.2f}" for value in paper["train_top1"]]
    assert [row[published[3]].split()[0] for row in rows] == [f"{value:.2f}" for value in paper["test_top5"]]


def test_what_parentheses_and_stars_are_is_said_above(tmp_path: Path) -> None:
    tables = published_tables(found_in(load(made(tmp_path, ORIGINALS).root)))
    assert len(tables) == 2
    for table in tables:
        assert "in parentheses, the best at any row" in table.about
        assert "chosen on the test set and never a result" in table.about
        assert "*: over the train_eval_samples alone" in table.about
        assert "ImageNet" in table.about.split("Test accuracy")[0], "the source"


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "alexnet"},
        {"learning_rate_decay": 1},
        {"flip": False},
        {"view": "whole", "random_resized_crop": False, "rotation": 25},
        {"random_resized_crop": False, "flip": False, "random_crop": True, "crop_padding": 0},
        {"weight_decay": 0},
        {"label_corruption": 1},
    ],
)
def test_a_cell_that_the_paper_does_not_have_has_no_published_numbers(tmp_path: Path, changes: dict[str, Any]) -> None:
    fields = {**RESIZED, "weight_decay": 4e-5, **changes}
    (row,) = rows_of(load(made(tmp_path, [fields]).root), "ImageNet (Table 2)")
    assert {value for name, value in row.items() if name.endswith("published")} == {"—"}


def test_the_whole_training_set_goes_before_a_part_of_it(tmp_path: Path) -> None:
    one = imagenet_spec()
    run = make_run(tmp_path / "made", [one])
    scores = {"train_eval_accuracy": [0.5], "exact_train_accuracy": [0.6], "exact_train_top5_accuracy": [0.7]}
    (row,) = rows_by_steps([40], 20, **scores)
    write_attempt(run, one, [row])
    (table,) = rows_of(load(run.root), "ImageNet (Table 2)")
    assert (table["train top-1, %"], table["train top-5, %"]) == ("60.00, n = 1", "70.00, n = 1")


def test_trials_without_a_result_leave_the_means_and_not_the_count(tmp_path: Path) -> None:
    specs = [imagenet_spec(seed=seed) for seed in range(3)]
    run = make_run(tmp_path / "made", specs)
    write_attempt(run, specs[0], rows_by_steps([20, 40], 16, test_error=[0.25, 0.5]))
    write_attempt(run, specs[1], rows_by_steps([20], 16, test_error=[0.1]))
    rows = rows_by_steps([20, 30], 16, test_error=[0.1, None], diverged=[False, True])
    write_attempt(run, specs[2], rows)
    (row,) = rows_of(load(run.root), "ImageNet (Table 2)")
    assert (row["fitted"], row["test top-1, %"]) == ("0/3", "50.00 (75.00), n = 1")
    assert row["train top-1, %"] == "—, n = 0"


def test_the_seeds_variants_stand_beside_theirs(tmp_path: Path) -> None:
    fields = [*ORIGINALS, {"model": "alexnet"}, {"learning_rate_decay": 1}, *PAPERS]
    rows = rows_of(load(made(tmp_path, fields).root), "ImageNet, variants of the original project")
    assert [(row["model"], row["variant"]) for row in rows] == [
        ("alexnet", NAMES[0]),
        *(("inception_v3", name) for name in NAMES),
    ]
    theirs = [[row[f"{name}, published"] for name in ("thousand steps", "train", "test")] for row in rows]
    assert theirs == [
        ["—", "—", "—"],
        ["2000; 3110", "94.74; 97.08", "69.87; 69.80"],
        ["2000", "99.52", "62.79"],
        ["2000", "88.38", "57.79"],
    ]
    own = rows[1]
    assert (own["thousand steps"], own["train, running, %"]) == ("0.04", "90.00, n = 1")
    assert own["test, %"] == "62.50 (75.00), n = 1"


@pytest.mark.slow
def test_the_sweep_is_drawn_written_and_reported(tmp_path: Path) -> None:
    run = made(tmp_path, [*ORIGINALS, *PAPERS])
    names = {path.name for path in draw_runs([run.root], tmp_path / "drawn").written}
    assert {"imagenet_regularization.svg", "imagenet_table_2.png", "tables.md"} <= names
    assert "epochs_to_fit.svg" not in names
    written = (tmp_path / "drawn" / "tables.md").read_text()
    assert "up to 2 epochs (40 steps)" in written
    assert "## ImageNet (Table 2)" in written
    write_report([run.root], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert '<section id="sweep-1"><h2>ImageNet regularization</h2>' in page
    assert "67.18 (72.57)" in page
    assert "not fitted after 2 epochs and 40 steps in all (max steps)" in page
    text = " ".join(re.sub(r"<[^>]*>", " ", page.split("<body>")[1]).split())
    assert "epochs 20 " in text, "ten trials of two whole epochs each"


def test_no_text_is_clipped_on_paper_or_phone(tmp_path: Path) -> None:
    frames = load(made(tmp_path, [*ORIGINALS, *PAPERS, {"dropout": 0.5, "weight_decay": 1e-4}]).root)
    for across in (1, 3):
        for _, make in curve_figures(found_in(frames), lambda _: "imagenet", across):
            figure = make()
            figure.canvas.draw()
            width, height = figure.get_size_inches() * figure.dpi
            renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
            boxes = [part.get_window_extent(renderer) for part in (*figure.texts, *figure.legends)]
            assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)


def test_over_whole_epochs_a_figure_leaves_out_what_is_inside_of_one(tmp_path: Path) -> None:
    networks = [spec(model="inception_small", batch_norm=on, evaluate_steps=10) for on in (True, False)]
    run = make_run(tmp_path / "made", networks)
    for one in networks:
        write_attempt(run, one, rows_by_steps([10, 16, 20, 30, 32], 16, fit=2))
    lines = curves(figures_of(run)["batch_norm"].axes[0])
    assert [list(line.get_xdata()) for line in lines] == [[1, 2]] * 4


def test_a_trial_that_has_not_begun_is_said_and_one_within_its_first_epoch_is_drawn(tmp_path: Path) -> None:
    specs = [imagenet_spec(seed=seed) for seed in range(2)]
    run = make_run(tmp_path / "made", specs)
    write_attempt(run, specs[0], [record(0, row=1, steps=10, fitted=None)])
    figure = figures_of(run)["imagenet_regularization"]
    assert "Without a row, not drawn: 1." in figure.texts[-1].get_text().replace("\n", " ")


def test_a_line_from_a_file_is_named_by_the_beginning_of_its_hash(tmp_path: Path) -> None:
    (row,) = rows_of(load(made(tmp_path, [{"start_from": "ab" * 32}]).root), "ImageNet (Table 2)")
    assert row["model"] == "inception_v3"
    (tmp_path / "two").mkdir()
    rows = rows_of(load(made(tmp_path / "two", [{}, {"start_from": "ab" * 32}]).root), "ImageNet (Table 2)")
    assert {one["model"] for one in rows} == {"inception_v3", "inception_v3, start from abababababab"}
