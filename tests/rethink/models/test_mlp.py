"""MLPs: the paper's parameter counts and the places of dropout."""

import pytest
from torch import nn

from rethink.models.mlp import MLP


@pytest.mark.parametrize(("hidden_layers", "published"), [(1, 1_209_866), (3, 1_735_178)])
def test_parameters_are_the_papers(hidden_layers, published):
    """Paper, Table 1, on 28×28×3 crops and 10 classes."""
    assert sum(p.numel() for p in MLP((3, 28, 28), 10, hidden_layers).parameters()) == published


def test_dropout_follows_each_hidden_relu():
    kinds = [type(layer) for layer in MLP((3, 4, 4), 10, hidden_layers=2, dropout=0.3)]
    hidden = [nn.Linear, nn.ReLU, nn.Dropout]
    assert kinds[1:] == [*hidden, *hidden, nn.Linear]  # after the flattening
