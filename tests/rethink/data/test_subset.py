import numpy as np
import pytest

from rethink.data.training_subset import balanced_subset
from rethink.errors import SpecError

RNG = np.random.default_rng(20)
BALANCED = np.repeat(np.arange(10), 30)
IMBALANCED = [RNG.choice(5, size=200, p=p) for p in RNG.dirichlet(np.ones(5) * 0.5, size=20)]


@pytest.mark.parametrize("labels", [BALANCED, *IMBALANCED])
def test_counts_differ_by_at_most_one_until_a_class_runs_out(labels):
    available = np.bincount(labels)
    for size in range(1, len(labels) + 1):
        counts = np.bincount(labels[balanced_subset(labels, size, 7)], minlength=len(available))
        exhausted = counts == available
        assert counts.sum() == size
        assert np.ptp(counts[~exhausted]) <= 1 if (~exhausted).any() else True
        assert (counts[exhausted] <= counts.max()).all()
        assert (counts[~exhausted] >= counts.max() - 1).all()  # an exhausted class never ran ahead


@pytest.mark.parametrize("labels", [BALANCED, *IMBALANCED])
def test_smaller_is_the_beginning_of_larger(labels):
    everything = balanced_subset(labels, None, 3)
    assert everything.dtype == np.int64
    assert sorted(everything) == list(range(len(labels)))
    for size in (1, 7, 50, len(labels)):
        np.testing.assert_array_equal(balanced_subset(labels, size, 3), everything[:size])


def test_every_seed_draws_another_subset_and_every_sample_alike():
    subsets = [tuple(balanced_subset(BALANCED, 30, seed)) for seed in range(400)]
    assert len(set(subsets)) == 400
    drawn = np.bincount(np.concatenate(subsets), minlength=300)  # binomial: 400 draws at probability 0.1
    assert abs(drawn.mean() - 40) < 1e-9
    assert np.abs(drawn - 40).max() < 5 * np.sqrt(400 * 0.1 * 0.9)


def test_the_order_is_the_same_on_every_machine_and_numpy():
    assert balanced_subset(BALANCED, 5, 0).tolist() == [37, 282, 235, 6, 159]


@pytest.mark.parametrize("size", [301, 0, -1])
def test_impossible_size_is_named(size):
    with pytest.raises(SpecError, match=rf"train_samples = {size} is not allowed.* 300 "):
        balanced_subset(BALANCED, size, 0)
