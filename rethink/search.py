"""Random search as an axis of a sweep: values drawn once, before anything runs, the same for every cell."""

import numpy as np

from rethink.randomness import generator
from rethink.spec import SpecError

DIGITS = 3  # significant: what one would type


def log_uniform(low: float, high: float, samples: int, seed: int = 0) -> list[float]:
    """`samples` values between `low` and `high`, one log-uniform in each of as many strata of equal ratio.

    A function of its arguments alone, so every cell of a sweep, every resumption and every machine tries the same
    values. Strata leave no gap, which independent draws do. The values come in random order: successive halving judges
    by what came before, and ascending ones could each surpass the last. Raises SpecError for a range without room.
    """
    if not (0 < low < high and samples >= 1):
        raise SpecError(f"log_uniform({low:g}, {high:g}, {samples}) is not allowed: 0 < low < high, samples from 1")
    draws = generator("search", seed)
    places = (np.arange(samples) + draws.random(samples)) / samples  # in [0, 1), one in each stratum
    values = low * (high / low) ** draws.permutation(places)
    return [min(max(float(f"{value:.{DIGITS}g}"), low), high) for value in values]
