"""Slowdowns: trial by trial, on common random numbers, and null where the rows leave them open."""

import itertools
import math
from statistics import median

import pandas as pd
import pytest
from made_runs import make_run, record, spec, write_attempt, write_trial
from scipy import stats

from analysis.frames import load
from analysis.schema.statistics_columns import SLOWDOWNS
from analysis.statistics.slowdowns import slowdowns


def table(tmp_path, clean, corrupted, **changes):
    """The slowdowns of these epochs to fit, by seed; a negative number: not fitted after so many epochs."""
    epochs = {
        spec(label_corruption=level, seed=seed, max_epochs=99, **(changes if level else {})): count
        for level, counts in ((0.0, clean), (0.5, corrupted))
        for seed, count in enumerate(counts)
    }
    run = make_run(tmp_path / "demo", list(epochs))
    for one, count in epochs.items():
        write_trial(run, one, abs(count), count if count > 0 else None)
    return slowdowns(load(run.root).trials)


def test_ratios_are_paired_by_seed(tmp_path):
    cell = table(tmp_path, [10, 20, 40], [20, 30, 80]).iloc[0]
    logs = [math.log(2), math.log(1.5), math.log(2)]
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert (cell["label_corruption"], cell["pairs"], cell["both_fitted"], cell["unpaired"]) == (0.5, 3, 3, 0)
    assert cell["slowdown_median"] == 2
    assert cell["slowdown_mean"] == pytest.approx(math.exp(sum(logs) / 3))
    bounds = (cell["slowdown_low"], cell["slowdown_high"])
    assert bounds == pytest.approx((math.exp(expected.low), math.exp(expected.high)))


def test_an_unfitted_trial_opens_the_mean_but_not_a_median_below_it(tmp_path):
    cell = table(tmp_path, [10, 10, 10], [20, 30, -90]).iloc[0]
    assert (cell["pairs"], cell["both_fitted"], cell["slowdown_median"]) == (3, 2, 3)
    assert cell[["slowdown_above", "slowdown_mean", "slowdown_low"]].isna().all()


def test_a_median_among_the_unfitted_is_a_bound(tmp_path):
    cell = table(tmp_path, [10, 10, 10], [20, -80, -90]).iloc[0]
    assert pd.isna(cell["slowdown_median"])
    assert cell["slowdown_above"] == 8


def test_an_unfitted_clean_trial_bounds_the_ratio_from_above_only(tmp_path):
    cell = table(tmp_path, [-50, -50, 10], [20, 20, 20]).iloc[0]
    assert (cell["pairs"], cell["both_fitted"]) == (3, 1)
    assert cell[["slowdown_median", "slowdown_above", "slowdown_mean"]].isna().all()


@pytest.mark.parametrize("clean", [[2, 2, 2], [2, 2, -2], [2, 3, 1]])
@pytest.mark.parametrize("corrupted", [[2, 4, 5], [2, 4, -5], [-2, 4, -5], [-2, -2, -2], [4, -4, 4]])
def test_it_holds_for_every_way_the_unfitted_may_go_on(tmp_path, clean, corrupted):
    ways = [[count] if count > 0 else range(1 - count, 30) for count in (*clean, *corrupted)]
    medians = {
        median(late / early for early, late in zip(way[:3], way[3:], strict=True)) for way in itertools.product(*ways)
    }
    cell = table(tmp_path, clean, corrupted).iloc[0]
    if pd.isna(cell["slowdown_median"]):
        assert len(medians) > 1
        assert pd.isna(cell["slowdown_above"]) or min(medians) >= cell["slowdown_above"]
    else:
        assert medians == {cell["slowdown_median"]}


def test_trials_without_a_partner_are_counted(tmp_path):
    cell = table(tmp_path, [10], [20, 30]).iloc[0]
    assert (cell["pairs"], cell["unpaired"], cell["slowdown_mean"]) == (1, 1, 2)
    assert pd.isna(cell["slowdown_low"]), "one pair has no interval"


@pytest.mark.parametrize("change", [{"learning_rate": 0.1}, {"corruption_seed": 1}, {"max_epochs": 98}])
def test_what_differs_in_more_than_the_level_is_no_partner(tmp_path, change):
    if "max_epochs" in change:
        run = make_run(tmp_path / "demo", [spec(max_epochs=98), spec(label_corruption=0.5)])
        assert slowdowns(load(run.root).trials).empty
    else:
        assert table(tmp_path, [10], [20], **change).empty


def test_no_trial_no_epoch_and_no_partner_leave_the_columns(tmp_path):
    run = make_run(tmp_path / "demo", [spec(), spec(label_corruption=1.0)])
    unbegun = slowdowns(load(run.root).trials)
    assert unbegun[["pairs", "both_fitted"]].to_numpy().tolist() == [[1, 0]]
    empty = slowdowns(load(make_run(tmp_path / "empty", [spec()]).root).trials)
    assert empty.empty
    assert [str(empty[column.name].dtype) for column in SLOWDOWNS] == [column.dtype for column in SLOWDOWNS]


def test_a_spec_that_ran_twice_is_paired_within_its_run(tmp_path):
    for name, clean, corrupted in (("a", 10, 20), ("b", 20, 80)):
        run = make_run(tmp_path / name, [spec(), spec(label_corruption=1.0)])
        write_attempt(run, spec(), [record(clean, clean)])
        write_attempt(run, spec(label_corruption=1.0), [record(corrupted, corrupted)])
    rows = slowdowns(load(tmp_path / "a", tmp_path / "b").trials)
    assert dict(zip(rows["run"], rows["slowdown_mean"], strict=True)) == {"a": 2, "b": 4}
