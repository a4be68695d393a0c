"""How well a mean is known: two-sided 95% intervals.

Replicates differ in what they drew: Student's t. All of them were tested on the same images, whose number bounds how
well an accuracy on images of their kind is known: Wilson's score interval of a binomial share (Wilson, 1927). Both
parts together: the distances of their ends from the mean add up in squares (Zou & Donner, 2008).
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

COVERAGE = 0.95
Interval = tuple[float | None, float | None]
NO_INTERVAL: Interval = (None, None)


def mean_interval(values: "Sequence[float] | npt.NDArray[Any]") -> Interval:
    """The interval of the mean of a sample; (None, None) for fewer than two values.

    It assumes independent, nearly normal values. If all are equal, the interval is that point: the sample shows no
    spread, which for a few values does not prove that there is none.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        return NO_INTERVAL
    middle = float(sample.mean())
    equal = sample.min() == sample.max()  # the computed deviation of equal values need not be 0
    half = 0.0 if equal else t_quantile(len(sample) - 1) * float(sample.std(ddof=1)) / math.sqrt(len(sample))
    return middle - half, middle + half


def interval_of_tested_mean(
    values: "Sequence[float] | npt.NDArray[Any]", errors: "Sequence[float] | npt.NDArray[Any]", images: int
) -> Interval:
    """The interval of the mean of test errors, or of what grows by as much as they do, such as generalization gaps.

    Args:
        values: Of the trials.
        errors: Their test errors, all counted on the same images.
        images: Number of test images.

    (None, None) for fewer than two values: nothing tells how replicates differ.
    """
    interval = mean_interval(values)
    if interval == NO_INTERVAL:
        return NO_INTERVAL
    error = float(np.mean(errors))
    return _together(float(np.mean(values)), interval, _around(error, share_interval(error, images)))


def interval_of_tested_difference(
    differences: "Sequence[float] | npt.NDArray[Any]", first: float, second: float, images: int
) -> Interval:
    """The interval of the mean of differences of shares that were counted on the same test images.

    Args:
        differences: Second minus first share, pair by pair.
        first, second: The mean shares.
        images: Number of test images.

    Images that one network of a pair takes for another class are likelier to mislead the other one too; how much
    likelier is not known from shares. The interval takes them for independent, and is thus rather too wide.
    """
    interval = mean_interval(differences)
    if interval == NO_INTERVAL:
        return NO_INTERVAL
    below, above = _around(second, share_interval(second, images))
    other_below, other_above = _around(first, share_interval(first, images))
    return _together(float(np.mean(differences)), interval, (below, above), (other_above, other_below))


def share_interval(share: float, images: int) -> tuple[float, float]:
    """Wilson's score interval of a share that was counted on so many images."""
    z2 = float(ndtri((1 + COVERAGE) / 2)) ** 2
    middle = (share + z2 / (2 * images)) / (1 + z2 / images)
    half = math.sqrt(z2 * (share * (1 - share) / images + z2 / (4 * images**2))) / (1 + z2 / images)
    return middle - half, middle + half


def _around(middle: float, interval: tuple[float, float]) -> tuple[float, float]:
    return middle - interval[0], interval[1] - middle


def _together(middle: float, interval: Interval, *others: tuple[float, float]) -> Interval:
    """An interval, widened by (distance below, distance above) of each other part."""
    low, high = interval
    assert low is not None
    assert high is not None
    parts = [(middle - low, high - middle), *others]
    return middle - math.hypot(*(below for below, _ in parts)), middle + math.hypot(*(above for _, above in parts))


@cache
def t_quantile(freedom: int) -> float:
    """Half the width of the interval in standard errors, for so many degrees of freedom, from 1."""
    return float(stdtrit(freedom, (1 + COVERAGE) / 2))
