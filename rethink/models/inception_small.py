"""The paper's small Inception (Figure 3), with and without BatchNorm."""

import torch
from torch import Tensor, nn

from rethink.models.initialization import initialize_he
from rethink.models.layers import dropout_layers
from rethink.models.registry import InputShape
from rethink.spec import TrialSpec


class InceptionSmall(nn.Sequential):
    """(N, C, H, W) -> (N, classes) logits; dropout before the last layer.

    Every convolution and pooling is same-padded, 28 -> 14 -> 7, so no image is too small.
    """

    def __init__(self, channels: int, classes: int, batch_norm: bool = True, dropout: float = 0.0) -> None:
        super().__init__(
            _conv(channels, 96, 3, batch_norm),
            Inception(96, 32, 32, batch_norm),
            Inception(64, 32, 48, batch_norm),
            Downsample(80, 80, batch_norm),
            Inception(160, 112, 48, batch_norm),
            Inception(160, 96, 64, batch_norm),
            Inception(160, 80, 80, batch_norm),
            Inception(160, 48, 96, batch_norm),
            Downsample(144, 96, batch_norm),
            Inception(240, 176, 160, batch_norm),
            Inception(336, 176, 160, batch_norm),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            *dropout_layers(dropout),
            nn.Linear(336, classes),
        )
        initialize_he(self)


class Inception(nn.Module):
    """1×1 and 3×3 convolutions side by side: (N, inputs, H, W) -> (N, narrow + wide, H, W)."""

    def __init__(self, inputs: int, narrow: int, wide: int, batch_norm: bool) -> None:
        super().__init__()
        self.narrow = _conv(inputs, narrow, 1, batch_norm)
        self.wide = _conv(inputs, wide, 3, batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.narrow(x), self.wide(x)), dim=1)


class Downsample(nn.Module):
    """3×3 convolution and max pooling of stride 2 side by side: (N, C, H, W) -> (N, filters + C, ⌈H/2⌉, ⌈W/2⌉)."""

    def __init__(self, inputs: int, filters: int, batch_norm: bool) -> None:
        super().__init__()
        self.conv = _conv(inputs, filters, 3, batch_norm, stride=2)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.conv(x), self.pool(x)), dim=1)


def _conv(inputs: int, filters: int, size: int, batch_norm: bool, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, filters, size, stride, padding=size // 2)
    norm = [nn.BatchNorm2d(filters, affine=False)] if batch_norm else []
    return nn.Sequential(conv, *norm, nn.ReLU(inplace=True))


def build(spec: TrialSpec, input_shape: InputShape, classes: int) -> InceptionSmall:
    assert spec.batch_norm is not None, "ModelEntry.complete fills it"
    return InceptionSmall(input_shape[0], classes, spec.batch_norm, spec.dropout)
