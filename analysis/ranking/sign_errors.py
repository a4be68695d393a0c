"""Robust sign-errors: how often a measure misorders two settings that differ in one hyperparameter, at worst."""

from dataclasses import dataclass

import numpy as np

from analysis.ranking.networks import Floats, Ints, Networks
from analysis.ranking.pairs import NO_AXIS, Order, Pairs
from analysis.ranking.replicates import of_pairs, ratio

LEAST_PAIRS = 12  # effective sample size of an environment (Dziugaite et al., arXiv 2010.11924)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class SignErrors:
    """Sign-errors by environment: two settings that differ in one hyperparameter, over all pairs of replicates.

    Only environments whose effective sample size is at least LEAST_PAIRS are here.

    Args:
        errors: (draws, environments), 0 to 1; NaN where a draw has no pair of the environment.
        axis: (environments,): number of the hyperparameter that differs.
    """

    errors: Floats
    axis: Ints


def sign_errors(networks: Networks, pairs: Pairs, order: Order, taken: Floats) -> SignErrors:
    """The mean of ½ (1 - sign of the measure's difference · sign of the gap's), weighted by `noise_weight`.

    A pair is a network of one setting and one of the other, of any replicates (Dziugaite et al., arXiv 2010.11924). A
    measure that ties a pair errs by ½.

    Args:
        order: How the measure orders the pairs.
        taken: How often each replicate is taken, (draws, R).
    """
    used = order.known & (pairs.axis != NO_AXIS)
    first, second = (ends[used] for ends in pairs.settings)
    own, environment = np.unique(first * len(networks.gap) + second, return_inverse=True)
    axis = np.zeros(len(own), np.int64)
    axis[environment] = pairs.axis[used]
    weight = pairs.weight[used]
    wrong = weight * (1 - pairs.sign * order.sign)[used] / 2
    squares = np.bincount(environment, weights=weight**2, minlength=len(own))
    size = ratio(np.bincount(environment, weights=weight, minlength=len(own)) ** 2, squares)
    kept = size >= LEAST_PAIRS - _ROUNDING
    one, other = (ends[used] for ends in pairs.replicates)
    place = (environment * networks.replicates + one) * networks.replicates + other
    shape = (len(own), networks.replicates**2)
    total, missed = (
        of_pairs(taken) @ np.bincount(place, weights=part, minlength=shape[0] * shape[1]).reshape(shape)[kept].T
        for part in (weight, wrong)
    )
    return SignErrors(ratio(missed, total), axis[kept])


def over_environments(errors: Floats) -> dict[str, Floats]:
    """Mean, 90th percentile and supremum over environments, for each draw; NaN where there is none.

    Args:
        errors: (draws, environments).
    """
    summaries = {name: np.full(len(errors), np.nan) for name in ("mean", "90", "max")}
    whole = ~np.isnan(errors).any(axis=1)
    some = ~whole & ~np.isnan(errors).all(axis=1)
    for chosen, quantile in ((whole & (errors.shape[1] > 0), np.quantile), (some, np.nanquantile)):
        if chosen.any():
            summaries["mean"][chosen] = np.nanmean(errors[chosen], axis=1)
            summaries["90"][chosen] = quantile(errors[chosen], 0.9, axis=1)
            summaries["max"][chosen] = np.nanmax(errors[chosen], axis=1)
    return summaries
