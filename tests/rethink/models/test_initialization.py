"""Initial weights: the distributions of their papers, in the models that use them."""

import math

import pytest
import torch
from scipy.stats import kstest
from torch import nn

from rethink.models.alexnet_small import AlexNetSmall
from rethink.models.inception_small import InceptionSmall


def layers_of(model):
    return [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def test_alexnets_weights_fill_the_interval_of_glorot_and_bengio():
    """Equation 16: uniform within ± sqrt(6 / (fan in + fan out)); biases start at zero."""
    torch.manual_seed(0)
    for layer in layers_of(AlexNetSmall((3, 28, 28), 10)):
        receptive = layer.weight[0, 0].numel()
        bound = math.sqrt(6 / (receptive * (layer.weight.shape[0] + layer.weight.shape[1])))
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert not layer.bias.any()


@pytest.mark.parametrize("batch_norm", [True, False])
def test_inceptions_weights_have_the_variance_of_he_et_al(batch_norm):
    """Equation 10: normal, of variance 2 / fan in; biases start at zero."""
    torch.manual_seed(0)
    for layer in layers_of(InceptionSmall(3, 10, batch_norm)):
        fan_in = layer.weight[0].numel()
        normalized = layer.weight.detach().flatten() / math.sqrt(2 / fan_in)
        assert normalized.std().item() == pytest.approx(1, abs=4 / math.sqrt(2 * normalized.numel()))
        assert kstest(normalized.numpy(), "norm").pvalue > 1e-4
        assert not layer.bias.any()


def test_activations_neither_vanish_nor_explode_through_inception_without_batch_norm():
    torch.manual_seed(0)
    logits = InceptionSmall(3, 10, batch_norm=False)(torch.randn(16, 3, 28, 28))
    assert 0.1 < logits.std().item() < 10
