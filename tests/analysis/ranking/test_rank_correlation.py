"""τ and granulated τ against SciPy's, loops over pairs, and examples worked by hand."""

import itertools

import numpy as np
import pytest
from made_networks import AXES, networks, random_networks
from scipy.stats import kendalltau

from analysis.ranking.pairs import Pairs, noise_weight
from analysis.ranking.rank_correlation import granulated_taus, kendall_tau

NO_NOISE = 10**9  # test images: every difference counts


def tau(found, values, taken=None):
    pairs = Pairs.of(found)
    order = pairs.order_of(np.asarray(values, np.float64))
    return kendall_tau(found, pairs, order, np.ones((1, found.replicates)) if taken is None else taken)


def psi(found, values, taken=None):
    pairs = Pairs.of(found)
    order = pairs.order_of(np.asarray(values, np.float64))
    return granulated_taus(found, pairs, order, np.ones((1, found.replicates)) if taken is None else taken)


@pytest.mark.parametrize("digits", [8, 0])  # 0: with ties
def test_tau_is_scipys_tau_b_where_no_gap_is_noise(digits):
    random = np.random.default_rng(1)
    gap = random.permutation(48).reshape(12, 4) / 100  # no ties: a tied gap is noise, and SciPy would count it
    values = np.round(3 * gap + random.standard_normal((12, 4)), digits)
    found = networks(gap, test_images=NO_NOISE)
    assert tau(found, values)[0] == pytest.approx(kendalltau(gap.ravel(), values.ravel()).statistic)


def test_tau_of_a_draw_is_that_of_the_networks_drawn():
    found = random_networks(seed=3)
    values = found.gap + 0.3 * np.random.default_rng(2).standard_normal(found.gap.shape)
    drawn = [0, 0, 1, 3]  # replicates; the copies of a network are no pair
    taken = np.bincount(drawn, minlength=4)[None].astype(float)
    gap, value = found.gap[:, drawn].ravel(), values[:, drawn].ravel()
    signs = [
        np.sign(gap[i] - gap[j]) * np.sign(value[i] - value[j])
        for i, j in itertools.combinations(range(len(gap)), 2)
        if abs(gap[i] - gap[j]) > np.sqrt(3.843 / 10_000)
    ]
    assert tau(found, values, taken)[0] == pytest.approx(np.mean(signs))


def test_a_measure_equal_to_the_gap_ranks_perfectly_and_its_opposite_not_at_all():
    found = random_networks()
    assert tau(found, found.gap)[0] == 1
    assert tau(found, -found.gap)[0] == -1
    assert psi(found, found.gap)[0] == pytest.approx(1)
    assert psi(found, -np.exp(found.gap))[0] == pytest.approx(-1)


def test_pairs_within_the_noise_of_the_test_set_are_left_out_and_counted():
    threshold = np.sqrt(2 * np.log(2 / (1 - np.sqrt(0.5))) / 10_000)
    assert threshold == pytest.approx(np.sqrt(3.84 / 10_000), rel=1e-3)
    assert noise_weight(np.array([0.999, 1.001]) * threshold, np.array(10_000.0))[0] == 0
    assert noise_weight(np.array([0.999, 1.001]) * threshold, np.array(10_000.0))[1] > 0
    found = networks([[0.1], [0.1 + 0.99 * threshold], [0.1 + 2 * threshold]], {"width": [1, 2, 3]})
    pairs = Pairs.of(found)
    assert (len(pairs.sign), pairs.left_out) == (2, 1)
    assert tau(found, [[1], [0], [2]])[0] == 1  # the pair that would count against it is noise


def test_the_smaller_test_set_of_a_pair_decides_on_its_noise():
    found = networks([[0.1], [0.14]], {"width": [1, 2]})
    found.test_images[1] = 1000
    assert Pairs.of(found).left_out == 1


def test_a_measure_that_ties_all_has_no_tau_and_no_granulated_order():
    found = random_networks()
    assert np.isnan(tau(found, np.ones_like(found.gap))[0])
    assert np.all(psi(found, np.ones_like(found.gap))[0] == 0)


def test_granulated_tau_by_hand():
    # widths 1, 2, 3 at rate 1 are ordered fully, at rate 2 fully the other way, at rate 3 there is no pair
    settings = {"width": [1, 2, 3, 1, 2, 3, 1], "learning_rate": [1, 1, 1, 2, 2, 2, 3]}
    found = networks([[0.1], [0.2], [0.3], [0.1], [0.2], [0.3], [0.5]], settings)
    means, groups = psi(found, [[1], [2], [3], [3], [2], [1], [9]])
    assert dict(zip(found.hyperparameters, groups, strict=True)) == {"width": 2, "learning_rate": 1}
    assert means[0, 0] == 0
    # rates 1, 2, 3 at width 1: gaps 0.1, 0.1 (noise), 0.5; values 1, 3, 9: both pairs agree
    assert means[1, 0] == 1


def test_granulated_tau_is_the_mean_of_scipys_over_groups():
    found = random_networks(seed=5, spread=0.01)
    found = networks(found.gap, test_images=NO_NOISE)
    values = found.gap + 0.3 * np.random.default_rng(6).standard_normal(found.gap.shape)
    means, groups = psi(found, values)
    grid = found.settings
    for number, name in enumerate(AXES):
        others = [other for other in AXES if other != name]
        taus = [
            kendalltau(found.gap[own.index, replicate], values[own.index, replicate]).statistic
            for _, own in grid.groupby(others)
            for replicate in range(found.replicates)
        ]
        assert means[number, 0] == pytest.approx(np.mean(taus))
        assert groups[number] == len(taus)


def test_networks_and_values_that_are_missing_are_in_no_pair():
    found = random_networks(seed=7)
    values = found.gap.copy()
    values[3, 1] = np.nan
    found.gap[5, 2] = np.nan
    pairs = Pairs.of(found)
    order = pairs.order_of(values)
    assert len(pairs.sign) + pairs.left_out == 47 * 46 / 2
    assert int(order.known.sum()) < len(pairs.sign)
    assert tau(found, values)[0] == 1
