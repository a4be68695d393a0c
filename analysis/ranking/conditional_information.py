"""What the order of a measure tells of the order of gaps that hyperparameters do not tell already."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from analysis.ranking.networks import Floats, Ints, Networks
from analysis.ranking.pairs import Order, Pairs
from analysis.ranking.replicates import of_pairs

_SIGNS = (3, 2)  # of the measure: lower, equal, higher; of the gap: lower, higher
_MOST = 4_000_000  # numbers in the tables of as many draws as are held at once
_ROUNDING = 1e-9  # of a count


@dataclass(frozen=True)
class Conditions:
    """What two networks have of some hyperparameters, for pairs of networks.

    Args:
        place: (P,): the number of both networks' replicates and of both networks' values.
        replicates: Number of replicates, R.
        kinds: Number of values of a network, K.
    """

    place: Ints
    replicates: int
    kinds: int

    @classmethod
    def of(cls, networks: Networks, pairs: Pairs, given: Sequence[str]) -> "Conditions":
        """Those of the hyperparameters named; of none of them: all pairs have one condition."""
        own = networks.equal_in(given)
        replicates, kinds = networks.replicates, int(own.max()) + 1
        parts = (*pairs.replicates, *(own[ends] for ends in pairs.settings))
        return cls(np.ravel_multi_index(parts, (replicates, replicates, kinds, kinds)), replicates, kinds)

    def tables(self, pairs: Pairs, order: Order) -> Floats:
        """(R², K² · 6): how many pairs, taken in both orders, have these replicates, values and signs."""
        signs = (order.sign + 1) * 2 + (pairs.sign > 0)
        shape = (self.replicates, self.replicates, self.kinds, self.kinds, *_SIGNS)
        place = (self.place * math.prod(_SIGNS) + signs)[order.known]
        counts = np.bincount(place, minlength=math.prod(shape)).reshape(shape)
        both = counts + counts.transpose(1, 0, 3, 2, 4, 5)[..., ::-1, ::-1]
        return both.reshape(self.replicates**2, -1).astype(np.float64)


def conditional_information(conditions: Conditions, pairs: Pairs, order: Order, taken: Floats) -> Floats:
    """I(V_measure; V_gap | U) / H(V_gap | U) over these pairs, for each draw of replicates.

    V is the sign of a pair's difference, U its condition, which counts by its share of the pairs (Jiang et al., arXiv
    1912.02178). Estimated from counts, it is above 0 for pure noise too: hold it against that of the known-null
    measures.

    Args:
        order: How the measure orders the pairs.
        taken: How often each replicate is taken, (draws, R).

    Returns:
        (draws,), 0 to 1; NaN where U alone settles the order of gaps.
    """
    tables = conditions.tables(pairs, order)
    weights = of_pairs(taken)
    at_once = max(1, _MOST // tables.shape[1])
    parts = [_information(weights[i : i + at_once] @ tables) for i in range(0, len(weights), at_once)]
    return np.concatenate(parts)


def _information(counts: Floats) -> Floats:
    table = counts.reshape(len(counts), -1, *_SIGNS)  # (draws, conditions, 3, 2)
    of_gap, of_measure, of_both = table.sum(axis=2), table.sum(axis=3), table.sum(axis=(2, 3))
    joint, gap, measure, whole = (
        xlogy(part, part).reshape(len(counts), -1).sum(axis=1) for part in (table, of_gap, of_measure, of_both)
    )
    uncertainty = whole - gap  # of the gap's sign, in nats times the number of pairs
    known = uncertainty > _ROUNDING * of_both.sum(axis=1)
    shared = np.maximum(joint - gap - measure + whole, 0)
    told: Floats = np.divide(shared, uncertainty, out=np.full(len(counts), np.nan), where=known)
    return told
