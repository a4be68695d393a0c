"""Glorot initialization: the bound of its paper, and the models that use it."""

import math

import pytest
import torch
from torch import nn

from rethink.models.alexnet_small import AlexNetSmall
from rethink.models.inception_small import InceptionSmall


@pytest.mark.parametrize("build", [lambda: AlexNetSmall((3, 28, 28), 10), lambda: InceptionSmall(3, 10)])
def test_weights_fill_the_interval_of_glorot_and_bengio(build):
    """Equation 16: uniform within ± sqrt(6 / (fan in + fan out)); biases start at zero."""
    torch.manual_seed(0)
    for layer in (m for m in build().modules() if isinstance(m, nn.Conv2d | nn.Linear)):
        receptive = layer.weight[0, 0].numel()
        bound = math.sqrt(6 / (receptive * (layer.weight.shape[0] + layer.weight.shape[1])))
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert not layer.bias.any()
