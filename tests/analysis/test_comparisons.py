"""Curves, rates and tables draw and print the rows' own numbers, if the trials contain them."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
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
from matplotlib.figure import Figure

from analysis.figures.epochs_by_learning_rate import rates_figure
from analysis.figures.paper_curves import MakeFigure, curve_figures
from analysis.frames import Frames, load
from analysis.grouping.comparisons import batch_norms_of, inputs_of, levels_of, rates_of, regularizers_of
from analysis.grouping.conditions import condition, regularizers
from analysis.published import read
from analysis.tables.paper_tables import to_markdown
from rethink.spec import TrialSpec

INPUTS: list[dict[str, Any]] = [
    {},
    {"label_corruption": 1},
    {"pixel_corruption": "shuffled_pixels"},
    {"pixel_corruption": "random_pixels"},
    {"pixel_corruption": "gaussian"},
]
REGULARIZED: list[dict[str, Any]] = [
    {},
    {"weight_decay": 5e-4},
    {"random_crop": True, "crop_padding": 4},
    {"random_crop": True, "crop_padding": 4, "flip": True, "dropout": 0.5},
    {"flip": True, "rotation": 25},
]
NAMES = ["none", "weight decay", "random crop", "random crop + flip + dropout", "flip + rotation 25°"]


def frames_of(folder: Path, specs: Sequence[TrialSpec], fits: Sequence[int | None]) -> Frames:
    run = make_run(folder / "made", specs)
    for one, fit in zip(specs, fits, strict=True):
        write_trial(run, one, fit or one.max_epochs, fit)
    return load(run.root)


def points(axes: Any, marker: str) -> list[tuple[float, float]]:
    plots = [line for line in axes.lines if line.get_marker() == marker]
    return [(float(x), float(y)) for line in plots for x, y in zip(*line.get_data(), strict=True)]


def made(figures: Iterable[tuple[str, MakeFigure]]) -> dict[str, Figure]:
    return {name: make() for name, make in figures}


def test_conditions_and_regularizers_have_the_papers_names(tmp_path: Path) -> None:
    specs = [spec(**fields) for fields in [*INPUTS, {"label_corruption": 0.5}, *REGULARIZED[1:]]]
    trials = load(make_run(tmp_path / "made", specs).root).trials
    names = condition(trials).fillna("other").tolist()
    assert names[:6] == ["true labels", "random labels", "shuffled pixels", "random pixels", "gaussian", "other"]
    assert regularizers(trials).tolist()[5:] == NAMES


def test_curves_are_the_rows_and_end_in_a_mark_that_tells_a_fit(tmp_path: Path) -> None:
    specs = [spec(**fields, max_epochs=9) for fields in INPUTS]
    frames = frames_of(tmp_path, specs, [4, None, 5, 6, 7])
    figures = made(curve_figures(found_in(frames), lambda _: "made"))
    assert list(figures) == ["inputs_loss", "inputs_accuracy"]
    axes = figures["inputs_loss"].axes[0]
    curves = [line for line in axes.lines if line.get_linestyle() != "None"]
    assert [len(line.get_xdata()) for line in curves] == [4, 9, 5, 6, 7]
    assert list(curves[0].get_xdata()) == [16, 32, 48, 64]
    assert list(curves[0].get_ydata()) == [1, 1 / 2, 1 / 3, 1 / 4]
    assert points(axes, "^") == [(9 * 16, pytest.approx(1 / 9))]
    published = figures["inputs_loss"].axes[1].lines[0]
    assert list(published.get_xdata()) == [4000, 5700]


@pytest.mark.parametrize(("models", "told"), [(["mlp_1x512"], " (1 trial)"), (["mlp_1x512", "mlp_3x512"], "")])
def test_no_legend_counts_trials_over_panels(tmp_path: Path, models: list[str], told: str) -> None:
    specs = [spec(model=model, **fields) for model in models for fields in INPUTS]
    frames = frames_of(tmp_path, specs, [5] * len(specs))
    (legend,) = made(curve_figures(found_in(frames), lambda _: "made"))["inputs_loss"].legends
    assert [text.get_text() for text in legend.get_texts()][:2] == [f"true labels{told}", f"random labels{told}"]


def test_train_is_solid_and_test_dashed_where_it_was_measured(tmp_path: Path) -> None:
    specs = [spec(model="inception_small", batch_norm=on) for on in (True, False)]
    run = make_run(tmp_path / "made", specs)
    for one in specs:
        rows = [record(epoch, 5, test_error=0.25 if epoch in (2, 5) else None) for epoch in range(1, 6)]
        write_attempt(run, one, rows)
    ((name, figure), *others) = made(curve_figures(found_in(load(run.root)), lambda _: "made")).items()
    assert (name, others) == ("batch_norm", [])
    lines = [line for line in figure.axes[0].lines if line.get_linestyle() != "None"]
    assert [(line.get_linestyle(), list(line.get_xdata())) for line in lines] == [
        ("-", [1, 2, 3, 4, 5]),
        ("--", [2, 5]),
    ] * 2
    assert list(figure.axes[1].lines[0].get_ydata()) == [0.6049, 0.8529, 0.9942, 1.0]


def test_each_comparison_is_drawn_only_of_trials_that_contain_it(tmp_path: Path) -> None:
    def trials(name: str, *fields: dict[str, Any]) -> Any:
        return load(make_run(tmp_path / name, [spec(**one) for one in fields]).root).trials

    labels = trials("labels", {}, {"label_corruption": 1})
    assert (inputs_of(labels), batch_norms_of(labels), regularizers_of(labels), rates_of(labels)) == (None,) * 4
    random_only = trials("random", *({"label_corruption": 1, **one} for one in REGULARIZED))
    assert regularizers_of(random_only) is None
    apart = trials("apart", {"learning_rate": 0.1}, {"learning_rate": 0.2, "label_corruption": 1})
    assert rates_of(apart) is None, "two rates at two levels are no comparison"
    two = trials("rates", {"learning_rate": 0.1}, {"learning_rate": 0.2}, {"label_corruption": 1})
    assert len(rates_of(two)) == 2
    norm = {"model": "inception_small", "batch_norm": True}
    one_model_each = trials("norms", norm, {**norm, "model": "other", "batch_norm": False})
    assert batch_norms_of(one_model_each) is None


def test_rates_the_first_to_fit_and_what_was_given_up(tmp_path: Path) -> None:
    specs = [spec(learning_rate=rate, max_epochs=50) for rate in (0.01, 0.1, 0.2, 0.5)]
    run = make_run(tmp_path / "made", specs)
    for one, (epochs, fit) in zip(specs, [(40, 40), (12, 12), (50, None), (10, None)], strict=True):
        write_trial(run, one, epochs, fit)
    run.record_outcome(specs[3].spec_id, "scheduler", 10)
    trials = load(run.root).trials
    axes = rates_figure(trials, "made").axes[0]
    assert points(axes, "o") == [(0.1, 12)]
    assert points(axes, ".") == [(0.01, 40), (0.1, 12)]
    assert points(axes, "^") == [(0.2, 50)]
    assert points(axes, "x") == [(0.5, 10)]
    table = tables(run.root, tmp_path)
    assert "| mlp_1x512 | — | 2,000 | 0 | 0.0 | 0.1 | 12 | 4 | 2 | 1 | 1 | 0 |" in table


def tables(root: Path, folder: Path) -> str:
    return next(path for path in draw_runs([root], folder / "drawn").written if path.name == "tables.md").read_text()


def test_table_1_and_4_stand_beside_the_published_numbers(tmp_path: Path) -> None:
    seeds = range(2)
    true = [spec(**fields, seed=seed) for fields in REGULARIZED for seed in seeds]
    random = [
        spec(**fields, seed=seed, label_corruption=1, max_epochs=30) for fields in REGULARIZED[:3] for seed in seeds
    ]
    turned = spec(model="inception_small", batch_norm=True, label_corruption=1, flip=True, rotation=25)
    run = make_run(tmp_path / "made", [*true, *random, turned])
    for number, one in enumerate(true):
        write_trial(run, one, 10 + number, 10 + number, test_error=0.2 + 0.1 * (number % 2))
    for one, fit in zip(random, [20, 22, 24, 26, None, None], strict=True):
        write_trial(run, one, fit or 30, fit, test_error=0.9)
    write_attempt(run, turned, [record(30, 30, train_accuracy=0.75)])
    text = tables(run.root, tmp_path)
    accuracies = "100.00 ± 0.00 (n = 2) | 75.00 ± 7.07 (n = 2)"
    assert f"| mlp_1x512 | — | 2,000 | none | true labels | 2/2 | {accuracies} | 100.00 | 50.51 |" in text
    assert f"| mlp_1x512 | — | 2,000 | weight decay | true labels | 2/2 | {accuracies} | 99.80 | 50.39 |" in text
    assert f"| mlp_1x512 | — | 2,000 | {NAMES[3]} | true labels | 2/2 | {accuracies} | — | — |" in text
    table_4 = text[text.index("Table 4") :]
    assert f"| mlp_1x512 | — | 2,000 | {NAMES[4]} | true labels | 2/2 | {accuracies} | — | — |" in text
    running = "90.00 ± 0.00 (n = 2)"
    assert f"| weight decay | 2/2 | 25 [24-26] | 100.00 ± 0.00 (n = 2) | {running} | 99.21 |" in table_4
    assert f"| random crop | 0/2 | > 30 [2 > 30] | — (n = 0) | {running} | — |" in table_4
    assert f"| on | 2,000 | {NAMES[4]} | 1/1 | 30 [30] | 100.00 (n = 1) | 75.00 (n = 1) | 99.28 |" in table_4
    for told in ("no weight decay coefficient: 0.0005 is this project's choice", "footnote 1", "rotation by up to 25"):
        assert told in table_4


def test_steps_below_a_loss_are_the_first_rows_that_are(tmp_path: Path) -> None:
    specs = [spec(**fields, max_epochs=15) for fields in INPUTS]
    frames_of(tmp_path, specs, [12, None, 12, 12, 12])
    text = tables(tmp_path / "made", tmp_path)
    assert "| true labels | 1/1 | 12 [12] | 176 | > 192 | 0.250 (n = 1) | 4,000 | 5,700 |" in text  # 1/11 < 0.1
    assert "| random labels | 0/1 | > 15 [1 > 15] | 176 | > 240 | 0.250 (n = 1) | 16,600 | 17,700 |" in text


def test_published_numbers_name_their_source() -> None:
    names = ("paper_table1_cifar10", "paper_table4_random_labels", "peer_fig1a_thresholds")
    for name in (*names, "original_batch_norm", "original_label_corruption"):
        assert "CIFAR-10" in read(name).source
    table = read("paper_table1_cifar10").table
    assert table["test_accuracy"].max() == 89.31
    assert len(table) == 19


@pytest.mark.slow
def test_no_text_of_the_new_figures_is_clipped(tmp_path: Path) -> None:
    networks = [{"model": "inception_small", "batch_norm": on} for on in (True, False)]
    fields = [*INPUTS, *REGULARIZED[1:], {"learning_rate": 0.3}]
    specs = [spec(**network, **one, max_epochs=20) for network in networks for one in fields]
    frames = frames_of(tmp_path, specs, [5, None, *[6] * (len(specs) - 2)])
    subtitle = "fashion_mnist and cifar10, 2 and all training images, 3 seeds, runs 2026-11-23 to 2026-11-24"
    figures = [
        *made(curve_figures(found_in(frames), lambda _: subtitle)).values(),
        rates_figure(rates_of(frames.trials), subtitle),
    ]
    assert len(figures) == 5
    for figure in figures:
        figure.canvas.draw()
        width, height = figure.get_size_inches() * figure.dpi
        renderer = figure.canvas.get_renderer()
        labels = [part for axes in figure.axes for part in (axes.xaxis.label, axes.yaxis.label, axes._left_title)]
        boxes = [part.get_window_extent(renderer) for part in (*figure.texts, *figure.legends, *labels)]
        drawn = [box for box in boxes if box.width]
        assert np.all([(box.x0 >= 0, box.y0 >= 0, box.x1 <= width, box.y1 <= height) for box in drawn])


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_trials_out_of_steps_are_among_those_that_reached_a_limit(tmp_path: Path) -> None:
    specs = [spec(learning_rate=rate, max_steps=40, batch_size=125) for rate in (0.01, 0.1)]
    run = make_run(tmp_path / "made", specs)
    write_attempt(run, specs[0], rows_by_steps([16, 32, 40], 16))
    write_attempt(run, specs[1], rows_by_steps([16, 32], 16, fit=2))
    text = tables(run.root, tmp_path)
    assert "| epochs | trials | fitted | given up by halving | max_epochs or max_steps | diverged |" in text
    assert "| mlp_1x512 | — | 2,000 | 0 | 0.0 | 0.1 | 2 | 2 | 1 | 0 | 1 | 0 |" in text
    figure = rates_figure(load(run.root).trials, "made")
    assert "open triangle at max_epochs or max_steps" in figure.texts[-1].get_text().replace("\n", " ")
    assert points(figure.axes[0], "^") == [(0.01, 2)]


@pytest.mark.slow
def test_every_row_has_a_cell_for_every_column_and_no_two_rows_stand_for_the_same(tmp_path: Path) -> None:
    """All tables at once, of trials that also differ in an option for which no table has a column."""
    networks: list[dict[str, Any]] = [{"model": "inception_small", "batch_norm": on} for on in (True, False)]
    fields = [*INPUTS, {"label_corruption": 0.5}, *REGULARIZED[1:], {"weight_decay": 1e-4}]
    random = [{**one, "label_corruption": 1} for one in REGULARIZED[1:3]]
    other: list[dict[str, Any]] = [{}, {"dataset": "cifar10"}, {"learning_rate": 0.3}, {"batch_size": 32}]
    every = [{**network, **one, **more} for network in networks for one in [*fields, *random] for more in other]
    specs = [spec(**one, max_epochs=20) for one in every]
    off: dict[str, Any] = {"flip": False, "rotation": 0}
    toggles: list[dict[str, Any]] = [
        {},
        off,
        {**off, "random_crop": True, "crop_padding": 0},
        {"learning_rate_decay": 1},
        {"dropout": 0.5},
        {"random_resized_crop": True, "rotation": 0, "view": "centre"},
    ]
    further: list[dict[str, Any]] = [{}, {"weight_decay": 1e-4}, {"label_corruption": 1}]
    further += [{"decay_images": 9000}, {"batch_size": 32}, {"decay_images": 9000, "batch_size": 32}]
    further += [{"view": "centre"}, {"auxiliary_weight": 0}]
    specs += [imagenet_spec(**{**one, **more}, max_epochs=3) for one in toggles for more in further]
    specs = list(dict.fromkeys(specs))
    text = to_markdown(found_in(frames_of(tmp_path, specs, [None] * len(specs))), "made")
    assert text.count("## ") == 8
    for section in text.split("## ")[1:]:
        head, _, *rows = [cells_of(line) for line in section.splitlines() if line.startswith("|")]
        assert {len(row) for row in rows} == {len(head)}, section
        assert len(set(head)) == len(head)
        shown = [tuple(row[: head.index(next(name for name in ("fitted", "trials") if name in head))]) for row in rows]
        assert len(set(shown)) == len(shown), section


def test_strengths_are_told_apart_and_only_one_has_a_published_counterpart(tmp_path: Path) -> None:
    specs = [spec(weight_decay=decay) for decay in (0, 5e-4, 1e-3)]
    frames = frames_of(tmp_path, specs, [5, 5, 5])
    assert regularizers(frames.trials).tolist() == ["none", "weight decay 0.0005", "weight decay 0.001"]
    text = tables(tmp_path / "made", tmp_path)
    assert "| weight decay 0.0005 | true labels | 1/1 | 100.00 (n = 1) | 75.00 (n = 1) | 99.80 | 50.39 |" in text
    assert "| weight decay 0.001 | true labels | 1/1 | 100.00 (n = 1) | 75.00 (n = 1) | — | — |" in text


def test_a_search_for_a_rate_does_not_take_another_runs_lines_away(tmp_path: Path) -> None:
    levels = (0, 0.5, 1)
    lines = make_run(tmp_path / "lines", [spec(label_corruption=level) for level in levels])
    search = make_run(
        tmp_path / "search", [spec(label_corruption=level, learning_rate=rate) for level in levels for rate in (0.1, 1)]
    )
    assert levels_of(load(search.root).trials).empty
    kept = levels_of(load(lines.root, search.root).trials)
    assert (kept["run"].tolist(), kept["learning_rate"].tolist()) == (["lines"] * 3, [0.01] * 3)


@pytest.mark.slow
def test_in_table_4_only_one_weight_decay_and_rotation_have_a_published_counterpart(tmp_path: Path) -> None:
    inception: dict[str, Any] = {"model": "inception_small", "batch_norm": True, "flip": True}
    fields = [{"weight_decay": decay} for decay in (0, 5e-4, 1e-3)]
    fields += [{**inception, "rotation": degrees} for degrees in (0, 20, 25)]
    frames_of(tmp_path, [spec(label_corruption=1, **one) for one in fields], [5] * 6)
    text = tables(tmp_path / "made", tmp_path)
    accuracies = "1/1 | 5 [5] | 100.00 (n = 1) | 90.00 (n = 1)"
    assert f"| weight decay 0.0005 | {accuracies} | 99.21 |" in text
    assert f"| weight decay 0.001 | {accuracies} | — |" in text
    for own, published in (("flip", "—"), ("flip + rotation 20°", "—"), ("flip + rotation 25°", "99.28")):
        assert f"| {own} | {accuracies} | {published} |" in text


def test_a_rate_that_only_some_seeds_fit_is_no_point_of_the_line_and_no_trial_goes_unmentioned(tmp_path: Path) -> None:
    rates = (0.01, 0.1, 0.2)
    specs = [spec(learning_rate=rate, seed=seed, max_epochs=50) for rate in rates for seed in (0, 1, 2)]
    run = make_run(tmp_path / "made", specs)
    for one, fit in zip(specs[:6], (40, 42, 50, 12, None, None), strict=True):
        write_trial(run, one, fit or 50, fit)
    write_attempt(run, specs[6], [record(1), record(2, diverged=True, train_loss=None, test_error=None)])
    write_trial(run, specs[7], 7)
    figure = rates_figure(load(run.root).trials, "made")
    line = figure.axes[0].lines[0]
    assert np.array_equal(np.asarray(line.get_ydata(), dtype=float), [42, np.nan, np.nan], equal_nan=True)
    assert points(figure.axes[0], "+") == [(0.2, 2)]
    assert sorted(points(figure.axes[0], "^")) == [(0.1, 50), (0.1, 50), (0.2, 7)]
    assert "not drawn: 1." in figure.texts[-1].get_text().replace("\n", " ")
    assert figure.axes[0].get_title(loc="left") == "mlp_1x512, 2,000 images (n = 3)"


def test_a_line_of_two_levels_stands_beside_a_longer_one_of_its_run_alone(tmp_path: Path) -> None:
    long = [spec(label_corruption=level) for level in (0, 0.5, 1)]
    short = [spec(model="mlp_3x512", label_corruption=level) for level in (0, 1)]
    study = make_run(tmp_path / "study", [*long, *short, spec(model="alexnet_small", label_corruption=1)])
    others = [spec(model="wide_resnet", label_corruption=level) for level in (0, 1)]
    elsewhere = make_run(tmp_path / "elsewhere", others)
    drawn = levels_of(load(study.root, elsewhere.root).trials)
    assert set(drawn["spec_id"]) == {one.spec_id for one in (*long, *short)}
    assert levels_of(load(elsewhere.root).trials).empty


def test_levels_at_one_rate_do_not_hide_each_other(tmp_path: Path) -> None:
    specs = [spec(learning_rate=rate, label_corruption=level) for rate in (0.1, 0.2) for level in (0, 1)]
    frames = frames_of(tmp_path, specs, [5, 5, 5, 5])
    places = [x for x, _ in points(rates_figure(frames.trials, "made").axes[0], ".")]
    assert len(set(places)) == 4


def svg_text(path: Path) -> str:
    return " ".join(re.findall("<!-- (.*?) -->", path.read_text()))


def test_each_figure_states_the_scale_of_its_own_trials(tmp_path: Path) -> None:
    inputs = make_run(tmp_path / "inputs", [spec(**one) for one in INPUTS])
    search = make_run(
        tmp_path / "search",
        [spec(train_samples=500, learning_rate=rate, seed=seed) for rate in (0.1, 0.2) for seed in (0, 1)],
        created="2026-11-30T20:00:00+00:00",
    )
    write_trial(inputs, spec(), 8, 8)
    paths = draw_runs([inputs.root, search.root], tmp_path / "drawn").written
    drawn = {path.stem: svg_text(path) for path in paths if path.suffix == ".svg"}
    repeated = "2 repetitions with one training subset and corruption"
    assert "fashion_mnist, 2,000 training images, 1 replicate, up to 8 epochs, run 2026-11-23" in drawn["inputs_loss"]
    one = f"fashion_mnist, 500 training images, {repeated}, up to 0 epochs, run 2026-11-30"
    assert one in drawn["learning_rate"]
    text = (tmp_path / "drawn" / "tables.md").read_text()
    assert f"500 and 2,000 training images, {repeated}, up to 8 epochs, runs 2026-11-23 to 2026-11-30" in text


def test_a_comparison_leaves_out_what_has_no_counterpart(tmp_path: Path) -> None:
    """Each lone trial is alike in the field compared and differs from the pairs in something else."""
    networks = [spec(model="inception_small", batch_norm=on) for on in (True, False)]
    inputs = [spec(**one) for one in INPUTS]
    decays = [spec(model="mlp_3x512", weight_decay=decay) for decay in (0, 5e-4)]
    alone = [
        spec(model="inception_small", batch_norm=True, learning_rate=0.3),
        spec(learning_rate=0.3),
        spec(learning_rate=0.3, label_corruption=1),
        spec(model="mlp_3x512", weight_decay=5e-4, batch_size=32),
    ]
    trials = load(make_run(tmp_path / "made", [*networks, *inputs, *decays, *alone]).root).trials
    for choose, pairs in ((batch_norms_of, networks), (inputs_of, inputs), (regularizers_of, decays)):
        chosen, lines, _, _ = choose(trials)
        assert set(chosen["spec_id"]) == {one.spec_id for one in pairs}
        assert lines.nunique() == len(pairs)
