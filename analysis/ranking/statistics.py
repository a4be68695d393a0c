"""Every statistic that judges one measure, for each draw of replicates."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.ranking.conditional_information import Conditions, conditional_information
from analysis.ranking.networks import Floats, Ints, Networks
from analysis.ranking.pairs import Flags, Order, Pairs
from analysis.ranking.rank_correlation import granulated_taus, kendall_tau
from analysis.ranking.replicates import ratio
from analysis.ranking.sign_errors import over_environments, sign_errors

MOST_GIVEN = 2  # hyperparameters that an information is conditional on (Jiang et al.)


@dataclass(frozen=True)
class Statistic:
    """One number about a measure.

    Args:
        name: tau, psi, conditional_information, or sign_error_ and mean, 90 or max.
        hyperparameter: The one that it is about; None: all of them.
        drawn: Its value for each draw of replicates, (draws,); NaN where it is not defined.
        n: What it is a mean over: pairs of networks, groups or environments.
        left_out: How many more there were, but for the test set's noise.
    """

    name: str
    hyperparameter: str | None
    drawn: Floats
    n: int
    left_out: int


@dataclass(frozen=True)
class Judge:
    """Judges any measure by how it orders the gaps of these networks."""

    networks: Networks

    @cached_property
    def pairs(self) -> Pairs:
        return Pairs.of(self.networks)

    @cached_property
    def conditions(self) -> dict[tuple[str, ...], Conditions]:
        sets = self.networks.sets_of_hyperparameters(MOST_GIVEN)
        return {given: Conditions.of(self.networks, self.pairs, given) for given in sets}

    def statistics(self, values: Floats, taken: Floats) -> Iterator[Statistic]:
        """All statistics of a measure of values (H, R), replicates taken as often as `taken`, (draws, R), says."""
        order = self.pairs.order_of(values)
        n, left_out = int(order.known.sum()), self.pairs.left_out
        yield Statistic("tau", None, kendall_tau(self.networks, self.pairs, order, taken), n, left_out)
        yield from self._granulated(order, taken)
        for hyperparameter, drawn in self._informations(order, taken).items():
            yield Statistic("conditional_information", hyperparameter, drawn, n, left_out)
        yield from self._sign_errors(order, taken)

    def _granulated(self, order: Order, taken: Floats) -> Iterator[Statistic]:
        psi, groups = granulated_taus(self.networks, self.pairs, order, taken)
        left_out = self._groups - groups
        yield Statistic("psi", None, _mean_of_known(psi), int(groups.sum()), int(left_out.sum()))
        for number, name in enumerate(self.networks.hyperparameters):
            yield Statistic("psi", name, psi[number], int(groups[number]), int(left_out[number]))

    @cached_property
    def _groups(self) -> Ints:
        """By hyperparameter, the groups of two or more networks of one replicate that differ in it alone."""
        there = ~np.isnan(self.networks.gap)
        return np.array([(_members(group, there) > 1).sum() for group in self._alike], np.int64)

    @cached_property
    def _environments(self) -> Ints:
        """By hyperparameter, the pairs of settings that differ in it alone, whatever the noise."""
        there = (~np.isnan(self.networks.gap)).sum(axis=1, keepdims=True) > 0
        members = [_members(group, there) for group in self._alike]
        return np.array([(own * (own - 1) // 2).sum() for own in members], np.int64)

    @cached_property
    def _alike(self) -> list[Ints]:
        """By hyperparameter, the number of each setting's group: of those that are equal in all the others."""
        names = self.networks.hyperparameters
        return [self.networks.equal_in([other for other in names if other != name]) for name in names]

    def _informations(self, order: Order, taken: Floats) -> dict[str | None, Floats]:
        """The least over all sets of conditions; and that given each single hyperparameter."""
        drawn = {
            given: conditional_information(own, self.pairs, order, taken) for given, own in self.conditions.items()
        }
        single: dict[str | None, Floats] = {name: drawn[(name,)] for name in self.networks.hyperparameters}
        return {None: np.fmin.reduce([*drawn.values()]), **single}

    def _sign_errors(self, order: Order, taken: Floats) -> Iterator[Statistic]:
        found = sign_errors(self.networks, self.pairs, order, taken)
        every: dict[str | None, tuple[Flags, np.int64]] = {
            None: (np.ones(len(found.axis), bool), self._environments.sum())
        }
        for number, name in enumerate(self.networks.hyperparameters):
            every[name] = (found.axis == number, self._environments[number])
        for hyperparameter, (own, environments) in every.items():
            n = int(own.sum())
            for summary, drawn in over_environments(found.errors[:, own]).items():
                yield Statistic(f"sign_error_{summary}", hyperparameter, drawn, n, int(environments) - n)


def _members(group: Ints, there: Flags) -> Ints:
    """(groups, columns): how many settings of each group are there."""
    members = np.zeros((int(group.max()) + 1, there.shape[1]), np.int64)
    np.add.at(members, group, there)
    return members


def _mean_of_known(values: Floats) -> Floats:
    """Means over the first axis of what is known; NaN where nothing is."""
    return ratio(np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0))
