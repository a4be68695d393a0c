"""AlexNet (Krizhevsky, arXiv 1404.5997): torchvision's, trained from scratch, for ImageNet's 224 pixels."""

from torchvision.models import AlexNet

from rethink.models.registry import InputShape
from rethink.spec import TrialSpec


def build(spec: TrialSpec, input_shape: InputShape, classes: int) -> AlexNet:
    """(N, 3, H, W) -> (N, classes) logits; dropout before both hidden layers. Initialization: torch's default."""
    return AlexNet(classes, spec.dropout)
