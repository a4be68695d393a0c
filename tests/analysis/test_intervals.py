"""The interval of a mean."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from analysis.statistics.intervals import (
    interval_of_tested_difference,
    interval_of_tested_mean,
    mean_interval,
    share_interval,
)


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


@pytest.mark.parametrize(("errors", "images"), [(0, 100), (1, 100), (50, 100), (2345, 10_000), (10_000, 10_000)])
def test_the_interval_of_a_share_is_wilsons(errors, images):
    assert share_interval(errors / images, images) == pytest.approx(
        proportion_confint(errors, images, method="wilson"), abs=1e-12
    )


def test_of_infinitely_many_images_only_the_replicates_part_is_left():
    errors = [0.2, 0.25, 0.21]
    endless, plain = 10**12, mean_interval(errors)
    assert interval_of_tested_mean(errors, errors, endless) == pytest.approx(plain, abs=1e-5)
    assert interval_of_tested_difference(errors, 0.5, 0.5, endless) == pytest.approx(plain, abs=1e-5)


def test_equal_replicates_leave_the_test_sets_part():
    assert interval_of_tested_mean([0.2, 0.2], [0.2, 0.2], 500) == pytest.approx(share_interval(0.2, 500))
    low, high = share_interval(0.2, 500)
    assert interval_of_tested_mean([0.8, 0.8], [0.2, 0.2], 500) == pytest.approx((0.6 + low, 0.6 + high))


@pytest.mark.parametrize("values", [[], [0.5]])
def test_one_replicate_has_no_interval_whatever_the_test_set(values):
    assert interval_of_tested_mean(values, values, 100) == (None, None)
    assert interval_of_tested_difference(values, 0.5, 0.5, 100) == (None, None)


def test_it_covers_the_error_on_images_of_the_kind_where_students_alone_does_not():
    """Replicates of one test set: some images mislead most of them, and each replicate has a bias of its own."""
    rng, images, replicates, true = np.random.default_rng(1), 200, 3, 0.3
    covered = {"t": 0, "both": 0}
    for _ in range(1500):
        hard = rng.random(images) < 0.3  # of which 90% mislead, of the others 3/70
        chance = np.where(hard, 0.9, 0.03 / 0.7)
        errors = (rng.random((replicates, images)) < chance).mean(1) + rng.normal(0, 0.01, replicates)
        for name, (low, high) in (
            ("t", mean_interval(errors)),
            ("both", interval_of_tested_mean(errors, errors, images)),
        ):
            covered[name] += low < true < high
    assert covered["t"] / 1500 < 0.9
    assert covered["both"] / 1500 > 0.94


def test_it_covers_a_difference_of_networks_that_err_on_the_same_images():
    rng, images, replicates = np.random.default_rng(2), 200, 3
    covered = 0
    for _ in range(1500):
        hard = rng.random(images) < 0.3
        pairs = [(rng.random(images) < np.where(hard, share, 0.05)).mean() for share in (0.9, 0.7) * replicates]
        first, second = np.array(pairs[::2]), np.array(pairs[1::2])
        low, high = interval_of_tested_difference(second - first, first.mean(), second.mean(), images)
        covered += low < 0.3 * (0.7 - 0.9) < high
    assert covered / 1500 > 0.94
