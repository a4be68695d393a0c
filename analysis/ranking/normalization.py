"""Measures on training sets of different sizes m: bounds fall with m, which the measures themselves leave out."""

import numpy as np

from analysis.ranking.networks import Floats, Networks


def normalizable(networks: Networks) -> bool:
    """Whether the size of the training set differs, and is known for every network."""
    sizes = networks.train_images[~np.isnan(networks.gap)]
    return not np.isnan(sizes).any() and len(np.unique(sizes)) > 1


def normalized(values: Floats, train_images: Floats, is_logarithm: bool) -> Floats:
    """√(value / m), of a logarithm ½ (value - ln m), as Dziugaite et al. have it (arXiv 2010.11924, their code).

    Both are the logarithm or the value of √(C / m) for a complexity C. A value below 0 keeps its sign: -√(-value / m).
    """
    if is_logarithm:
        halves: Floats = (values - np.log(train_images)) / 2
        return halves
    return np.sign(values) * np.sqrt(np.abs(values) / train_images)
