"""Pixel corruption (paper, section 2): a pure function of (corruption seed, split, sample index).

Shuffled pixels: one permutation of the positions for every image of train and test. Random pixels: a permutation of
its own for every image. Gaussian: every image is noise with the training set's mean and variance, channel by channel.
A permutation moves the channels of a pixel together. The whole stored image is corrupted, before any crop, so that
the corrupted data set is the same whatever the network sees of it.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from rethink.kernel import kernel
from rethink.randomness.counter import mix64
from rethink.randomness.streams import key64, raw_draws

_POSITIONS, _SPLITS = 1, {"train": 2, "test": 3}  # keys of the draws
NOISE_UNIT = 32  # noise is kept in 1/32 of a grey level, signed: bytes would clip its tails, and so change its moments
_QUANTILES = 2**16

_mix64 = numba.njit(mix64, inline="always")


@dataclass(frozen=True, eq=False)
class PixelCorruption:
    """The pixel corruption of one split. `table`: the permutation (H·W,) or the noise's quantiles (6, 65536)."""

    kind: str
    key: np.uint64
    table: npt.NDArray[Any]

    @property
    def unit(self) -> int:
        """How many integer steps of the corrupted images make one grey level."""
        return NOISE_UNIT if self.kind == "gaussian" else 1

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Of the corrupted images."""
        return np.dtype(np.int16 if self.kind == "gaussian" else np.uint8)

    def apply(self, images: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64], out: npt.NDArray[Any]) -> None:
        """Write the corrupted images to `out` (n, H, W, 3), of `dtype`; `indices` (n,) are theirs in the data set."""
        if self.kind == "shuffled_pixels":
            _shuffle(images, out, self.table)
        elif self.kind == "random_pixels":
            _permute_each(images, indices, out, self.key)
        elif self.kind == "gaussian":
            _fill_with_noise(indices, out, self.key, self.table)
        else:
            out[:] = images

    def picture(self, images: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The corrupted images (n, H, W, 3) for looking at: noise rounded and clipped to bytes."""
        corrupted = np.empty(images.shape, self.dtype)
        self.apply(images, indices, corrupted)
        return np.clip(np.rint(corrupted / self.unit), 0, 255).astype(np.uint8)


def pixel_corruption(
    kind: str,
    corruption_seed: int,
    split: str,
    size: tuple[int, int],
    train_mean: tuple[float, ...],
    train_std: tuple[float, ...],
) -> PixelCorruption:
    """The corruption of "train" or "test" images of (height, width); mean and std are the training set's, 0-255."""
    if kind == "shuffled_pixels":
        draws = raw_draws(size[0] * size[1], "pixel_corruption", corruption_seed, _POSITIONS)
        table: npt.NDArray[Any] = np.argsort(draws, kind="stable")
    elif kind == "gaussian":
        table = _noise_quantiles(train_mean, train_std)
    else:
        table = np.zeros(0, np.int64)
    return PixelCorruption(kind, np.uint64(key64("pixel_corruption", corruption_seed, _SPLITS[split])), table)


def _noise_quantiles(mean: tuple[float, ...], std: tuple[float, ...]) -> npt.NDArray[np.int16]:
    """The normal distribution of each channel as 65,536 equally likely values: (6, 65536), the channels twice."""
    normal = NormalDist()
    z = np.array([normal.inv_cdf((i + 0.5) / _QUANTILES) for i in range(_QUANTILES)])
    z /= z.std()  # the tails beyond the table are some 1e-5 of the variance
    values = np.rint(NOISE_UNIT * (np.array(mean)[:, None] + np.array(std)[:, None] * z))
    return np.concatenate([values, values]).astype(np.int16)


@kernel
def _shuffle(images, out, permutation):  # type: ignore[no-untyped-def]
    """Pixel k of every result is pixel permutation[k] of its image; all (n, H, W, 3) uint8."""
    n, size = images.shape[0], permutation.shape[0]
    pixels, result = images.reshape(n, size, 3), out.reshape(n, size, 3)
    for i in range(n):
        for k in range(size):
            source = permutation[k]
            result[i, k, 0] = pixels[i, source, 0]
            result[i, k, 1] = pixels[i, source, 1]
            result[i, k, 2] = pixels[i, source, 2]


@kernel
def _permute_each(images, indices, out, key):  # type: ignore[no-untyped-def]
    """Fisher and Yates's shuffle of every image's pixels, inside out; all (n, H, W, 3) uint8.

    Pixel k goes to place j ≤ k and what was there to place k; j comes from half k % 2 of the image's hash k // 2.
    """
    n, size = images.shape[0], images.shape[1] * images.shape[2]
    pixels, result = images.reshape(n, size, 3), out.reshape(n, size, 3)
    packed = np.empty(size, np.uint32)  # a pixel packed in one number moves in one step
    low = np.uint64(0xFFFFFFFF)
    for i in range(n):
        start = _mix64(_mix64(np.uint64(indices[i])) ^ key)
        draws = np.uint64(0)
        for k in range(size):
            draws = _mix64(start + np.uint64(k // 2)) if k % 2 == 0 else draws >> np.uint64(32)
            j = ((draws & low) * np.uint64(k + 1)) >> np.uint64(32)
            red, green, blue = pixels[i, k, 0], pixels[i, k, 1], pixels[i, k, 2]
            packed[k] = packed[j]
            packed[j] = np.uint32(red) | np.uint32(green) << np.uint32(8) | np.uint32(blue) << np.uint32(16)
        for k in range(size):
            result[i, k, 0] = np.uint8(packed[k] & np.uint32(255))
            result[i, k, 1] = np.uint8(packed[k] >> np.uint32(8) & np.uint32(255))
            result[i, k, 2] = np.uint8(packed[k] >> np.uint32(16))


@kernel
def _fill_with_noise(indices, out, key, quantiles):  # type: ignore[no-untyped-def]
    """Independent draws, out (n, H, W, 3) int16: value v comes from quarter v % 4 of the image's hash v // 4."""
    n, size = out.shape[0], out.shape[1] * out.shape[2] * 3
    result = out.reshape(n, size)
    sixteen, mask = np.uint64(16), np.uint64(0xFFFF)
    for i in range(n):
        start = _mix64(_mix64(np.uint64(indices[i])) ^ key)
        channel = 0  # of value 4 · h; three more than a channel is the same channel in the table
        for h in range(size // 4):
            draws = _mix64(start + np.uint64(h))
            result[i, 4 * h] = quantiles[channel, draws & mask]
            result[i, 4 * h + 1] = quantiles[channel + 1, draws >> sixteen & mask]
            result[i, 4 * h + 2] = quantiles[channel + 2, draws >> np.uint64(32) & mask]
            result[i, 4 * h + 3] = quantiles[channel + 3, draws >> np.uint64(48)]
            channel = channel + 1 if channel < 2 else 0
        draws = _mix64(start + np.uint64(size // 4))
        for v in range(size - size % 4, size):
            result[i, v] = quantiles[v % 3, draws & mask]
            draws = draws >> sixteen
