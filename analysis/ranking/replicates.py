"""Bootstrap over replicates: networks share their seeds, so a replicate is drawn, or not, with all its networks."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from analysis.ranking.networks import Floats, Ints

Numbers = npt.NDArray[Any]
COVERAGE = 0.95
_SEED = 19  # of the draws, so that equal networks have equal intervals


@dataclass(frozen=True)
class Bootstrap:
    """Draws of R replicates with replacement.

    Args:
        taken: How often each replicate is taken in each different draw, (different draws, R); in the first once each,
            which are the data themselves.
        drawn: (draws,): the row of `taken` of each draw. Few replicates have few different ones.
    """

    taken: Floats
    drawn: Ints

    @classmethod
    def of(cls, replicates: int, draws: int) -> "Bootstrap":
        random = np.random.default_rng([_SEED, replicates])
        every = random.multinomial(replicates, np.full(replicates, 1 / replicates), size=draws)
        different, drawn = np.unique(every, axis=0, return_inverse=True)
        return cls(np.vstack([np.ones((1, replicates)), different]), drawn.reshape(-1) + 1)

    def interval(self, statistic: Floats) -> tuple[float, float]:
        """The 95% interval of a statistic, given for each row of `taken`; NaN for one replicate, and without values.

        The percentile interval of few replicates is too narrow, so its levels lie further out, at Φ(±√(R / (R - 1)) t)
        for R replicates and Student's t (the expanded percentile interval of Hesterberg, arXiv 1411.5279). A draw in
        which the statistic is not defined is left out.
        """
        values = statistic[self.drawn]
        known, replicates = values[~np.isnan(values)], self.taken.shape[1]
        if replicates < 2 or not len(known):
            return math.nan, math.nan
        quantile = float(stdtrit(replicates - 1, (1 + COVERAGE) / 2))
        outer = float(ndtr(-math.sqrt(replicates / (replicates - 1)) * quantile))
        low, high = np.quantile(known, [outer, 1 - outer])
        return float(low), float(high)


def of_pairs(taken: Floats) -> Floats:
    """(draws, R²): how often each ordered pair of replicates is taken."""
    products: Floats = (taken[:, :, None] * taken[:, None, :]).reshape(len(taken), -1)
    return products


def ratio(numerator: Numbers, denominator: Numbers) -> Floats:
    """Quotients; NaN where the denominator is 0: nothing that was drawn defines them."""
    quotients: Floats = np.divide(
        numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0
    )
    return quotients
