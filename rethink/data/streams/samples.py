"""Samples: what training and evaluation read, wherever the images lie."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from rethink.data.streams.augmentation import Augmentation


class Batch(NamedTuple):
    """n samples. `images` and `labels` are valid until the next batch is requested, as their memory is used again."""

    images: torch.Tensor  # (n, 3, side, side) float32, channels-last strides
    labels: torch.Tensor  # (n,) int64
    indices: npt.NDArray[np.int64]  # (n,) in the data set


class Samples(Protocol):
    """The samples of a split as a trial sees them."""

    true_labels: npt.NDArray[np.int64]  # (N,), of the whole split

    def batches(
        self, order: npt.NDArray[np.int64], batch_size: int, augmentation: Augmentation | None = None
    ) -> Iterator[Batch]:
        """The samples of `order`, in that order, all of them, unaugmented by default; the last batch may be smaller.

        The tensors lie on whatever device the samples do. Raises IndexError at once for an index that is not one of
        them.
        """
        ...


def check_order(order: npt.NDArray[np.int64], samples: int) -> None:
    """Raise IndexError unless `order` is a non-empty 1-d int64 array of indices below `samples`.

    FFCV would read outside the file: wrong labels, or a crash.
    """
    if order.ndim != 1 or order.dtype != np.int64 or not order.size:
        raise IndexError(f"an order is a non-empty 1-d int64 array, not {order.dtype} of shape {order.shape}")
    if order.min() < 0 or order.max() >= samples:
        raise IndexError(f"indices from {order.min()} to {order.max()} do not fit {samples} samples")
