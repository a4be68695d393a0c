"""What measures that pass over training images read."""

from collections.abc import Iterable

import torch

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]  # images (n, C, H, W) float32, labels (n,) int64
