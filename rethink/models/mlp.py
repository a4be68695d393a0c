"""Multi-layer perceptrons: one and three hidden layers of 512 units (paper, appendix A), or any depth and width."""

import math

from torch import Tensor, nn

from rethink.models.layers import dropout_layers
from rethink.models.registry import InputShape
from rethink.spec import TrialSpec

HIDDEN_UNITS = 512


class MLP(nn.Sequential):
    """ReLU MLP: (N, C, H, W) -> (N, classes) logits; dropout after each hidden ReLU.

    Initialization: torch's default.
    """

    def __init__(
        self,
        input_shape: InputShape,
        classes: int,
        hidden_layers: int,
        hidden_units: int = HIDDEN_UNITS,
        dropout: float = 0.0,
    ) -> None:
        layers: list[nn.Module] = [_FlattenPixels()]
        units = math.prod(input_shape)
        for _ in range(hidden_layers):
            layers += [nn.Linear(units, hidden_units), nn.ReLU(inplace=True), *dropout_layers(dropout)]
            units = hidden_units
        super().__init__(*layers, nn.Linear(units, classes))


class _FlattenPixels(nn.Module):
    """(N, C, H, W) -> (N, H·W·C): the order in which loaders keep images in memory, so nothing is copied."""

    def forward(self, images: Tensor) -> Tensor:
        return images.permute(0, 2, 3, 1).flatten(1)


def build(spec: TrialSpec, input_shape: InputShape, classes: int) -> MLP:
    """`depth` hidden layers of `width` units."""
    assert spec.depth is not None, "ModelEntry.complete fills it"
    assert spec.width is not None, "ModelEntry.complete fills it"
    return MLP(input_shape, classes, spec.depth, spec.width, spec.dropout)


def build_1x512(spec: TrialSpec, input_shape: InputShape, classes: int) -> MLP:
    return MLP(input_shape, classes, hidden_layers=1, dropout=spec.dropout)


def build_3x512(spec: TrialSpec, input_shape: InputShape, classes: int) -> MLP:
    return MLP(input_shape, classes, hidden_layers=3, dropout=spec.dropout)
