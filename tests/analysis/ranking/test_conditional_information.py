"""Conditional mutual information against a count over pairs by hand, and its bounds."""

import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from made_networks import networks, random_networks

from analysis.ranking.conditional_information import Conditions, conditional_information
from analysis.ranking.pairs import Pairs


def information(found, values, given=(), taken=None):
    pairs = Pairs.of(found)
    order = pairs.order_of(np.asarray(values, np.float64))
    weights = np.ones((1, found.replicates)) if taken is None else taken
    return conditional_information(Conditions.of(found, pairs, given), pairs, order, weights)


def entropy(counts):
    shares = np.array([*counts.values()], float) / sum(counts.values())
    return -(shares * np.log(shares)).sum()


def by_hand(found, values, given):
    """I(V; G | U) / H(G | U) over ordered pairs, from entropies of counted outcomes."""
    signs = defaultdict(list)
    settings, replicates = found.gap.shape
    conditions = found.settings[list(given)].to_numpy()
    for (a, r), (b, s) in itertools.permutations(itertools.product(range(settings), range(replicates)), 2):
        difference = found.gap[a, r] - found.gap[b, s]
        if abs(difference) > np.sqrt(3.843 / found.test_images[a, r]):
            condition = (*conditions[a], *conditions[b])
            signs[condition].append((np.sign(values[a, r] - values[b, s]), np.sign(difference)))
    pairs = sum(map(len, signs.values()))
    shared = uncertain = 0.0
    for own in signs.values():
        of_gap, of_measure = Counter(g for _, g in own), Counter(v for v, _ in own)
        shared += len(own) / pairs * (entropy(of_gap) + entropy(of_measure) - entropy(Counter(own)))
        uncertain += len(own) / pairs * entropy(of_gap)
    return shared / uncertain


@pytest.mark.parametrize("given", [(), ("label_corruption",), ("learning_rate", "train_samples")])
def test_it_is_what_counting_by_hand_gives(given):
    found = random_networks(replicates=3, seed=1, spread=0.2)
    values = np.round(4 * (found.gap + 0.2 * np.random.default_rng(2).standard_normal(found.gap.shape)))  # some ties
    assert information(found, values, given)[0] == pytest.approx(by_hand(found, values, given))


@pytest.mark.parametrize("given", [(), ("label_corruption",)])
def test_a_measure_in_the_order_of_the_gap_or_in_the_opposite_one_tells_all(given):
    found = random_networks()
    assert information(found, found.gap, given)[0] == pytest.approx(1)
    assert information(found, -found.gap, given)[0] == pytest.approx(1)


def test_a_measure_that_ties_all_tells_nothing():
    found = random_networks()
    assert information(found, np.ones_like(found.gap))[0] == pytest.approx(0, abs=1e-12)


def test_what_the_condition_settles_no_measure_can_tell():
    gap = np.array([[0.1, 0.12], [0.5, 0.52]])  # the level alone orders every pair but those of one level: noise
    found = networks(gap, {"label_corruption": [0.0, 1.0]}, test_images=2000)
    assert np.isnan(information(found, gap, ("label_corruption",))[0])
    assert information(found, gap)[0] == pytest.approx(1)


def test_a_draw_counts_pairs_as_often_as_their_replicates_are_drawn():
    found = random_networks(replicates=3, seed=4)
    values = found.gap + 0.3 * np.random.default_rng(5).standard_normal(found.gap.shape)
    taken = np.array([[2.0, 0.0, 1.0]])
    drawn = [0, 0, 2]
    again = networks(found.gap[:, drawn])
    expected = information(again, values[:, drawn], ("learning_rate",))  # copies of a network have equal gaps: noise
    assert information(found, values, ("learning_rate",), taken) == pytest.approx(expected)
