"""The Fisher-Rao norm against finite differences, gradients sample by sample, and Liang et al.'s identity."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rethink.measures.fisher_rao import fisher_rao
from rethink.measures.folding import fold
from tests.rethink.measures.networks import folded, product_network, two_layers

CPU = torch.device("cpu")
SHAPE = (3, 16, 16)


def batches(samples: int, shape: tuple[int, ...], classes: int) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(3)
    return [(torch.randn(samples, *shape), torch.randint(classes, (samples,))) for _ in range(2)]


def losses(network: nn.Module, some: list[tuple[Tensor, Tensor]]) -> Tensor:
    double = copy.deepcopy(network).double()
    return torch.cat([F.cross_entropy(double(x.double()), y, reduction="none") for x, y in some])


def grown(network: nn.Module, step: float) -> nn.Module:
    larger = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in larger.parameters():
            parameter.mul_(1 + step)
    return larger


def by_finite_differences(network: nn.Module, some: list[tuple[Tensor, Tensor]], layers: int) -> float:
    step = 1e-5
    with torch.no_grad():
        slopes = (losses(grown(network, step), some) - losses(grown(network, -step), some)) / (2 * step)
    return (layers + 1) ** 2 * float(slopes.square().mean())


@pytest.mark.parametrize("name", ["alexnet_small", "inception_small", "wide_resnet", "mlp_3x512"])
def test_it_is_what_finite_differences_give(name: str) -> None:
    own = fold(product_network(name), SHAPE)
    some = batches(4, SHAPE, 10)
    expected = by_finite_differences(own.network, some, len(own.layers))
    assert math.isclose(fisher_rao(own, some, CPU), expected, rel_tol=1e-3)


def test_it_is_what_a_gradient_for_each_sample_gives() -> None:
    network, some = two_layers(bias=True), batches(5, (12, 1, 1), 4)
    total = 0.0
    for images, labels in some:
        for image, label in zip(images, labels, strict=True):
            network.zero_grad()
            F.cross_entropy(network(image[None]), label[None]).backward()
            total += sum(float((p.detach() * p.grad).sum()) for p in network.parameters()) ** 2
    assert math.isclose(fisher_rao(folded(network), some, CPU), 9 * total / 10, rel_tol=1e-4)


def test_without_biases_it_is_the_identity_of_liang() -> None:
    """⟨w, ∇_w ℓ⟩ = d ⟨∂ℓ/∂f, f⟩ for d layers of ReLUs without biases (arXiv 1711.01530, theorem 3.1)."""
    network, some = two_layers(), batches(6, (12, 1, 1), 4)
    total = 0.0
    for images, labels in some:
        logits = network(images).detach()
        slopes = logits.softmax(1) - F.one_hot(labels, 4)
        total += float((2 * (slopes * logits).sum(1)).square().sum())
    assert math.isclose(fisher_rao(folded(network), some, CPU), 9 * total / 12, rel_tol=1e-4)
