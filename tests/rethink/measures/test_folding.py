"""Folding BatchNorm into layers leaves the function as it is, and hides a rescaled layer from every norm."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from rethink.measures.folding import ChannelScale, NotMeasurable, fold
from rethink.measures.norms import weight_measures
from rethink.spec import TrialSpec
from rethink.training.network import initialized_network
from tests.rethink.measures.networks import PRODUCT, folded, product_network, two_layers, with_moved_statistics

SIDE = 16
SHAPE = (3, SIDE, SIDE)


@pytest.mark.parametrize("name", PRODUCT)
def test_the_function_stays(name: str) -> None:
    network = product_network(name)
    images = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = fold(network, SHAPE).network(images)
    with torch.no_grad():
        theirs = copy.deepcopy(network).double().eval()(images)
    torch.testing.assert_close(ours.detach(), theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", PRODUCT)
def test_every_layer_is_there_once_and_batch_norm_only_where_it_cannot_be_folded(name: str) -> None:
    network = product_network(name)
    layers = fold(network, SHAPE).layers
    linear = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    own = [layer for layer in layers if not isinstance(layer.module, ChannelScale)]
    assert sorted(layer.weight.numel() for layer in own) == sorted(module.weight.numel() for module in linear)
    # In a block, the BatchNorm between the convolutions folds. The one before them, and the last, see a sum; but the
    # first block of a wider network sees the first convolution, which its shortcut sees normalized.
    kept = {"wide_resnet": 4, "wide_resnet, wider": 3}
    assert len(layers) - len(own) == kept.get(name, 0)


@pytest.mark.slow
def test_inception_v3_folds_without_its_auxiliary_classifier() -> None:
    spec = TrialSpec(dataset="x", image_size=299, model="inception_v3", width=1, learning_rate=0.1)
    shape = (3, 299, 299)
    network = with_moved_statistics(initialized_network(spec, shape, 10, torch.device("cpu"))).double()
    ours, images = fold(network, shape), torch.randn(1, *shape, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours.network(images), network(images), rtol=1e-8, atol=1e-8)
    used = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    assert len(ours.layers) == sum(not name.startswith("AuxLogits") for name in used) == 95


def test_a_network_is_left_as_it_was() -> None:
    network = product_network("inception_small").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fold(network, SHAPE)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_grid_of_a_layer_is_what_it_sees() -> None:
    layers = fold(product_network("alexnet_small"), SHAPE).layers
    assert [layer.grid for layer in layers] == [(16, 16), (8, 8), (1, 1), (1, 1), (1, 1)]


class _Skipped(nn.Module):
    """What its convolution gives is normalized, and used as it is too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return (self.norm(y) + y).mean((2, 3))


class _Rectified(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x).relu_()).mean((2, 3))


@pytest.mark.parametrize("network", [_Skipped(), _Rectified()], ids=["used twice", "changed in place"])
def test_a_batch_norm_stays_where_it_sees_more_than_one_layer_gives(network: nn.Module) -> None:
    with_moved_statistics(network)
    ours = fold(network, SHAPE)
    assert [type(layer.module) for layer in ours.layers] == [nn.Conv2d, ChannelScale]
    images = torch.randn(2, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(ours.network(images), network.double()(images))


def test_a_rescaled_layer_before_a_batch_norm_changes_no_measure() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network.append(nn.Linear(4, 2)).double()
    initial = fold(copy.deepcopy(network), SHAPE)
    nn.init.normal_(network[0].weight)
    scaled = copy.deepcopy(network)
    with torch.no_grad():  # ten times the weights, and the statistics that training would have found
        for tensor, factor in ((scaled[0].weight, 10), (scaled[0].bias, 10), (scaled[1].running_mean, 10)):
            tensor.mul_(factor)
        scaled[1].running_var.add_(scaled[1].eps).mul_(100).sub_(scaled[1].eps)
    ours, theirs = (weight_measures(fold(one, SHAPE), initial, SHAPE) for one in (network, scaled))
    assert {name for name in ours if not math.isclose(ours[name], theirs[name], rel_tol=1e-9)} == set()


class _Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x.flatten(1)))


def _not_finite() -> nn.Module:
    network = two_layers()
    nn.init.constant_(network[1].weight, math.inf)
    return network


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.LayerNorm(8)), r"its 2 \(LayerNorm\) has weights that no"),
        (_Shared(), "its layer is used 2 times for one image"),
        (nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), "it cannot be computed in float64"),
        (_not_finite(), "its weights are not finite"),
    ],
)
def test_other_networks_are_named(network: nn.Module, problem: str) -> None:
    with pytest.raises(NotMeasurable, match=problem):
        folded(network)


def test_a_batch_norm_without_statistics_is_named() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten())
    with pytest.raises(NotMeasurable, match="its 1 keeps no running mean and variance"):
        fold(network, SHAPE)
