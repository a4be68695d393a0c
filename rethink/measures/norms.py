"""The measures of a network's weights and of its margin."""

import math
from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor

from rethink.measures.folding import FoldedNetwork, Layer
from rethink.measures.spectral import convolution_norm, matrix_norm

Values = dict[str, float]


def weight_measures(trained: FoldedNetwork, initial: FoldedNetwork, input_shape: Sequence[int]) -> Values:
    """The measures of cost "weights", but for the number of parameters.

    Args:
        trained: The network.
        initial: The same as initialized.
        input_shape: (C, H, W) of one image.
    """
    frobenius = [_square(weight) for weight in trained.weights]
    distances = _differences(trained, initial)
    moved = [_square(distance) for distance in distances]
    return {
        "l2_norm": math.sqrt(sum(frobenius)),
        "l2_distance": math.sqrt(sum(moved)),
        "parameter_norm": sum(frobenius),
        "distance_from_initialization": sum(moved),
        "log_frobenius_product": _log_product(frobenius),
        "frobenius_sum": _sum_form(frobenius),
        **_spectral_measures(trained, distances),
        "path_norm": _path_norm(trained, input_shape),
    }


def over_margin(values: Values, layers: int, margin: float) -> Values:
    """The measures that compare one of `weight_measures` with the margin γ, which is above 0.

    Args:
        values: What `weight_measures` gives.
        layers: Their number, d.
        margin: γ.
    """
    less = 2 * math.log(margin)
    compared = {
        "log_frobenius_product_over_margin": values["log_frobenius_product"] - less,
        "frobenius_sum_over_margin": values["frobenius_sum"] * margin ** (-2 / layers),
        "path_norm_over_margin": values["path_norm"] / margin**2,
    }
    for suffix in ("", "_fft"):
        product = values[f"log_spectral_product{suffix}"] - less
        compared |= {
            f"log_spectral_product_over_margin{suffix}": product,
            f"spectral_sum_over_margin{suffix}": values[f"spectral_sum{suffix}"] * margin ** (-2 / layers),
            f"log_spec_orig_main{suffix}": product + _log(values[f"stable_rank_sum{suffix}"]),
            f"log_spec_init_main{suffix}": product + _log(values[f"moved_rank_sum{suffix}"]),
        }
    return compared


def _spectral_measures(trained: FoldedNetwork, distances: Sequence[Tensor]) -> Values:
    """The measures of both spectral norms; `moved_rank_sum` is part of one over the margin."""
    values: Values = {}
    norms = _both_norms(trained.layers, trained.weights), _both_norms(trained.layers, distances)
    frobenius, moved = ([_square(weight) for weight in weights] for weights in (trained.weights, distances))
    for suffix, squares, moved_squares in zip(("", "_fft"), *norms, strict=True):
        values |= {
            f"spectral_distance{suffix}": sum(moved_squares),
            f"log_spectral_product{suffix}": _log_product(squares),
            f"spectral_sum{suffix}": _sum_form(squares),
            f"stable_rank_sum{suffix}": _ratios(frobenius, squares),
            f"moved_rank_sum{suffix}": _ratios(moved, squares),
        }
    return values


def _both_norms(layers: Sequence[Layer], weights: Sequence[Tensor]) -> tuple[list[float], list[float]]:
    """Squared spectral norms of weights in the place of the layers' own: as matrices, and as convolutions."""
    matrices = [matrix_norm(weight) for weight in weights]
    convolutions = [convolution_norm(layer, weight) for layer, weight in zip(layers, weights, strict=True)]
    exact = [matrix if norm is None else norm for matrix, norm in zip(matrices, convolutions, strict=True)]
    return [norm**2 for norm in matrices], [norm**2 for norm in exact]


def _differences(trained: FoldedNetwork, initial: FoldedNetwork) -> list[Tensor]:
    return [weight - first for weight, first in zip(trained.weights, initial.weights, strict=True)]


def _square(weight: Tensor) -> float:
    """‖·‖_F²."""
    return float(weight.square().sum())


def _ratios(squares: Sequence[float], others: Sequence[float]) -> float:
    return sum(square / other if other else math.nan for square, other in zip(squares, others, strict=True))


def _log_product(squares: Sequence[float]) -> float:
    return sum(map(_log, squares))


def _sum_form(squares: Sequence[float]) -> float:
    """d (Π ...)^(1/d), by logarithms, as the product overflows."""
    return len(squares) * math.exp(_log_product(squares) / len(squares))


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _path_norm(trained: FoldedNetwork, input_shape: Sequence[int]) -> float:
    """The sum of the logits of an image of ones where every weight and bias is squared (Jiang et al., eq. 44)."""
    squared = deepcopy(trained.network)
    with torch.no_grad():
        for parameter in squared.parameters():
            parameter.square_()
        return float(squared(torch.ones(1, *input_shape, dtype=torch.float64)).sum())
