"""Random search as an axis of a sweep: values drawn once, before anything runs, the same for every cell."""

import math

import numpy as np

from rethink.entry_checks import is_number, is_whole
from rethink.errors import SpecError
from rethink.randomness.streams import generator
from rethink.spec import shown

DIGITS = 3  # significant ones, as one would type


def log_uniform(low: float, high: float, samples: int, seed: int = 0) -> list[float]:
    """Values for an axis of a sweep, one log-uniform in each of as many strata of equal ratio.

    A function of its arguments alone, so every cell of a sweep, every resumption and every machine tries the same
    values. Strata leave no gap, which independent draws do.

    Args:
        low: The smallest value that there can be, above 0, in the unit of the field.
        high: The largest.
        samples: How many values.
        seed: Another seed gives other values.

    Returns:
        The values, of three significant digits, in random order: successive halving judges by what came before, and
        ascending ones could each surpass the last.

    Raises:
        SpecError: The range has no room, or `samples` or `seed` is no whole number or too small.
    """
    fits = is_number(low) and is_number(high) and 0 < low < high < math.inf
    if not (fits and is_whole(samples, 1) and is_whole(seed, 0)):
        called = f"log_uniform({', '.join(map(shown, (low, high, samples, seed)))})"
        raise SpecError(f"{called} is not allowed: 0 < low < high, samples a whole number from 1, seed from 0")
    draws = generator("search", seed)
    places = (np.arange(samples) + draws.random(samples)) / samples  # in [0, 1), one in each stratum
    values = low * (high / low) ** draws.permutation(places)
    return [min(max(float(f"{value:.{DIGITS}g}"), low), high) for value in values]
