"""Local response normalization across channels, fast on a CPU."""

import torch
from torch import Tensor, nn


class LocalResponseNorm(nn.Module):
    """y_c = x_c · (k + alpha / size · sum of x² over `size` channels around c)^(-3/4), (N, C, H, W) -> (N, C, H, W).

    Equal to nn.LocalResponseNorm with beta = 0.75 and an odd size, which pools in 3D over a copy in another layout.
    Here the sum over channels is one 1×1 convolution with a banded matrix, in any memory format.
    """

    band: Tensor  # (C, C, 1, 1)

    def __init__(self, channels: int, size: int, alpha: float, k: float) -> None:
        super().__init__()
        self.k = k
        index = torch.arange(channels)
        near = (index[:, None] - index[None, :]).abs() <= size // 2
        self.register_buffer("band", (near * (alpha / size))[:, :, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        root = torch.rsqrt(self.k + nn.functional.conv2d(x.square(), self.band))
        return x * (root * root.sqrt())  # d^(-3/4) = d^(-1/2) · d^(-1/4): two roots are faster than a power


def dropout_layers(probability: float) -> list[nn.Module]:
    """One nn.Dropout to splice into a Sequential, or nothing for probability 0."""
    return [nn.Dropout(probability)] if probability > 0 else []
