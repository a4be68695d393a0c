"""The bootstrap over replicates: its draws, its intervals, and how often these cover the truth."""

import math

import numpy as np
import pytest

from analysis.ranking.replicates import Bootstrap, of_pairs


def test_the_first_row_is_the_data_and_every_draw_takes_as_many_replicates():
    bootstrap = Bootstrap.of(4, 500)
    assert bootstrap.taken[0].tolist() == [1, 1, 1, 1]
    assert set(bootstrap.taken.sum(axis=1)) == {4}
    assert len(bootstrap.taken) <= 1 + math.comb(7, 4)  # different draws alone are computed
    drawn = bootstrap.taken[bootstrap.drawn]
    assert len(drawn) == 500
    assert drawn.mean(axis=0) == pytest.approx(1, abs=0.12)
    assert drawn.var(axis=0) == pytest.approx(3 / 4, abs=0.12)  # of a binomial with four trials


def test_it_is_the_same_every_time():
    one, again = Bootstrap.of(5, 100), Bootstrap.of(5, 100)
    assert np.array_equal(one.taken[one.drawn], again.taken[again.drawn])


def test_pairs_of_replicates_count_as_often_as_both_are_taken():
    assert of_pairs(np.array([[2.0, 0.0, 1.0]])).tolist() == [[4, 0, 2, 0, 0, 0, 2, 0, 1]]


def test_one_replicate_has_no_interval():
    bootstrap = Bootstrap.of(1, 10)
    assert np.isnan(bootstrap.interval(np.ones(len(bootstrap.taken)))).all()


def test_a_draw_without_the_statistic_is_left_out():
    bootstrap = Bootstrap.of(3, 200)
    values = np.arange(len(bootstrap.taken), dtype=float)
    values[1:4] = np.nan
    assert bootstrap.interval(values) == pytest.approx((4, len(values) - 1))
    assert np.isnan(bootstrap.interval(np.full(len(values), np.nan))).all()


@pytest.mark.parametrize("replicates", [5, 10])
def test_intervals_of_a_mean_cover_it_about_as_often_as_they_say(replicates):
    random = np.random.default_rng(0)
    bootstrap = Bootstrap.of(replicates, 1000)
    covered = []
    for _ in range(400):
        statistic = bootstrap.taken @ random.standard_normal(replicates) / replicates
        low, high = bootstrap.interval(statistic)
        covered.append(low <= 0 <= high)
    assert 0.87 < np.mean(covered) <= 0.98  # plain percentiles: 0.83 and 0.9
