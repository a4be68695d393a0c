"""Inception V3: torchvision's network, whole or narrow."""

import pytest
import torch
import torchvision
from torch import nn

from rethink.errors import SpecError
from rethink.models.inception_v3 import InceptionV3
from rethink.sweep.recipes import complete

PUBLISHED_PARAMETERS = 27_161_264  # torchvision's, 1,000 classes, auxiliary classifier included


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def test_the_full_width_is_torchvisions_network_weight_for_weight() -> None:
    with torch.device("meta"):
        ours, theirs = InceptionV3(1000), torchvision.models.inception_v3(weights=None, init_weights=False)
    assert shapes(ours) == shapes(theirs)
    assert sum(parameter.numel() for parameter in ours.parameters()) == PUBLISHED_PARAMETERS


@pytest.mark.slow
def test_the_same_weights_give_torchvisions_logits() -> None:
    torch.manual_seed(0)
    ours, theirs = InceptionV3(7), torchvision.models.inception_v3(weights=None, init_weights=False, num_classes=7)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 3, 299, 299, generator=torch.Generator().manual_seed(1))
    assert torch.equal(ours.eval()(images), theirs.eval()(images))


@pytest.mark.parametrize("width", [1, 3, 8])
def test_a_narrow_network_has_that_share_of_every_layer(width: int) -> None:
    with torch.device("meta"):
        narrow, whole = shapes(InceptionV3(1000, width)), shapes(InceptionV3(1000))
    assert narrow.keys() == whole.keys()
    for name, shape in whole.items():
        kept = [side if side in (1, 3, 5, 7, 1000) else side * width // 16 for side in shape]
        assert narrow[name] == tuple(kept), name


def test_initial_weights_are_drawn_as_torchvisions_are() -> None:
    torch.manual_seed(0)
    ours, theirs = InceptionV3(1000), torchvision.models.inception_v3(weights=None, init_weights=True)
    drawn = dict(theirs.named_parameters())
    for name, weight in ours.named_parameters():
        if weight.numel() > 10_000:
            assert weight.mean().item() == pytest.approx(0, abs=0.05 * weight.std().item()), name
            assert weight.std().item() == pytest.approx(drawn[name].std().item(), rel=0.05), name


def test_the_auxiliary_classifier_speaks_in_training_only() -> None:
    network, images = InceptionV3(4, 1), torch.randn(2, 3, 299, 299)
    logits, auxiliary = network(images)
    assert logits.shape == auxiliary.shape == (2, 4)
    assert network.eval()(images).shape == (2, 4)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"width": 17}, "width = 17 is not allowed: inception_v3 needs 1 to 16"),
        ({"image_size": 298}, "image_size = 298 is not allowed: inception_v3 needs 299 or more"),
    ],
)
def test_what_it_cannot_be_is_refused(fields: dict[str, int], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        complete({"dataset": "imagenet", "model": "inception_v3", **fields})
