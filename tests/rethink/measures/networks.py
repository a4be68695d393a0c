"""Small networks whose measures can be computed by hand, and the networks of the product with moved statistics."""

import torch
from torch import Tensor, nn

from rethink.measures.folding import FoldedNetwork, fold
from rethink.spec import TrialSpec
from rethink.training.network import initialized_network

# Every kind of layer of the product: plain, branches, BatchNorm with and without weights, residual.
PRODUCT = {
    "mlp_1x512": {},
    "mlp_3x512": {},
    "alexnet_small": {},
    "inception_small": {"batch_norm": True},
    "inception_small, plain": {"batch_norm": False},
    "wide_resnet": {"depth": 10, "width": 1},
    "wide_resnet, wider": {"depth": 10, "width": 2},
}


def two_layers(inputs: int = 12, units: int = 7, classes: int = 4, bias: bool = False, seed: int = 0) -> nn.Sequential:
    """A network of (inputs, 1, 1) images."""
    torch.manual_seed(seed)
    layers = [nn.Linear(inputs, units, bias=bias), nn.ReLU(), nn.Linear(units, classes, bias=bias)]
    return nn.Sequential(nn.Flatten(), *layers)


def matrices(network: nn.Module) -> list[Tensor]:
    return [module.weight.detach().double() for module in network.modules() if isinstance(module, nn.Linear)]


def folded(network: nn.Module, inputs: int = 12) -> FoldedNetwork:
    return fold(network, (inputs, 1, 1))


def product_network(name: str, seed: int = 0, side: int = 16) -> nn.Module:
    """A network of the product, its BatchNorms with statistics and weights as training leaves them."""
    spec = TrialSpec(
        dataset="x", image_size=side, model=name.split(",")[0], learning_rate=0.1, seed=seed, **PRODUCT[name]
    )
    network = initialized_network(spec, (3, side, side), 10, torch.device("cpu"))
    return with_moved_statistics(network)


def with_moved_statistics(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features)
            module.running_var = torch.rand(module.num_features) + 0.1
            if module.affine:
                nn.init.normal_(module.weight, 0.5)  # some below 0
                nn.init.normal_(module.bias)
    return network.eval()
