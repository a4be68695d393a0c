"""Small Inception: the paper's parameter count, with and without BatchNorm, and its stages."""

import pytest
import torch
from torch import nn

from rethink.models.inception_small import Downsample, Inception, InceptionSmall


@pytest.mark.parametrize("batch_norm", [True, False])
def test_parameters_are_the_papers(batch_norm):
    """Paper, Table 1, on 28×28×3 crops and 10 classes; the table has the same number without BatchNorm."""
    assert sum(p.numel() for p in InceptionSmall(3, 10, batch_norm).parameters()) == 1_649_402


@pytest.mark.parametrize(("batch_norm", "norms"), [(True, 19), (False, 0)])
def test_batch_norm_stands_between_every_convolution_and_its_relu(batch_norm, norms):
    kinds = [type(module) for module in InceptionSmall(3, 10, batch_norm).modules()]
    convolutions = [i for i, kind in enumerate(kinds) if kind is nn.Conv2d]
    assert len(convolutions) == 19
    assert kinds.count(nn.BatchNorm2d) == norms
    follower = [nn.BatchNorm2d, nn.ReLU] if batch_norm else [nn.ReLU]
    assert all(kinds[i + 1 : i + 1 + len(follower)] == follower for i in convolutions)


def test_stages_have_the_shapes_of_figure_3():
    stages, x = [], torch.zeros(2, 3, 28, 28)
    for layer in InceptionSmall(3, 10):
        x = layer(x)
        if isinstance(layer, Inception | Downsample):
            stages.append((x.shape[1], x.shape[2]))
    assert stages == [
        (64, 28), (80, 28), (160, 14), (160, 14), (160, 14), (160, 14), (144, 14), (240, 7), (336, 7), (336, 7)
    ]  # fmt: skip


def test_dropout_stands_before_the_last_layer():
    layers = list(InceptionSmall(3, 10, dropout=0.3))
    assert [type(layer) for layer in layers[-2:]] == [nn.Dropout, nn.Linear]
    assert sum(isinstance(module, nn.Dropout) for layer in layers for module in layer.modules()) == 1
