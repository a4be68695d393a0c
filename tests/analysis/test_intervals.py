"""The interval of a mean."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.intervals import mean_interval


@pytest.mark.parametrize("n", [2, 3, 5, 40])
def test_it_is_the_t_interval_of_scipy(n):
    values = np.random.default_rng(n).normal(3, 2, n)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values.tolist()) == pytest.approx((expected.low, expected.high))


def test_it_covers_the_mean_in_95_of_100_samples():
    samples = np.random.default_rng(0).normal(0, 1, (4000, 3)).tolist()
    covered = np.mean([low < 0 < high for low, high in map(mean_interval, samples)])
    assert covered == pytest.approx(0.95, abs=0.012)  # 3.5 standard errors


@pytest.mark.parametrize("values", [[], [1.5]])
def test_fewer_than_two_have_none(values):
    assert mean_interval(values) == (None, None)


def test_equal_values_are_their_own_interval():
    assert mean_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)
    low, high = mean_interval([0.1, 0.1, 0.1])  # their computed deviation is not 0
    assert low == high == pytest.approx(0.1)
