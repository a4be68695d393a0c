"""Wide residual networks (Zagoruyko and Komodakis, arXiv 1605.07146)."""

from torch import Tensor, nn

from rethink.models.layers import dropout_layers
from rethink.models.registry import InputShape
from rethink.spec import TrialSpec


class WideResNet(nn.Sequential):
    """WRN-depth-width: (N, C, H, W) -> (N, classes) logits; dropout between the convolutions of a block.

    The depth is 6n + 4. Downsamples twice with padding 1, so no image is too small.
    """

    def __init__(self, channels: int, classes: int, depth: int, width: int, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = [_conv3x3(channels, 16)]
        inputs = 16
        for filters, stride in ((16 * width, 1), (32 * width, 2), (64 * width, 2)):
            for block in range((depth - 4) // 6):
                layers.append(Block(inputs, filters, stride if block == 0 else 1, dropout))
                inputs = filters
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)]
        super().__init__(*layers, *_norm_relu(inputs), *head)
        _initialize(self)


class Block(nn.Module):
    """Pre-activated residual block: (N, inputs, H, W) -> (N, filters, ⌈H/stride⌉, ⌈W/stride⌉)."""

    def __init__(self, inputs: int, filters: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.activation = nn.Sequential(*_norm_relu(inputs))
        self.residual = nn.Sequential(
            _conv3x3(inputs, filters, stride),
            *_norm_relu(filters),
            *dropout_layers(dropout),
            _conv3x3(filters, filters),
        )
        self.shortcut = nn.Conv2d(inputs, filters, 1, stride, bias=False) if inputs != filters else None

    def forward(self, x: Tensor) -> Tensor:
        activated = self.activation(x)
        # As in the authors' code, a projection sees the activated input, an identity the raw one.
        skipped = x if self.shortcut is None else self.shortcut(activated)
        return self.residual(activated) + skipped  # type: ignore[no-any-return]


def _conv3x3(inputs: int, filters: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, filters, 3, stride, padding=1, bias=False)


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _initialize(model: nn.Module) -> None:
    """As the authors' code: He et al. (arXiv 1502.01852) over the outputs, no bias in the last layer at the start."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


def build(spec: TrialSpec, input_shape: InputShape, classes: int) -> WideResNet:
    assert spec.depth is not None, "ModelEntry.complete fills it"
    assert spec.width is not None, "ModelEntry.complete fills it"
    return WideResNet(input_shape[0], classes, spec.depth, spec.width, spec.dropout)
