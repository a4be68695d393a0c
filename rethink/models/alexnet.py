"""AlexNet (Krizhevsky, arXiv 1404.5997): torchvision's, trained from scratch, for ImageNet's 224 pixels."""

from torchvision.models import AlexNet

from rethink.errors import SpecError
from rethink.models.registry import InputShape, ModelEntry, register
from rethink.spec import TrialSpec

SMALLEST_IMAGE = 63  # pixels: below, a pooling has no input left


def _build(spec: TrialSpec, input_shape: InputShape, classes: int) -> AlexNet:
    """(N, 3, H, W) -> (N, classes) logits; dropout before both hidden layers. Initialization: torch's default."""
    if spec.image_size < SMALLEST_IMAGE:
        raise SpecError(f"image_size = {spec.image_size} is not allowed: alexnet needs {SMALLEST_IMAGE} or more")
    return AlexNet(classes, spec.dropout)


register(ModelEntry("alexnet", _build, learning_rate=0.01, channels_last=True, image_size=224))
