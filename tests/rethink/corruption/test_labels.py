"""The laws of label corruption: determinism, nesting, marginals."""

import itertools

import numpy as np
import pytest
from scipy import stats

from rethink.corruption.labels import corrupt_labels
from rethink.errors import SpecError

N, CLASSES = 50_000, 10
TRUE = np.random.default_rng(0).integers(0, CLASSES, N)
LEVELS = np.linspace(0, 1, 11)


def test_level_zero_changes_nothing_and_level_one_chooses_every_sample() -> None:
    clean, random = corrupt_labels(TRUE, CLASSES, 0.0, 0), corrupt_labels(TRUE, CLASSES, 1.0, 0)
    assert np.array_equal(clean.given, TRUE)
    assert not clean.corrupted.any()
    assert random.corrupted.all()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", [0, 1, 4_000_000_000])
def test_fractions_are_within_binomial_bounds(level: float, seed: int) -> None:
    table = corrupt_labels(TRUE, CLASSES, level, seed)
    for observed, probability in (
        (table.corrupted.sum(), level),
        ((table.given != table.true).sum(), level * (1 - 1 / CLASSES)),
    ):
        low, high = stats.binom.interval(1 - 1e-6, N, probability)
        assert low <= observed <= high


def test_a_higher_level_corrupts_a_superset_with_the_same_replacements() -> None:
    tables = [corrupt_labels(TRUE, CLASSES, level, 3) for level in LEVELS]
    for lower, higher in itertools.pairwise(tables):
        assert (higher.corrupted | ~lower.corrupted).all()
        assert np.array_equal(higher.given[lower.corrupted], lower.given[lower.corrupted])


def test_replacements_are_uniform_whatever_the_true_label() -> None:
    table = corrupt_labels(TRUE, CLASSES, 1.0, 0)
    counts = np.histogram2d(table.true, table.given, bins=CLASSES)[0]
    assert stats.chi2_contingency(counts).pvalue > 1e-4
    assert stats.chisquare(counts.sum(axis=0)).pvalue > 1e-4


def test_a_sample_is_corrupted_the_same_in_a_smaller_data_set() -> None:
    whole, part = corrupt_labels(TRUE, CLASSES, 0.5, 0), corrupt_labels(TRUE[:100], CLASSES, 0.5, 0)
    assert np.array_equal(whole.given[:100], part.given)


def test_another_seed_gives_another_corruption() -> None:
    first, second = (corrupt_labels(TRUE, CLASSES, 0.5, seed).corrupted for seed in (0, 1))
    assert 0.4 < (first != second).mean() < 0.6


def test_the_true_labels_are_left_alone() -> None:
    before = TRUE.copy()
    corrupt_labels(TRUE, CLASSES, 1.0, 0)
    assert np.array_equal(TRUE, before)


@pytest.mark.parametrize("level", [-0.1, 1.2, float("nan")])
def test_a_level_outside_its_range_is_refused_by_name(level: float) -> None:
    with pytest.raises(SpecError, match="label_corruption"):
        corrupt_labels(TRUE, CLASSES, level, 0)


def test_labels_outside_the_classes_are_refused() -> None:
    with pytest.raises(SpecError, match="do not fit 9 classes"):
        corrupt_labels(TRUE, 9, 0.5, 0)
