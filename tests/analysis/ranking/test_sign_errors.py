"""Robust sign-errors against a loop over environments and pairs, and what is left out."""

import itertools

import numpy as np
import pytest
from made_networks import networks, random_networks

from analysis.ranking.pairs import Pairs, noise_weight
from analysis.ranking.sign_errors import LEAST_PAIRS, over_environments, sign_errors


def errors_of(found, values, taken=None):
    pairs = Pairs.of(found)
    order = pairs.order_of(np.asarray(values, np.float64))
    return sign_errors(found, pairs, order, np.ones((1, found.replicates)) if taken is None else taken)


def by_hand(found, values, replicates):
    """{environment: (weighted error, effective sample size)} over pairs of these replicates."""
    environments = {}
    grid = found.settings.to_numpy()
    for a, b in itertools.combinations(range(len(grid)), 2):
        if (grid[a] != grid[b]).sum() != 1:
            continue
        weights, wrong = [], []
        for r, s in itertools.product(replicates, repeat=2):
            gap = found.gap[a, r] - found.gap[b, s]
            doubt = 2 * np.exp(-2 * 10_000 * (gap / 2) ** 2)
            weights.append(max(max(0, 1 - doubt) ** 2 - 0.5, 0))
            wrong.append((1 - np.sign(gap) * np.sign(values[a, r] - values[b, s])) / 2)
        weight = np.array(weights)
        if weight.sum():
            error = float((weight * wrong).sum() / weight.sum())
            environments[a, b] = (error, float(weight.sum() ** 2 / (weight**2).sum()))
    return environments


@pytest.mark.parametrize("drawn", [[0, 1, 2, 3], [0, 0, 2, 3]])
def test_errors_are_those_of_a_loop_over_environments_and_pairs(drawn):
    found = random_networks(seed=2, spread=0.02)
    values = found.gap + 0.1 * np.random.default_rng(3).standard_normal(found.gap.shape)
    kept = {key for key, (_, size) in by_hand(found, values, range(4)).items() if size >= LEAST_PAIRS}
    expected = [error for key, (error, _) in by_hand(found, values, drawn).items() if key in kept]
    result = errors_of(found, values, np.bincount(drawn, minlength=4)[None].astype(float))
    assert 0 < len(kept) < len(by_hand(found, values, range(4)))
    assert result.errors[0] == pytest.approx(np.array(expected))


def test_the_weight_is_0_below_noise_and_half_far_above():
    assert noise_weight(np.array([0.0, 0.019, 0.02, 1.0]), np.array(10_000.0)) == pytest.approx(
        [0, 0, max((1 - 2 * np.exp(-2)) ** 2 - 0.5, 0), 0.5]
    )


def test_the_gap_itself_never_errs_its_opposite_always_and_a_tie_half():
    found = random_networks()
    for values, error in ((found.gap, 0), (-found.gap, 1), (np.ones_like(found.gap), 0.5)):
        assert np.all(errors_of(found, values).errors == error)


def test_an_environment_of_three_replicates_has_too_few_pairs():
    found = networks([[0.1, 0.1, 0.1], [0.9, 0.9, 0.9]], {"width": [1, 2]})
    assert errors_of(found, found.gap).errors.shape == (1, 0)
    four = networks([[0.1] * 4, [0.9] * 4], {"width": [1, 2]})
    assert errors_of(four, four.gap).errors.shape == (1, 1)


def test_mean_90th_percentile_and_supremum():
    errors = np.array([np.linspace(0, 1, 11), np.full(11, 0.25)])
    summaries = over_environments(errors)
    assert summaries["mean"] == pytest.approx([0.5, 0.25])
    assert summaries["90"] == pytest.approx([0.9, 0.25])
    assert summaries["max"] == pytest.approx([1, 0.25])


def test_an_environment_without_pairs_in_a_draw_is_left_out_of_that_draw_alone():
    summaries = over_environments(np.array([[0.2, np.nan, 0.4], [0.2, 0.6, 0.4], [np.nan] * 3]))
    assert summaries["mean"] == pytest.approx([0.3, 0.4, np.nan], nan_ok=True)
    assert summaries["max"] == pytest.approx([0.4, 0.6, np.nan], nan_ok=True)
    assert np.isnan(over_environments(np.zeros((2, 0)))["mean"]).all()
