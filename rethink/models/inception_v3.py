"""Inception V3 (Szegedy et al., arXiv 1512.00567) for the paper's ImageNet runs: torchvision's, from scratch."""

from functools import partial
from typing import Any

from torch import nn
from torchvision.models import inception

from rethink.models.built_in import INCEPTION_V3_WIDTH
from rethink.models.registry import InputShape
from rethink.spec import TrialSpec

DEFAULT_DEVIATION = 0.1  # of torchvision's initial weights, where a layer names none


class InceptionV3(inception.Inception3):
    """(N, 3, H, W) -> (N, classes) logits; in training mode (logits, auxiliary logits). Dropout before the last layer.

    `width` sixteenths of the published channels: 16 is torchvision's network, weight for weight. Initialization:
    torchvision's, truncated normal.
    """

    def __init__(self, classes: int, width: int = INCEPTION_V3_WIDTH, dropout: float = 0.0) -> None:
        super().__init__(
            classes, transform_input=False, inception_blocks=_blocks(width), init_weights=False, dropout=dropout
        )
        self.fc = nn.Linear(2048 * width // INCEPTION_V3_WIDTH, classes)
        self.AuxLogits.fc = _with_deviation(nn.Linear(768 * width // INCEPTION_V3_WIDTH, classes), 0.001)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                deviation = float(getattr(layer, "stddev", DEFAULT_DEVIATION))
                nn.init.trunc_normal_(layer.weight, std=deviation, a=-2, b=2)


def _blocks(width: int) -> list[Any]:
    """The seven kinds of module that torchvision's network is built from, each with this share of its channels."""

    def convolution(inputs: int, outputs: int, **settings: Any) -> Any:
        narrow_inputs = inputs if inputs == 3 else inputs * width // INCEPTION_V3_WIDTH
        return inception.BasicConv2d(narrow_inputs, outputs * width // INCEPTION_V3_WIDTH, **settings)

    kinds = (
        inception.InceptionA,
        inception.InceptionB,
        inception.InceptionC,
        inception.InceptionD,
        inception.InceptionE,
        inception.InceptionAux,
    )
    return [convolution, *(partial(kind, conv_block=convolution) for kind in kinds)]


def _with_deviation(layer: nn.Linear, deviation: float) -> nn.Linear:
    layer.stddev = deviation  # type: ignore[assignment]  # torchvision's way to name it
    return layer


def build(spec: TrialSpec, input_shape: InputShape, classes: int) -> InceptionV3:
    assert spec.width is not None, "ModelEntry.complete fills it"
    return InceptionV3(classes, spec.width, spec.dropout)
