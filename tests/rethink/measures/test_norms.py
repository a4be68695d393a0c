"""The measures of weights against closed forms, on a network of two matrices."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from rethink.measures.folding import fold
from rethink.measures.norms import over_margin, weight_measures
from tests.rethink.measures.networks import PRODUCT, folded, matrices, product_network, two_layers

SHAPE = (12, 1, 1)
MARGIN = 0.3
SIDE = 16


@pytest.fixture
def values() -> dict[str, float]:
    trained = weight_measures(folded(two_layers()), folded(two_layers(seed=1)), SHAPE)
    return {**trained, **over_margin(trained, 2, MARGIN)}


def test_every_norm_by_numpy(values: dict[str, float]) -> None:
    trained, initial = ([matrix.numpy() for matrix in matrices(two_layers(seed=seed))] for seed in (0, 1))
    moved = [one - other for one, other in zip(trained, initial, strict=True)]
    (f1, f2), (m1, m2) = ([np.linalg.norm(one) ** 2 for one in some] for some in (trained, moved))
    (s1, s2), (t1, t2) = ([np.linalg.norm(one, 2) ** 2 for one in some] for some in (trained, moved))
    squared = MARGIN**2
    expected = {
        "l2_norm": np.sqrt(f1 + f2),
        "l2_distance": np.sqrt(m1 + m2),
        "parameter_norm": f1 + f2,
        "distance_from_initialization": m1 + m2,
        "log_frobenius_product": np.log(f1 * f2),
        "frobenius_sum": 2 * np.sqrt(f1 * f2),
        "log_frobenius_product_over_margin": np.log(f1 * f2 / squared),
        "frobenius_sum_over_margin": 2 * np.sqrt(f1 * f2 / squared),
        "path_norm": (trained[1] ** 2 @ trained[0] ** 2).sum(),
        "path_norm_over_margin": (trained[1] ** 2 @ trained[0] ** 2).sum() / squared,
    }
    spectral = {
        "spectral_distance": t1 + t2,
        "log_spectral_product": np.log(s1 * s2),
        "spectral_sum": 2 * np.sqrt(s1 * s2),
        "stable_rank_sum": f1 / s1 + f2 / s2,
        "log_spectral_product_over_margin": np.log(s1 * s2 / squared),
        "spectral_sum_over_margin": 2 * np.sqrt(s1 * s2 / squared),
        "log_spec_orig_main": np.log(s1 * s2 * (f1 / s1 + f2 / s2) / squared),
        "log_spec_init_main": np.log(s1 * s2 * (m1 / s1 + m2 / s2) / squared),
    }
    expected |= {f"{name}{suffix}": value for name, value in spectral.items() for suffix in ("", "_fft")}
    del values["moved_rank_sum"], values["moved_rank_sum_fft"]  # a part of spec_init_main
    assert values == pytest.approx(expected, rel=1e-6)


def rescaled(factor: float) -> nn.Sequential:
    """The same function: the first layer of ReLUs is `factor` times as large, the second as much smaller."""
    network = copy.deepcopy(two_layers(bias=True))
    with torch.no_grad():
        network[1].weight.mul_(factor), network[1].bias.mul_(factor)
        network[3].weight.div_(factor)
    return network


def test_rescaling_layers_of_relus_leaves_products_and_path_norm_and_changes_sums() -> None:
    initial = folded(two_layers(bias=True, seed=1))
    ours, theirs = (weight_measures(folded(rescaled(factor)), initial, SHAPE) for factor in (1, 8))
    same = {"path_norm", "log_frobenius_product", "frobenius_sum"}
    same |= {
        f"{name}{end}" for name in ("log_spectral_product", "spectral_sum", "stable_rank_sum") for end in ("", "_fft")
    }
    assert {name for name in ours if math.isclose(ours[name], theirs[name], rel_tol=1e-6)} == same


def test_a_network_that_did_not_move_has_no_distance() -> None:
    network = folded(two_layers())
    values = weight_measures(network, network, SHAPE)
    moved = ("l2_distance", "distance_from_initialization", "spectral_distance", "spectral_distance_fft")
    assert [values[name] for name in moved] == [0] * 4
    assert over_margin(values, 2, MARGIN)["log_spec_init_main"] == -math.inf


def test_path_norm_sums_the_squares_of_all_paths_biases_included() -> None:
    network = two_layers(inputs=3, units=4, classes=2, bias=True)
    first, second = network.requires_grad_(False)[1::2]
    total = 0.0
    for unit in range(4):
        into = sum(float(first.weight[unit, pixel]) ** 2 for pixel in range(3)) + float(first.bias[unit]) ** 2
        total += into * sum(float(second.weight[out, unit]) ** 2 for out in range(2))
    total += float(second.bias.square().sum())
    values = weight_measures(folded(network, 3), folded(two_layers(3, 4, 2, bias=True, seed=1), 3), (3, 1, 1))
    assert math.isclose(values["path_norm"], total, rel_tol=1e-6)


@pytest.mark.parametrize("name", PRODUCT)
def test_networks_of_the_product_have_every_norm(name: str) -> None:
    shape = (3, SIDE, SIDE)
    values = weight_measures(fold(product_network(name), shape), fold(product_network(name, seed=1), shape), shape)
    assert all(math.isfinite(value) for value in values.values())
    if "mlp" in name:
        assert values["log_spectral_product"] == values["log_spectral_product_fft"]


def test_products_of_many_layers_do_not_overflow() -> None:
    network = nn.Sequential(nn.Flatten(), *(nn.Linear(12, 12, bias=False) for _ in range(300)))
    with torch.no_grad():
        for layer in network[1:]:
            layer.weight.copy_(100 * torch.eye(12))
    values = weight_measures(folded(network), folded(network), SHAPE)
    assert math.isclose(values["log_spectral_product"], 300 * math.log(1e4), rel_tol=1e-12)
    assert math.isclose(values["spectral_sum"], 300 * 1e4, rel_tol=1e-9)
