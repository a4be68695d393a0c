"""Kendall's τ of a measure and the gap, over all networks and over those that differ in one hyperparameter alone."""

import numpy as np

from analysis.ranking.networks import Floats, Ints, Networks
from analysis.ranking.pairs import Order, Pairs
from analysis.ranking.replicates import of_pairs, ratio


def kendall_tau(networks: Networks, pairs: Pairs, order: Order, taken: Floats) -> Floats:
    """τ-b of a measure and the gap over these pairs, for each draw of replicates.

    Args:
        order: How the measure orders the pairs.
        taken: How often each replicate is taken, (draws, R).

    Returns:
        (draws,): concordant minus discordant pairs, over the root of pairs times pairs that the measure does not tie.
        NaN where it ties all of them.
    """
    weights = of_pairs(taken)
    parts = (pairs.sign * order.sign, order.sign != 0, order.known)
    together, untied, every = (weights @ pairs.by_replicates(networks.replicates, part) for part in parts)
    return ratio(together, np.sqrt(untied * every))


def granulated_taus(networks: Networks, pairs: Pairs, order: Order, taken: Floats) -> tuple[Floats, Ints]:
    """ψ of each hyperparameter (Jiang et al., arXiv 1912.02178), for each draw of replicates.

    A group is all networks of one replicate that differ in the hyperparameter alone. Its τ is the mean of the product
    of both signs over its pairs; a measure that does not tell two networks apart counts 0.

    Args:
        order: How the measure orders the pairs.
        taken: How often each replicate is taken, (draws, R).

    Returns:
        ψ, the mean of τ over the groups, (hyperparameters, draws), NaN where no group has a pair; and how many groups
        of each hyperparameter have one.
    """
    one_replicate = order.known & (pairs.replicates[0] == pairs.replicates[1])
    means, groups = np.full((len(networks.hyperparameters), len(taken)), np.nan), []
    for number, name in enumerate(networks.hyperparameters):
        own = one_replicate & (pairs.axis == number)
        others = networks.equal_in([other for other in networks.hyperparameters if other != name])
        group = others[pairs.settings[0][own]] * networks.replicates + pairs.replicates[0][own]
        size = (int(others.max()) + 1) * networks.replicates
        agreement = np.bincount(group, weights=(pairs.sign * order.sign)[own], minlength=size)
        tau = ratio(agreement, np.bincount(group, minlength=size)).reshape(-1, networks.replicates)
        has_pair = ~np.isnan(tau)
        means[number] = ratio(taken @ np.nansum(tau, axis=0), taken @ has_pair.sum(axis=0))
        groups.append(int(has_pair.sum()))
    return means, np.array(groups, np.int64)
