"""Capacity: the bracket of the number of images that a network fits; no trial that did not fit is overlooked."""

import pandas as pd
import pytest
from made_runs import draw_runs, make_run, spec, write_trial

from analysis.figures.epochs_by_size import sizes_figure
from analysis.frames import load
from analysis.grouping.comparisons import Comparisons
from analysis.schema.statistics_columns import CAPACITY
from analysis.statistics.capacity import capacity


def load_of(tmp_path, fits, **changes):
    """The frames of trials by size: a number is the epoch of a fit; negative: not fitted by then; 0: not begun."""
    epochs = {
        spec(train_samples=size, seed=seed, max_epochs=99, **changes): epoch
        for size, own in fits.items()
        for seed, epoch in enumerate(own)
    }
    run = make_run(tmp_path / "demo", list(epochs))
    for one, epoch in epochs.items():
        if epoch:
            write_trial(run, one, abs(epoch), epoch if epoch > 0 else None)
    return load(run.root)


def trials_of(tmp_path, fits, **changes):
    return load_of(tmp_path, fits, **changes).trials


def bracket(tmp_path, fits):
    (row,) = capacity(trials_of(tmp_path, fits)).to_dict("records")
    return row


def test_the_bracket_lies_between_the_last_size_that_all_fitted_and_the_first_that_one_did_not(tmp_path):
    row = bracket(tmp_path, {100: [5, 6], 200: [9, 8], 400: [-99, 50], 800: [-99, -99]})
    assert (row["fitted_samples"], row["unfitted_samples"], row["unfitted_share"]) == (200, 400, 0.5)
    assert (row["trials"], row["sizes"], row["horizon"]) == (8, 4, 99)
    assert pd.isna(row["fitted_above"])


def test_a_fit_above_the_first_size_that_was_not_fitted_is_shown_and_moves_no_bound(tmp_path):
    row = bracket(tmp_path, {100: [5], 200: [-99], 400: [40]})
    assert (row["fitted_samples"], row["unfitted_samples"], row["fitted_above"]) == (100, 200, 400)


@pytest.mark.parametrize(
    ("fits", "fitted", "unfitted"),
    [({100: [5], 200: [6]}, 200, None), ({100: [-99], 200: [-99]}, None, 100)],
)
def test_a_bound_that_was_not_reached_is_null(tmp_path, fits, fitted, unfitted):
    row = bracket(tmp_path, fits)
    assert [None if pd.isna(row[name]) else row[name] for name in ("fitted_samples", "unfitted_samples")] == [
        fitted,
        unfitted,
    ]


def test_a_size_with_a_trial_that_may_yet_fit_bounds_nothing(tmp_path):
    row = bracket(tmp_path, {100: [5, 5], 200: [6, -7], 400: [9, 0], 800: [-99, 0]})
    assert (row["fitted_samples"], row["unfitted_samples"], row["unknown_sizes"]) == (100, 800, 2)


def test_levels_stand_apart_and_one_size_is_no_bracket(tmp_path):
    both = pd.concat(
        [
            trials_of(tmp_path / "true", {100: [5], 200: [9]}),
            trials_of(tmp_path / "random", {100: [5]}, label_corruption=1.0),
        ]
    )
    assert capacity(both)["label_corruption"].tolist() == [0]


def test_its_columns_are_the_described_ones_without_a_trial_too(tmp_path):
    table = capacity(trials_of(tmp_path, {100: [5]}))
    assert table.empty
    assert [str(table[column.name].dtype) for column in CAPACITY] == [column.dtype for column in CAPACITY]


def test_the_figure_marks_every_trial_and_the_bracket(tmp_path):
    trials = trials_of(tmp_path, {100: [5, 6], 200: [9, 8], 400: [-99, 50]})
    (axes,) = sizes_figure(trials, "made").axes
    marks = {line.get_marker(): sorted(zip(*line.get_data(), strict=True)) for line in axes.lines if line.get_marker()}
    assert marks["."] == [(100, 5), (100, 6), (200, 8), (200, 9), (400, 50)]
    assert marks["^"] == [(400, 99)]
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (200, 400)


def test_it_is_drawn_where_a_level_has_three_sizes(tmp_path):
    frames = load_of(tmp_path, {100: [5], 200: [9], 400: [-99]})
    assert "capacity" in [path.stem for path in draw_runs([tmp_path / "demo"], tmp_path / "figures").written]
    assert Comparisons(frames.trials.head(2), frames.epochs).sizes is None
