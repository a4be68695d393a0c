"""The paper's small AlexNet (appendix A): two conv-pool-LRN modules and two hidden layers."""

import math

from torch import nn

from rethink.models.initialization import initialize_glorot
from rethink.models.layers import LocalResponseNorm, dropout_layers
from rethink.models.registry import InputShape
from rethink.spec import TrialSpec

CHANNELS = 64


class AlexNetSmall(nn.Sequential):
    """(N, C, H, W) -> (N, classes) logits; dropout after both hidden ReLUs.

    Poolings are same-padded, 28 -> 14 -> 7, as the paper's parameter count implies; so no image is too small.
    """

    def __init__(self, input_shape: InputShape, classes: int, dropout: float = 0.0) -> None:
        channels, height, width = input_shape
        super().__init__(
            *_module(channels),
            *_module(CHANNELS),
            nn.Flatten(),
            *_hidden(CHANNELS * math.ceil(height / 4) * math.ceil(width / 4), 384, dropout),
            *_hidden(384, 192, dropout),
            nn.Linear(192, classes),
        )
        initialize_glorot(self)


def _module(channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, CHANNELS, kernel_size=5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        # The paper names no constants. These are the TensorFlow CIFAR-10 tutorial's, whose network this one is
        # (64, 64, 384, 192): tf.nn.lrn(depth_radius=4, bias=1.0, alpha=0.001 / 9, beta=0.75) with alpha per term.
        LocalResponseNorm(CHANNELS, size=9, alpha=0.001, k=1.0),
    ]


def _hidden(inputs: int, units: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(inputs, units), nn.ReLU(inplace=True), *dropout_layers(dropout)]


def build(spec: TrialSpec, input_shape: InputShape, classes: int) -> AlexNetSmall:
    return AlexNetSmall(input_shape, classes, spec.dropout)
