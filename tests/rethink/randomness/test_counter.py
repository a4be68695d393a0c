"""Counter-based hashing: the published function, uniform, and independent between keys."""

import numpy as np
from scipy import stats

from rethink.randomness import counter

INDICES = np.arange(100_000)
MASK = 2**64 - 1


def splitmix64(x: int) -> int:
    """The reference implementation's output function, on Python's whole numbers."""
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def test_matches_the_published_first_output_of_splitmix64() -> None:
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # seed 0, as listed with the reference implementation
    assert int(counter.mix64(np.zeros(1, np.uint64))[0]) == 0xE220A8397B1DCDAF


def test_hash_equals_the_same_computed_with_whole_numbers() -> None:
    for key in (0, 1, 2**64 - 1):
        expected = [splitmix64(splitmix64(i) ^ key) for i in range(50)]
        assert counter.hash64(key, np.arange(50)).tolist() == expected


def test_draws_depend_on_key_and_index_alone() -> None:
    some = np.array([7, 3, 99_999, 3])
    assert np.array_equal(counter.hash64(5, some), counter.hash64(5, INDICES)[some])


def test_uniform_draws_are_uniform_and_uncorrelated_between_keys() -> None:
    first, second = (counter.uniform(key, INDICES) for key in (1, 2))
    assert stats.kstest(first, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(INDICES))
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 4 / np.sqrt(len(INDICES))


def test_integers_are_uniform_over_their_range() -> None:
    for below in (2, 10, 1000):
        draws = counter.integers(3, INDICES, below)
        assert draws.min() >= 0
        assert draws.max() < below
        assert stats.chisquare(np.bincount(draws, minlength=below)).pvalue > 1e-4
