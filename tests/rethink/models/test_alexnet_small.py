"""Small AlexNet: the paper's parameter count, the order of its layers and the places of dropout."""

import torch
from torch import nn

from rethink.models.alexnet_small import AlexNetSmall
from rethink.models.layers import LocalResponseNorm

MODULE = [nn.Conv2d, nn.ReLU, nn.MaxPool2d, LocalResponseNorm]
HIDDEN = [nn.Linear, nn.ReLU, nn.Dropout]


def test_parameters_are_the_papers():
    """Paper, Table 1, on 28×28×3 crops and 10 classes."""
    assert sum(p.numel() for p in AlexNetSmall((3, 28, 28), 10).parameters()) == 1_387_786


def test_layers_stand_in_the_papers_order():
    kinds = [type(layer) for layer in AlexNetSmall((3, 28, 28), 10, dropout=0.3)]
    assert kinds == [*MODULE, *MODULE, nn.Flatten, *HIDDEN, *HIDDEN, nn.Linear]


def test_normalization_is_the_tensorflow_tutorials():
    """tf.nn.lrn(x, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75), written out channel by channel."""
    x = torch.randn(2, 64, 3, 3) * 30
    channels = [x[:, max(0, c - 4) : c + 5].square().sum(1) for c in range(64)]
    expected = x / (1.0 + 0.001 / 9.0 * torch.stack(channels, 1)) ** 0.75
    norms = [layer for layer in AlexNetSmall((3, 28, 28), 10) if isinstance(layer, LocalResponseNorm)]
    assert len(norms) == 2
    for norm in norms:
        torch.testing.assert_close(norm(x), expected)
