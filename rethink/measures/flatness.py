"""PAC-Bayes flatness: how far weights may be moved at random before the error on training images grows."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from rethink.measures.batches import Batches
from rethink.measures.folding import FoldedNetwork
from rethink.training.evaluation import label_ranks

# Jiang et al. (arXiv 1912.02178, appendix) and Dziugaite et al. (arXiv 2010.11924), whose code takes the square of σ
# for the deviation; here it is σ, as both papers define it.
ALLOWED = 0.1  # by which the error may grow
TOLERANCE = 0.01  # of the grown error, at which the search ends
LARGEST = 2.0  # σ
STEPS = 15  # of the bisection
DRAWS = 10  # of the noise, the same for every σ
EPSILON = 1e-3  # of the magnitude-aware noise

Deviations = Callable[[float, Tensor], Tensor]  # of the noise of weights, from σ and the weights


def plain(sigma: float, weight: Tensor) -> Tensor:
    """σ, whatever the weight."""
    return torch.full_like(weight, sigma)


def by_magnitude(sigma: float, weight: Tensor) -> Tensor:
    """√(σ² w² + ε²)."""
    return (sigma**2 * weight.square() + EPSILON**2).sqrt_()


def largest_sigma(
    trained: FoldedNetwork, batches: Batches, device: torch.device, seed: int, deviations: Deviations
) -> float:
    """The largest σ with E[error(w + u)] ≤ error(w) + 0.1, u normal noise of all weights and biases; 0: none found.

    Bisection in [0, 2]: 15 steps, or until the mean error of 10 draws is within 0.01 of what is allowed.

    Args:
        trained: The network.
        batches: The images whose error counts.
        device: Where it is computed, in float32.
        seed: Of the draws.
        deviations: `plain`, or `by_magnitude`.
    """
    network = copy.deepcopy(trained.network).to(device, torch.float32)
    perturbed = _Perturbed(network, seed, deviations)
    kept = [(images.to(device).clone(), labels.to(device).clone()) for images, labels in batches]
    samples = sum(len(labels) for _, labels in kept)
    allowed = sum(_errors(network, kept)) / samples + ALLOWED
    low, high = 0.0, LARGEST
    for _ in range(STEPS):
        sigma = (low + high) / 2
        grown = perturbed.mean_error(sigma, kept, samples, allowed + TOLERANCE)
        if abs(grown - allowed) < TOLERANCE:
            return sigma
        low, high = (low, sigma) if grown > allowed else (sigma, high)
    return low


class _Perturbed:
    """A network whose weights and biases are moved by the same draws, scaled anew."""

    def __init__(self, network: nn.Module, seed: int, deviations: Deviations) -> None:
        self._network = network
        self._seed = seed
        self._deviations = deviations
        self._weights = [parameter.detach().clone() for parameter in network.parameters()]

    def mean_error(self, sigma: float, kept: Sequence[tuple[Tensor, Tensor]], samples: int, most: float) -> float:
        """The mean error over the draws; counting ends where it is certain to be above `most`: infinity."""
        scales = [self._deviations(sigma, weight) for weight in self._weights]
        noise = torch.Generator().manual_seed(self._seed)  # on the CPU: the same draws on every device
        errors = 0
        for _ in range(DRAWS):
            self._move(scales, noise)
            for wrong in _errors(self._network, kept):
                errors += wrong
                if errors > most * samples * DRAWS:
                    return math.inf
        return errors / (samples * DRAWS)

    def _move(self, scales: Sequence[Tensor], noise: torch.Generator) -> None:
        with torch.no_grad():
            for parameter, weight, scale in zip(self._network.parameters(), self._weights, scales, strict=True):
                drawn = torch.randn(weight.shape, generator=noise).to(weight.device)
                parameter.copy_(torch.addcmul(weight, scale, drawn))


def _errors(network: nn.Module, kept: Sequence[tuple[Tensor, Tensor]]) -> Iterator[int]:
    """Wrong predictions in each batch."""
    for images, labels in kept:
        with torch.inference_mode():
            yield int((label_ranks(network(images), labels) > 0).sum())


def pac_bayes(square: float, sigma: float, samples: int) -> float:
    """‖·‖² / 4σ² + ln(m / σ) + 10 (Jiang et al., eq. 48 and 49), from the squared norm."""
    return square / (4 * sigma**2) + math.log(samples / sigma) + 10


def magnitude_pac_bayes(square: float, moved: Tensor, sigma: float, samples: int) -> float:
    """¼ Σ_i ln[(ε² + (σ² + 1) ‖·‖² / ω) / (ε² + σ² (v_i − v⁰_i)²)] + ln(m / σ) + 10 (eq. 56 and 57).

    `moved` is v − v⁰, of ω numbers.
    """
    numerator = EPSILON**2 + (sigma**2 + 1) * square / len(moved)
    denominators = EPSILON**2 + sigma**2 * moved.square()
    divergence = float((math.log(numerator) - denominators.log()).sum()) / 4
    return divergence + math.log(samples / sigma) + 10
