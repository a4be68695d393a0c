"""Kaplan and Meier's estimates against published data, statsmodels, integration, and the laws of plain samples."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight

from analysis.statistics.survival import kaplan_meier, median_epochs, restricted_mean

# Weeks of remission under 6-MP (Freireich et al., 1963); a + in the source: still in remission
WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
ENDED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def made(seed, n=30, horizon=40):
    random = np.random.default_rng(seed)
    times, limits = random.geometric(0.04, n), random.integers(5, horizon, n)
    return np.minimum(times, limits).tolist(), (times <= limits).tolist()


def test_the_textbook_curve_and_median():
    curve = kaplan_meier(WEEKS, [bool(one) for one in ENDED])
    assert curve.epochs.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.unfitted.round(3).tolist() == [0.857, 0.807, 0.753, 0.69, 0.627, 0.538, 0.448]
    assert median_epochs(curve).value == 23


def test_the_textbook_median_without_censoring_has_the_published_interval():
    """The same trial's placebo arm: 8 weeks, 4 to 11."""
    weeks = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    assert median_epochs(kaplan_meier(weeks, [True] * 21)) == (8, 4, 11)


def test_of_equal_times_fits_come_before_censorings():
    assert kaplan_meier([5, 5], [False, True]).unfitted.tolist() == [0.5]


@pytest.mark.parametrize("seed", range(6))
def test_curve_and_its_variance_are_those_of_statsmodels(seed):
    times, fitted = made(seed)
    curve, theirs = kaplan_meier(times, fitted), SurvfuncRight(times, fitted)
    events = np.isin(theirs.surv_times, curve.epochs)
    assert curve.unfitted == pytest.approx(theirs.surv_prob[events])
    errors = curve.unfitted * np.sqrt(np.cumsum(curve.terms))
    left = curve.unfitted > 0  # after the last fit statsmodels has no error
    assert errors[left] == pytest.approx(theirs.surv_prob_se[events][left])


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning:statsmodels")  # its log(-log S) where S is 0
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:statsmodels")
@pytest.mark.parametrize("seed", range(6))
def test_the_interval_of_the_median_holds_the_epochs_that_statsmodels_does_not_reject(seed):
    times, fitted = made(seed, n=60)
    ours, theirs = median_epochs(kaplan_meier(times, fitted)), SurvfuncRight(times, fitted)
    low, _ = theirs.quantile_ci(0.5, method="cloglog")
    assert ours.value == theirs.quantile(0.5)
    assert ours.low == low
    left = theirs.surv_prob > 0
    share, error = theirs.surv_prob[left], theirs.surv_prob_se[left]
    z = (np.log(-np.log(share)) - np.log(np.log(2))) * np.abs(share * np.log(share)) / error
    beyond = theirs.surv_times[left][z >= stats.norm.ppf(0.975)]  # too few unfitted for the median to be as late
    assert ours.high == (beyond[0] if len(beyond) else None)


@pytest.mark.parametrize("values", [[4, 6, 9], [10, 14], [3, 3, 8, 8], [5, 5, 5], [7], [1, 2, 3, 4, 5, 6, 7, 8]])
def test_without_censoring_the_median_is_that_of_the_sample(values):
    assert median_epochs(kaplan_meier(values, [True] * len(values))).value == np.median(values)


def test_three_trials_do_not_bound_the_median_from_above():
    """All three fit below the median with probability 1/8, so the last of them is not a bound at 97.5%."""
    assert median_epochs(kaplan_meier([4, 6, 9], [True] * 3)) == (6, 4, None)


def test_a_median_that_the_unfitted_leave_open_is_open():
    estimate = median_epochs(kaplan_meier([10, 20, 20], [True, False, False]))
    assert (estimate.value, estimate.high) == (None, None)


@pytest.mark.parametrize("seed", range(4))
def test_without_censoring_the_restricted_mean_is_the_mean_and_its_t_interval(seed):
    times = np.random.default_rng(seed).integers(20, 60, 7).tolist()
    estimate = restricted_mean(kaplan_meier(times, [True] * 7), 1000)
    expected = stats.ttest_1samp(times, 0).confidence_interval(0.95)
    assert estimate.value == pytest.approx(np.mean(times))
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


def test_trials_censored_at_the_horizon_count_as_the_horizon():
    times, fitted = [10, 30, 50, 50], [True, True, False, False]
    estimate = restricted_mean(kaplan_meier(times, fitted), 50)
    expected = stats.ttest_1samp(times, 0).confidence_interval(0.95)
    assert estimate.value == pytest.approx(np.mean(times))
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, min(50, expected.high)))


def test_the_interval_of_the_restricted_mean_stays_between_0_and_the_horizon():
    estimate = restricted_mean(kaplan_meier([1, 50], [True, False]), 50)
    assert (estimate.low, estimate.high) == (0, 50)


@pytest.mark.parametrize("seed", range(6))
def test_the_restricted_mean_is_the_area_under_the_curve(seed):
    times, fitted = made(seed)
    horizon = max(times)
    theirs = SurvfuncRight(times, fitted)
    shares = [theirs.surv_prob[theirs.surv_times <= epoch][-1:].tolist() or [1.0] for epoch in range(horizon)]
    assert restricted_mean(kaplan_meier(times, fitted), horizon).value == pytest.approx(np.sum(shares))


def test_its_interval_covers_the_truth_under_censoring():
    random = np.random.default_rng(0)
    truth = np.minimum(random.geometric(0.05, 400_000), 60).mean()
    covered = []
    for _ in range(1500):
        times, limits = random.geometric(0.05, 25), np.where(random.random(25) < 0.3, random.integers(1, 60, 25), 60)
        curve = kaplan_meier(np.minimum(times, limits).tolist(), (times <= limits).tolist())
        estimate = restricted_mean(curve, 60)
        if estimate.value is not None:
            covered.append(estimate.low <= truth <= estimate.high)
    assert len(covered) > 1000
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def test_a_mean_beyond_what_was_seen_is_open():
    curve = kaplan_meier([10, 20], [True, False])
    assert restricted_mean(curve, 21).value is None
    assert restricted_mean(curve, 20).value == 15


@pytest.mark.parametrize("fitted", [True, False])
def test_a_single_trial_has_no_interval(fitted):
    curve = kaplan_meier([30], [fitted])
    for estimate in (median_epochs(curve), restricted_mean(curve, 30)):
        assert (estimate.low, estimate.high) == (None, None)
    assert restricted_mean(curve, 30).value == 30


def test_trials_without_an_epoch_say_nothing():
    curve = kaplan_meier([0, 0], [False, False])
    assert median_epochs(curve).value is None
    assert restricted_mean(curve, 10).value is None
    assert kaplan_meier([5, 7, 0], [True, True, False]).n == 2


def test_order_does_not_matter():
    times, fitted = made(1)
    order = np.random.default_rng(1).permutation(len(times))
    shuffled = kaplan_meier(np.array(times)[order].tolist(), np.array(fitted)[order].tolist())
    assert median_epochs(shuffled) == median_epochs(kaplan_meier(times, fitted))


def test_trials_of_which_none_fitted_have_no_interval():
    estimate = restricted_mean(kaplan_meier([50, 50, 50], [False, False, False]), 50)
    assert (estimate.value, estimate.low, estimate.high) == (50, None, None)
