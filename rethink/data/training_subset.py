"""Class-balanced training subsets, nested: a smaller one is the beginning of a larger one."""

import numpy as np
import numpy.typing as npt

from rethink.errors import SpecError
from rethink.randomness.streams import generator


def balanced_subset(labels: npt.NDArray[np.int64], size: int | None, seed: int) -> npt.NDArray[np.int64]:
    """Indices (size,) int64 into `labels` (N,): the first `size` of one order that `labels` and `seed` determine.

    The order takes one random sample of every class, then another of every class, and so on; when a class has no
    samples left, the others go on. None: all N, in that same order. Raises SpecError unless size is in 1 ... N.
    """
    if size is not None and not 1 <= size <= len(labels):
        raise SpecError(f"train_samples = {size} is not allowed: there are {len(labels)} training images")
    # Raw draws: NumPy promises that this stream stays the same in every version, unlike permutation().
    draws = generator("training_subset", seed).bit_generator.random_raw((2, len(labels)))
    # A second draw orders each round: by the first, the classes would come in nearly the same order every time.
    return np.lexsort((draws[1], _rank_in_class(labels, draws[0])))[:size].astype(np.int64)


def _rank_in_class(labels: npt.NDArray[np.int64], draws: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """How many samples of the same class have a smaller draw, (N,)."""
    by_class = np.lexsort((draws, labels))
    _, first, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    ranks = np.empty(len(labels), np.int64)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(first, counts)
    return ranks
