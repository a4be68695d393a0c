"""Effects of regularizers: differences of pairs, computed again by hand and by scipy."""

import math

import numpy as np
import pandas as pd
import pytest
from made_runs import make_run, record, spec, write_attempt
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from analysis.frames import load
from analysis.schema.statistics_columns import EFFECTS
from analysis.statistics.effects import SWITCHES, effect_size, effects

ON = {
    "random_crop": {"random_crop": True, "crop_padding": 4},
    "random_resized_crop": {"random_resized_crop": True},
    "flip": {"flip": True},
    "random_resized_crop_and_flip": {"random_resized_crop": True, "flip": True},
    "rotation": {"rotation": 25},
    "flip_and_rotation": {"flip": True, "rotation": 25},
    "weight_decay": {"weight_decay": 0.01},
    "dropout": {"dropout": 0.5},
    "batch_norm": {"batch_norm": True},
}


def measured(tmp_path, trials):
    """The effects of trials given as spec -> (epoch of the fit or None, test accuracy); 50 epochs at most."""
    run = make_run(tmp_path / "demo", list(trials))
    for one, (fit, accuracy) in trials.items():
        end = fit or 50
        row = record(end, fit, test_error=1 - accuracy, exact_train_accuracy=1.0 if fit else 0.9)
        write_attempt(run, one, [row])
    return effects(load(run.root).trials)


def row_of(table, measure):
    (row,) = table[table["measure"] == measure].to_dict("records")
    return row


@pytest.mark.parametrize("name", [regularizer.name for regularizer in SWITCHES])
def test_differences_are_of_pairs_with_and_without(tmp_path, name):
    off = {"batch_norm": False} if name == "batch_norm" else {}
    without, with_ = [0.70, 0.75, 0.72, 0.74], [0.74, 0.76, 0.75, 0.79]
    trials = {}
    for seed in range(4):
        trials[spec(seed=seed, max_epochs=50, **off)] = (10, without[seed])
        trials[spec(seed=seed, max_epochs=50, **{**off, **ON[name]})] = (20, with_[seed])
    table = measured(tmp_path, trials)
    assert set(table["regularizer"]) == {name}
    row, differences = row_of(table, "test_accuracy"), np.subtract(with_, without)
    interval = stats.ttest_rel(with_, without).confidence_interval(0.95)
    assert (row["pairs"], row["n"], row["unpaired"]) == (4, 4, 0)
    assert row["mean"] == pytest.approx(differences.mean())
    mean, parts = differences.mean(), []
    for side in (without, with_):  # of the 10,000 test images
        share = np.mean(side)
        parts.append(abs(np.subtract(proportion_confint(round(10_000 * share), 10_000, method="wilson"), share)))
    below = np.linalg.norm([mean - interval.low, parts[0][1], parts[1][0]])
    above = np.linalg.norm([interval.high - mean, parts[0][0], parts[1][1]])
    assert (row["low"], row["high"]) == pytest.approx((mean - below, mean + above))
    exact = math.gamma(1.5) / (math.sqrt(1.5) * math.gamma(1))  # Hedges' J for 3 degrees of freedom
    assert row["effect_size"] == pytest.approx(differences.mean() / differences.std(ddof=1) * exact)
    assert row_of(table, "log2_epochs_to_fit")["mean"] == 1
    strengths = {"random_crop": 4, "rotation": 25, "flip_and_rotation": 25, "weight_decay": 0.01, "dropout": 0.5}
    strength = strengths.get(name)
    assert row["strength"] == strength or (strength is None and pd.isna(row["strength"]))


def test_a_pair_in_which_one_did_not_fit_leaves_no_mean_of_epochs(tmp_path):
    trials = {
        spec(seed=0, max_epochs=50): (10, 0.7),
        spec(seed=1, max_epochs=50): (10, 0.7),
        spec(seed=0, max_epochs=50, dropout=0.5): (20, 0.7),
        spec(seed=1, max_epochs=50, dropout=0.5): (None, 0.7),
    }
    table = measured(tmp_path, trials)
    epochs, gap = row_of(table, "log2_epochs_to_fit"), row_of(table, "generalization_gap")
    assert (epochs["pairs"], epochs["n"]) == (2, 0)
    assert pd.isna(epochs["mean"])
    assert gap["mean"] == pytest.approx(-0.05)
    assert row_of(table, "exact_train_accuracy")["n"] == 2


def test_strengths_and_contexts_stand_apart_and_the_unpaired_are_counted(tmp_path):
    context = {"random_crop": True, "crop_padding": 4}
    specs = [
        spec(max_epochs=50),
        spec(max_epochs=50, dropout=0.2),
        spec(max_epochs=50, dropout=0.5),
        spec(max_epochs=50, dropout=0.5, seed=7),
        spec(max_epochs=50, **context),
        spec(max_epochs=50, **context, dropout=0.5),
    ]
    table = measured(tmp_path, dict.fromkeys(specs, (10, 0.7)))
    own = table[(table["regularizer"] == "dropout") & (table["measure"] == "test_accuracy")]
    rows = own[["random_crop", "strength", "pairs", "unpaired"]].to_numpy().tolist()
    assert sorted(rows) == [[False, 0.2, 1, 0], [False, 0.5, 1, 1], [True, 0.5, 1, 0]]


def test_two_regularizers_in_one_are_both_or_neither(tmp_path):
    fields = [{}, {"flip": True}, {"random_resized_crop": True}, {"flip": True, "random_resized_crop": True}]
    accuracies = dict(zip([spec(max_epochs=50, **one) for one in fields], (0.7, 0.72, 0.75, 0.8), strict=True))
    table = measured(tmp_path, {one: (10, accuracy) for one, accuracy in accuracies.items()})
    tested = table[table["measure"] == "test_accuracy"]
    rows = tested[["regularizer", "flip", "random_resized_crop", "mean"]].round(6).to_numpy().tolist()
    assert sorted(rows) == [
        ["flip", False, False, 0.02],
        ["flip", False, True, 0.05],
        ["random_resized_crop", False, False, 0.05],
        ["random_resized_crop", True, False, 0.08],
        ["random_resized_crop_and_flip", False, False, 0.1],
    ]


def test_trials_that_see_other_views_are_no_pair(tmp_path):
    jpeg = {"max_epochs": 50, "jpeg_quality": 90}
    specs = [spec(**jpeg, view="whole"), spec(**jpeg, random_resized_crop=True)]
    assert measured(tmp_path, dict.fromkeys(specs, (10, 0.7))).empty


def test_an_unfinished_trial_is_no_result(tmp_path):
    run = make_run(tmp_path / "demo", [spec(), spec(dropout=0.5)])
    write_attempt(run, spec(), [record(9, 9)])
    write_attempt(run, spec(dropout=0.5), [record(3)])
    row = row_of(effects(load(run.root).trials), "test_accuracy")
    assert (row["pairs"], row["n"]) == (1, 0)


def test_a_null_is_not_off(tmp_path):
    run = make_run(tmp_path / "demo", [spec(batch_norm=None), spec(batch_norm=True)])
    assert effects(load(run.root).trials).empty


def test_models_without_the_choice_and_empty_frames_leave_the_columns(tmp_path):
    table = effects(load(make_run(tmp_path / "demo", [spec()]).root).trials)
    assert table.empty
    assert [str(table[column.name].dtype) for column in EFFECTS] == [column.dtype for column in EFFECTS]


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.2], [0.3, 0.3, 0.3], [0.1 + 0.2, 0.3, 0.3], [6e-17, 0.0, 0.0]])
def test_no_effect_size_without_a_spread_or_of_so_few(values):
    assert effect_size(values) is None


def test_the_effect_size_is_unbiased():
    samples = np.random.default_rng(0).normal(0.8, 1, (20_000, 4)).tolist()
    assert np.mean([effect_size(sample) for sample in samples]) == pytest.approx(0.8, abs=0.03)
