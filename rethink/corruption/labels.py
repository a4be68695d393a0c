"""Label corruption (paper, section 2): a pure function of (corruption seed, sample index, level)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rethink.errors import SpecError
from rethink.randomness import counter
from rethink.randomness.streams import key64

_WHETHER, _WHICH = 0, 1  # the two draws of a sample: is it corrupted, and to which class


@dataclass(frozen=True)
class LabelTable:
    """The labels of a whole training set, by sample index; all arrays have shape (N,)."""

    true: npt.NDArray[np.int64]
    given: npt.NDArray[np.int64]  # what the network is trained on
    corrupted: npt.NDArray[np.bool_]  # chosen for replacement; the replacement may equal the true label


def corrupt_labels(true: npt.NDArray[np.int64], classes: int, level: float, corruption_seed: int) -> LabelTable:
    """Replace each label, independently with probability `level`, by a class drawn uniformly from all classes.

    Sample i has one draw u_i and one replacement c_i; it is corrupted iff u_i < level, so a higher level corrupts a
    superset with the same replacements. Expected changed fraction: level · (1 − 1/classes). Raises SpecError for a
    level outside [0, 1] or a label outside 0 … classes − 1.
    """
    if not 0 <= level <= 1:
        raise SpecError(f"label_corruption = {level!r} is not allowed: in [0, 1]")
    if true.size and not (true.min() >= 0 and true.max() < classes):
        raise SpecError(f"labels from {true.min()} to {true.max()} do not fit {classes} classes")
    indices = np.arange(len(true))
    corrupted = counter.uniform(key64("label_corruption", corruption_seed, _WHETHER), indices) < level
    replacement = counter.integers(key64("label_corruption", corruption_seed, _WHICH), indices, classes)
    return LabelTable(true=true, given=np.where(corrupted, replacement, true), corrupted=corrupted)
