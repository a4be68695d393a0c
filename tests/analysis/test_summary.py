"""The statistics of cells, on made runs with known answers."""

import math
import statistics

import pandas as pd
import pytest
from made_runs import make_run, record, rows_by_steps, spec, write_attempt, write_trial
from statsmodels.stats.proportion import proportion_confint

from analysis.frames import load
from analysis.schema.statistics_columns import STATISTICS
from analysis.statistics.cells import summary
from analysis.tables.summary_text import to_text


def only(frame: pd.DataFrame) -> pd.Series:
    assert len(frame) == 1
    return frame.iloc[0]


def test_a_cell_of_three_fitted_seeds(tmp_path):
    specs = [spec(seed=seed) for seed in range(3)]
    run = make_run(tmp_path / "demo", specs)
    errors = [0.25, 0.5, 0.375]
    for one, fit, error in zip(specs, (4, 6, 9), errors, strict=True):
        write_trial(run, one, epochs=fit, fit=fit, test_error=error)
    table = summary(load(run.root).trials)
    cell = only(table)
    assert (cell["n"], cell["fitted"], cell["epochs_to_fit_median"]) == (3, 3, 6)
    assert (cell["epochs_to_fit_min"], cell["epochs_to_fit_max"]) == (4, 9)
    assert (cell["test_error_n"], cell["test_error_mean"]) == (3, 0.375)
    assert cell["test_error_std"] == pytest.approx(statistics.stdev(errors))
    assert cell["gap_mean"] == 0.375
    assert cell["minutes"] == pytest.approx(19 * 1.75 / 60)
    text = to_text(table)
    assert "3/3     6 [4-9]        0.3750 ± 0.1250 (n=3)" in text
    assert (
        "3 of 3 trials fitted; 0 censored (0 diverged, 0 contradicted), 0 failed, 0 unfinished; 0 damaged lines."
        in text
    )


def test_no_trial_is_dropped_from_n(tmp_path):
    specs = [spec(seed=seed, max_epochs=20) for seed in range(6)]
    fitted, censored, diverged, failed, running, _ = specs
    run = make_run(tmp_path / "demo", specs)
    write_trial(run, fitted, epochs=10, fit=10, test_error=0.5)
    write_trial(run, censored, epochs=20, test_error=0.25)
    write_attempt(run, diverged, [record(1, diverged=True, train_loss=None, test_error=None)])
    write_trial(run, failed, epochs=4, test_error=0.9)
    run.record_outcome(failed.spec_id, "error", 4)
    write_trial(run, running, epochs=3, test_error=0.9)
    table = summary(load(run.root).trials)
    cell = only(table)
    counts = {name: cell[name] for name in ("n", "fitted", "censored", "diverged", "failed", "unfinished")}
    assert counts == {"n": 6, "fitted": 1, "censored": 2, "diverged": 1, "failed": 1, "unfinished": 2}
    assert cell["unfitted_from"] == 0
    # a failed or running trial's network is half trained: its error is not a result, and n leaves it out
    assert (cell["test_error_n"], cell["test_error_mean"], cell["gap_n"]) == (2, 0.375, 1)
    text = to_text(table)
    assert "1/6" in text
    assert "(n=2)" in text
    assert "1 of 6 trials fitted; 2 censored (1 diverged, 0 contradicted), 1 failed, 2 unfinished" in text


def test_a_median_among_the_censored_is_a_bound(tmp_path):
    specs = [spec(seed=seed, max_epochs=20) for seed in range(3)]
    run = make_run(tmp_path / "demo", specs)
    write_trial(run, specs[0], epochs=10, fit=10)
    for one in specs[1:]:
        write_trial(run, one, epochs=20)
    table = summary(load(run.root).trials)
    assert pd.isna(only(table)["epochs_to_fit_median"])
    assert only(table)["epochs_to_fit_above"] == 20
    assert "> 20 [10; 2 > 20]" in to_text(table)


def test_one_seed_has_no_spread(tmp_path):
    run = make_run(tmp_path / "demo", [spec()])
    write_trial(run, spec(), epochs=2, fit=2)
    table = summary(load(run.root).trials)
    assert pd.isna(only(table)["test_error_std"])
    assert "0.2500 (n=1)" in to_text(table)


def test_what_differs_in_more_than_seeds_is_never_averaged(tmp_path):
    changes = [
        {},
        {"label_corruption": 0.5},
        {"train_samples": 5000},
        {"train_samples": None},
        {"dataset": "cifar10"},
        {"model": "wide_resnet", "depth": 28, "width": 1},
        {"model": "wide_resnet", "depth": 28, "width": 1, "batch_norm": True},
        {"learning_rate": 0.1},
        {"epochs_after_fit": 5},
    ]
    seeds = ({}, {"seed": 1}, {"corruption_seed": 1}, {"subset_seed": 1})
    run = make_run(tmp_path / "demo", [spec(**{**change, **seed}) for change in changes for seed in seeds])
    table = summary(load(run.root).trials)
    assert table["n"].tolist() == [4] * len(changes)
    assert {"batch_norm", "learning_rate", "epochs_after_fit"} <= set(table.columns)
    assert not {"depth", "momentum", "run"} & set(table.columns)


def test_options_that_differ_on_the_whole_training_set_are_told_apart(tmp_path):
    specs = [spec(train_samples=None, learning_rate=rate) for rate in (0.01, 0.1)]
    assert summary(load(make_run(tmp_path / "demo", specs).root).trials)["n"].tolist() == [1, 1]


def test_one_trial_run_twice_is_not_two_seeds(tmp_path):
    for name in ("a", "b"):
        write_trial(make_run(tmp_path / name, [spec()]), spec(), epochs=2, fit=2)
    table = summary(load(tmp_path / "a", tmp_path / "b").trials)
    assert table["n"].tolist() == [1, 1]
    assert table["run"].tolist() == ["a", "b"]


def test_seeds_of_two_runs_share_a_cell(tmp_path):
    for seed, name in enumerate(("a", "b")):
        make_run(tmp_path / name, [spec(seed=seed)])
    assert summary(load(tmp_path / "a", tmp_path / "b").trials)["n"].tolist() == [2]


def test_minutes_are_null_when_a_row_is_lost(tmp_path):
    run = make_run(tmp_path / "demo", [spec(), spec(seed=1)])
    write_attempt(run, spec(), [record(2)])
    assert pd.isna(only(summary(load(run.root).trials))["minutes"])


@pytest.mark.parametrize("specs", [[], [spec()]])
def test_the_statistics_have_the_described_dtypes(tmp_path, specs):
    table = summary(load(make_run(tmp_path / "demo", specs).root).trials)
    described = {column.name: column.dtype for column in STATISTICS}
    assert {name: str(table[name].dtype) for name in table.columns[-len(described) :]} == described
    assert "fitted" in to_text(table)


def test_estimates_of_times_that_were_not_all_seen(tmp_path):
    """By hand: S is 3/4 after 10, 1/2 after 20, 1/2 to the horizon, at which the diverged trial counts too."""
    specs = [spec(seed=seed, max_epochs=40) for seed in range(4)]
    run = make_run(tmp_path / "demo", specs)
    write_trial(run, specs[0], epochs=10, fit=10)
    write_trial(run, specs[1], epochs=20, fit=20)
    write_trial(run, specs[2], epochs=40)
    write_attempt(run, specs[3], [record(1, diverged=True, train_loss=None, test_error=None)])
    cell = only(summary(load(run.root).trials))
    assert (cell["horizon"], cell["given_up"]) == (40, 0)
    assert cell["restricted_mean"] == 10 + 0.75 * 10 + 0.5 * 20
    assert pd.isna(cell["km_median"]), "level at one half up to the horizon"
    assert cell["restricted_mean_low"] < cell["restricted_mean"] < cell["restricted_mean_high"] <= 40


def test_trials_given_up_for_doing_badly_leave_no_estimate(tmp_path):
    specs = [spec(seed=seed) for seed in range(3)]
    run = make_run(tmp_path / "demo", specs)
    for one in specs[:2]:
        write_trial(run, one, epochs=8, fit=8)
    write_trial(run, specs[2], epochs=3)
    run.record_outcome(specs[2].spec_id, "scheduler", 3)
    cell = only(summary(load(run.root).trials))
    assert cell["given_up"] == 1
    assert cell[["km_median", "restricted_mean"]].isna().all()
    assert cell["epochs_to_fit_median"] == 8


def test_intervals_of_error_and_gap_need_two_seeds(tmp_path):
    specs = [spec(seed=seed) for seed in range(2)]
    run = make_run(tmp_path / "demo", specs)
    for one, error in zip(specs, (0.25, 0.5), strict=True):
        write_trial(run, one, epochs=2, fit=2, test_error=error)
    trials = load(run.root).trials
    pair, single = only(summary(trials)), only(summary(trials.head(1)))
    half = 12.706204736 * 0.125  # Student's t with one degree of freedom, times the standard error
    low, high = proportion_confint(3750, 10_000, method="wilson")
    ends = (0.375 - math.hypot(half, 0.375 - low), 0.375 + math.hypot(half, high - 0.375))
    assert (pair["test_error_low"], pair["test_error_high"]) == pytest.approx(ends)
    assert (pair["gap_low"], pair["gap_high"]) == pytest.approx(ends)
    assert single[["test_error_low", "gap_high", "km_median_low", "restricted_mean_low"]].isna().all()
    assert (single["km_median"], single["restricted_mean"]) == (2, 2)


def test_trials_that_are_not_over_are_at_risk_up_to_their_last_epoch(tmp_path):
    """By hand: the unstarted trial adds nothing; the failed one leaves after 5, so S is 1/2 after 10, 0 after 20."""
    specs = [spec(seed=seed, max_epochs=40) for seed in range(4)]
    run = make_run(tmp_path / "demo", specs)
    write_trial(run, specs[0], epochs=12, fit=10)  # trained on
    write_trial(run, specs[1], epochs=20, fit=20)
    write_trial(run, specs[2], epochs=5)
    run.record_outcome(specs[2].spec_id, "error", 5)
    cell = only(summary(load(run.root).trials))
    assert (cell["n"], cell["km_median"], cell["restricted_mean"]) == (4, 15, 15)


def test_the_order_of_trials_does_not_matter_and_one_more_never_lowers_n(tmp_path):
    specs = [spec(seed=seed, max_epochs=40, label_corruption=level) for level in (0.0, 0.5) for seed in range(4)]
    run = make_run(tmp_path / "demo", specs)
    for place, one in enumerate(specs[:6]):
        write_trial(run, one, epochs=10 + place, fit=10 + place if place % 3 else None, test_error=0.1 * place)
    trials = load(run.root).trials
    whole = summary(trials)
    pd.testing.assert_frame_equal(summary(trials.sample(frac=1, random_state=1)), whole)
    counts = [summary(trials.head(count))["n"].sum() for count in range(len(specs) + 1)]
    assert counts == list(range(len(specs) + 1))


def test_a_trial_that_fitted_is_neither_diverged_nor_given_up(tmp_path):
    specs = [spec(seed=seed, epochs_after_fit=9) for seed in range(2)]
    run = make_run(tmp_path / "demo", specs)
    write_attempt(run, specs[0], [record(1, 1), record(2, 1, diverged=True, train_loss=None)])
    write_trial(run, specs[1], epochs=3, fit=3)
    run.record_outcome(specs[1].spec_id, "scheduler", 3)
    cell = only(summary(load(run.root).trials))
    assert (cell["fitted"], cell["censored"], cell["diverged"], cell["given_up"], cell["km_median"]) == (2, 0, 0, 0, 2)


STEPS = {"max_epochs": 1000, "max_steps": 70, "evaluate_steps": 10, "batch_size": 125}  # 4 epochs of 16 steps, and 6


def test_the_mean_of_step_limited_trials_is_restricted_to_the_epochs_within_reach(tmp_path):
    """By hand: of four trials one fits after 2 epochs, one diverges in the third, two are censored inside the fifth."""
    specs = [spec(seed=seed, **STEPS) for seed in range(4)]
    run = make_run(tmp_path / "demo", specs)
    write_attempt(run, specs[0], rows_by_steps([10, 16, 20, 30, 32], 16, fit=2))
    rows = rows_by_steps([10, 16, 30, 32, 40], 16, diverged=[False] * 4 + [True])
    write_attempt(run, specs[1], rows)
    for one in specs[2:]:
        write_attempt(run, one, rows_by_steps([16, 32, 48, 64, 70], 16))
    cell = only(summary(load(run.root).trials))
    assert (cell["horizon"], cell["fitted"], cell["censored"], cell["diverged"]) == (4, 1, 3, 1)
    assert cell["restricted_mean"] == 2 + 0.75 * 2
    assert (cell["epochs_to_fit_above"], cell["unfitted_from"]) == (3, 2)


def test_a_limit_within_the_first_epoch_leaves_no_mean(tmp_path):
    one = spec(**{**STEPS, "max_steps": 10})
    run = make_run(tmp_path / "demo", [one, spec(**{**STEPS, "max_steps": 10}, seed=1)])
    write_attempt(run, one, rows_by_steps([10], 16))
    cell = only(summary(load(run.root).trials))
    assert (cell["horizon"], cell["censored"], cell["epochs_to_fit_above"]) == (0, 1, 0)
    assert cell[["restricted_mean", "km_median"]].isna().all()
    assert (cell["test_error_n"], cell["test_error_mean"]) == (1, 0.25)


def test_a_horizon_that_no_trial_knows_leaves_no_mean(tmp_path):
    specs = [spec(**STEPS, train_samples=None, seed=seed) for seed in range(2)]
    run = make_run(tmp_path / "demo", specs)
    write_attempt(run, specs[0], [record(0, row=1, steps=10, fitted=None, diverged=True, test_error=None)])
    cell = only(summary(load(run.root).trials))
    assert cell[["horizon", "restricted_mean", "km_median"]].isna().all()
    write_attempt(run, specs[1], rows_by_steps([16, 32, 48, 64, 70], 16))
    cell = only(summary(load(run.root).trials))
    assert (cell["horizon"], cell["restricted_mean"]) == (4, 4)
