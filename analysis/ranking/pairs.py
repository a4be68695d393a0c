"""Pairs of networks whose gaps differ by more than the noise of the test set, and how a measure orders them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.ranking.networks import Floats, Ints, Networks

Flags = npt.NDArray[np.bool_]
NO_AXIS = -1


@dataclass(frozen=True)
class Pairs:
    """P pairs of networks, each once, first the one of the lower setting; all arrays are (P,).

    Args:
        settings: Of the first and of the second network.
        replicates: Likewise.
        sign: Of the first gap minus the second, -1 or 1.
        weight: Above 0 and at most 0.5: `noise_weight` of the difference.
        axis: Number of the hyperparameter in which alone the settings differ; NO_AXIS: they differ in none, or several.
        left_out: Number of pairs that are not among these, since their gaps may differ by noise alone.
    """

    settings: tuple[Ints, Ints]
    replicates: tuple[Ints, Ints]
    sign: Ints
    weight: Floats
    axis: Ints
    left_out: int

    @classmethod
    def of(cls, networks: Networks) -> "Pairs":
        known = np.flatnonzero(~np.isnan(networks.gap))
        first, second = (known[ends] for ends in np.triu_indices(len(known), k=1))
        difference = networks.gap.flat[first] - networks.gap.flat[second]
        images = np.minimum(networks.test_images.flat[first], networks.test_images.flat[second])
        weight = noise_weight(difference, images)
        kept = weight > 0
        (one, left), (other, right) = (np.divmod(ends[kept], networks.replicates) for ends in (first, second))
        sign = np.sign(difference[kept]).astype(np.int64)
        return cls((one, other), (left, right), sign, weight[kept], _axis(networks, one, other), int((~kept).sum()))

    def order_of(self, values: Floats) -> "Order":
        """How a measure of these values, (H, R), orders each pair."""
        first, second = (values[ends] for ends in zip(self.settings, self.replicates, strict=True))
        difference = first - second
        known: Flags = ~np.isnan(difference)
        return Order(np.sign(np.where(known, difference, 0)).astype(np.int64), known)

    def by_replicates(self, replicates: int, values: "npt.NDArray[np.generic]") -> Floats:
        """(R²,): the sum of these values over the pairs of each two replicates."""
        first, second = self.replicates
        sums = np.bincount(first * replicates + second, weights=values, minlength=replicates**2)
        return sums.astype(np.float64)


@dataclass(frozen=True)
class Order:
    """How a measure orders the pairs.

    Args:
        sign: Of the first value minus the second, -1, 0 or 1; 0 also if one is not known, (P,).
        known: Whether both values are known, (P,).
    """

    sign: Ints
    known: Flags


def noise_weight(difference: Floats, test_images: Floats) -> Floats:
    """How surely two gaps differ by more than the noise of their test set: 0 if it may be that alone, at most 0.5.

    ((1 - 2 exp(-2 n (d/2)²))₊² - ½)₊ for gaps that differ by d on n test images, from Hoeffding's inequality (Dziugaite
    et al., arXiv 2010.11924). It is above 0 for d above √(3.84 / n): 2 points on 10,000 images, 6 on 1,000.
    """
    doubt = 2 * np.exp(-test_images * difference**2 / 2)
    weight: Floats = np.maximum(np.maximum(1 - doubt, 0) ** 2 - 0.5, 0)
    return weight


def _axis(networks: Networks, first: Ints, second: Ints) -> Ints:
    axis = np.full(len(first), NO_AXIS)
    differing = np.zeros(len(first), np.int64)
    for number, codes in enumerate(networks.codes.T):
        differs = codes[first] != codes[second]
        differing += differs
        axis[differs] = number
    axis[differing != 1] = NO_AXIS
    return axis
