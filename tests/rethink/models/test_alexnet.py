"""AlexNet for ImageNet is torchvision's."""

import pytest
import torch
import torchvision

from rethink import models
from rethink.errors import SpecError
from rethink.sweep.recipes import complete


def test_it_is_torchvisions_network_with_the_published_number_of_parameters() -> None:
    spec = complete({"dataset": "imagenet", "model": "alexnet", "dropout": 0.5})
    assert spec.image_size == 224
    with torch.device("meta"):
        ours, theirs = models.build_model(spec, (3, 224, 224), 1000), torchvision.models.alexnet(weights=None)
    assert str(ours) == str(theirs)
    assert sum(parameter.numel() for parameter in ours.parameters()) == 61_100_840


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(SpecError, match="image_size = 62 is not allowed: alexnet needs 63 or more"):
        complete({"dataset": "imagenet", "model": "alexnet", "image_size": 62})
