"""MLPs: the paper's parameter counts and the places of dropout."""

import pytest
import torch
from torch import nn

from rethink import models
from rethink.models.mlp import MLP
from rethink.sweep.recipes import complete


@pytest.mark.parametrize(("hidden_layers", "published"), [(1, 1_209_866), (3, 1_735_178)])
def test_parameters_are_the_papers(hidden_layers, published):
    """Paper, Table 1, on 28×28×3 crops and 10 classes."""
    assert sum(p.numel() for p in MLP((3, 28, 28), 10, hidden_layers).parameters()) == published


def test_dropout_follows_each_hidden_relu():
    kinds = [type(layer) for layer in MLP((3, 4, 4), 10, hidden_layers=2, dropout=0.3)]
    hidden = [nn.Linear, nn.ReLU, nn.Dropout]
    assert kinds[1:] == [*hidden, *hidden, nn.Linear]  # after the flattening


def test_depth_and_width_are_those_of_the_hidden_layers():
    network = models.build_model(complete({"model": "mlp", "depth": 2, "width": 7}), (3, 4, 4), 10)
    shapes = [tuple(layer.weight.shape) for layer in network if isinstance(layer, nn.Linear)]
    assert shapes == [(7, 48), (7, 7), (10, 7)]


@pytest.mark.parametrize(("depth", "model"), [(1, "mlp_1x512"), (3, "mlp_3x512")])
def test_the_papers_networks_are_two_of_the_family(depth, model):
    def drawn(**fields):
        torch.manual_seed(0)
        return models.build_model(complete(fields), (3, 4, 4), 10).state_dict()

    ours, papers = drawn(model="mlp", depth=depth), drawn(model=model)
    assert ours.keys() == papers.keys()
    assert all(torch.equal(ours[name], papers[name]) for name in ours)
