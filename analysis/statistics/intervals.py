"""How well a mean is known: its two-sided 95% interval by Student's t."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

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


@cache
def t_quantile(freedom: int) -> float:
    """Half the width of the interval in standard errors, for so many degrees of freedom, from 1."""
    return float(stdtrit(freedom, (1 + COVERAGE) / 2))
