"""σ is where noise of that size costs a tenth of the images: against closed forms, and NumPy's sums."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from torch import nn

from rethink.measures.flatness import (
    EPSILON,
    LARGEST,
    by_magnitude,
    largest_sigma,
    magnitude_pac_bayes,
    pac_bayes,
    plain,
)
from rethink.measures.folding import FoldedNetwork
from tests.rethink.measures.networks import folded

CPU = torch.device("cpu")
Batches = list[tuple[torch.Tensor, torch.Tensor]]


def linear(weight: float) -> FoldedNetwork:
    """Two classes told apart by the sign of the one pixel that is not 0 in an image."""
    layer = nn.Linear(400, 2, bias=False)
    with torch.no_grad():
        layer.weight[0], layer.weight[1] = weight, -weight
    return folded(nn.Sequential(nn.Flatten(), layer), 400)


def one_pixel_each() -> Batches:
    images = torch.eye(400).view(400, 400, 1, 1)
    return [(part, torch.zeros(len(part), dtype=torch.int64)) for part in images.split(150)]


def test_sigma_of_a_linear_network_is_a_quantile_of_the_normal_distribution() -> None:
    # The margin of each image is 2w + σ (z - z'), so its error is Φ(-√2 w / σ), of independent draws: 4,000 in all.
    weight = 0.5
    sigma = largest_sigma(linear(weight), one_pixel_each(), CPU, 0, plain)
    error = NormalDist().cdf(-math.sqrt(2) * weight / sigma)
    assert abs(error - 0.1) < 0.01 + 3 * math.sqrt(0.09 / 4000)


def test_sigma_grows_with_the_weights_and_the_magnitude_aware_one_does_not() -> None:
    small, large = (largest_sigma(linear(weight), one_pixel_each(), CPU, 0, plain) for weight in (0.1, 0.4))
    assert math.isclose(large, 4 * small, rel_tol=0.1)
    small, large = (largest_sigma(linear(weight), one_pixel_each(), CPU, 0, by_magnitude) for weight in (0.1, 0.4))
    assert math.isclose(large, small, rel_tol=0.1)


def test_the_draws_are_those_of_the_seed() -> None:
    first, again, other = (largest_sigma(linear(0.5), one_pixel_each(), CPU, seed, plain) for seed in (0, 0, 1))
    assert first == again
    assert math.isclose(first, other, rel_tol=0.1)


def test_a_network_whose_error_cannot_grow_reaches_the_end_of_the_search() -> None:
    images = [(torch.zeros(4, 400, 1, 1), torch.zeros(4, dtype=torch.int64))]  # logits stay equal: the first class
    assert math.isclose(largest_sigma(linear(0.5), images, CPU, 0, plain), LARGEST, rel_tol=1e-4)


def test_a_network_that_no_noise_leaves_as_it_is_has_no_sigma() -> None:
    assert largest_sigma(linear(1e-9), one_pixel_each(), CPU, 0, plain) == 0


def test_the_noise_of_each_weight() -> None:
    weight = torch.tensor([0.0, -2.0])
    assert plain(0.5, weight).tolist() == [0.5, 0.5]
    expected = [EPSILON, math.sqrt(1 + EPSILON**2)]
    assert by_magnitude(0.5, weight).tolist() == pytest.approx(expected)


def test_the_bounds_by_numpy() -> None:
    random = np.random.default_rng(0)
    weights, moved, sigma, samples = random.normal(size=50), random.normal(size=50), 0.3, 1000
    square = float((weights**2).sum())
    assert math.isclose(pac_bayes(square, sigma, samples), square / 0.36 + math.log(1000 / 0.3) + 10)
    sums = [math.log((1e-6 + 1.09 * square / 50) / (1e-6 + 0.09 * one**2)) for one in moved]
    expected = sum(sums) / 4 + math.log(1000 / 0.3) + 10
    assert math.isclose(magnitude_pac_bayes(square, torch.from_numpy(moved), sigma, samples), expected)
