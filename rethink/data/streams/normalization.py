"""Normalization: the scale in which the network sees pixels. Integers -> float32, the same on every processor."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rethink.kernel import kernel

# Black at −mean/std, white at (1 − mean)/std, by channel: (mean, std).
SCALES = {
    "imagenet": (np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])),  # torchvision's
    "unit": (np.full(3, 0.5), np.full(3, 0.5)),
}


def normalize(kind: str, images: npt.NDArray[Any], out: npt.NDArray[np.float32], unit: int) -> None:
    """Write images (n, H, W, 3), `unit` of whose integers make a grey level, to `out` of that shape.

    per_image: mean 0 and variance 1 in each image (paper, appendix A: (x − mean) / max(std, 1/√size)); imagenet:
    (x/255 − mean) / std; unit: x/127.5 − 1.
    """
    if kind == "per_image":
        _standardize(images, out, unit)
        return
    mean, std = SCALES[kind]
    white, columns = 255 * unit, images.shape[2]
    _shift_and_scale(images, out, np.tile(white * mean, columns), np.tile(1 / (white * std), columns))


def normalize_on_device(kind: str, images: torch.Tensor, unit: int) -> torch.Tensor:
    """What `normalize` gives, bit for bit, of images (n, H, W, 3) on any device whose float64 is IEEE 754's."""
    values = images.double()
    if kind == "per_image":
        whole, size = images.long().flatten(1), images[0].numel()
        mean = whole.sum(1).double() / size
        variance = (whole * whole).sum(1).double() / size - mean * mean
        scale = 1.0 / variance.clamp(min=unit * unit / size).sqrt()
        return ((values - mean[:, None, None, None]) * scale[:, None, None, None]).float()
    mean, std = (torch.from_numpy(moment).to(images.device) for moment in SCALES[kind])
    white = 255 * unit
    return ((values - white * mean) * (1 / (white * std))).float()


@kernel
def _shift_and_scale(images, out, shift, scale):  # type: ignore[no-untyped-def]
    """(n, H, W, 3) integers -> float32, each pixel by itself in float64; shift and scale (W · 3,) are of a row."""
    rows, size = images.shape[0] * images.shape[1], images.shape[2] * 3
    pixels, result = images.reshape(rows, size), out.reshape(rows, size)
    for row in range(rows):
        for k in range(size):
            result[row, k] = np.float32((np.float64(pixels[row, k]) - shift[k]) * scale[k])


@kernel
def _standardize(images, out, unit):  # type: ignore[no-untyped-def]
    """(n, H, W, C) integers, `unit` of which make a grey level, -> float32 of mean 0 and variance 1 per image."""
    n, height = images.shape[0], images.shape[1]
    row_size = images.shape[2] * images.shape[3]
    rows, result = images.reshape(n, height, row_size), out.reshape(n, height * row_size)
    for i in range(n):
        mean, scale = _mean_and_scale(rows[i], unit)
        pixels = rows[i].reshape(height * row_size)
        for k in range(height * row_size):
            result[i, k] = np.float32((np.float64(pixels[k]) - mean) * scale)


@kernel
def measure(images, unit, moments):  # type: ignore[no-untyped-def]
    """Mean and scale by which `normalize` makes each of the images (n, H, W, 3) "per_image": moments (n, 2)."""
    rows = images.reshape(images.shape[0], images.shape[1], images.shape[2] * 3)
    for i in range(images.shape[0]):
        moments[i, 0], moments[i, 1] = _mean_and_scale(rows[i], unit)


@kernel
def standardize_at(images, positions, moments, out):  # type: ignore[no-untyped-def]
    """What `normalize` makes "per_image" of the images (N, H, W, 3) at `positions` (n,), of these `moments`."""
    size = images.shape[1] * images.shape[2] * 3
    pixels, result = images.reshape(images.shape[0], size), out.reshape(out.shape[0], size)
    for i in range(out.shape[0]):
        image, line = pixels[positions[i]], result[i]
        mean, scale = moments[positions[i], 0], moments[positions[i], 1]
        for k in range(size):
            line[k] = np.float32((np.float64(image[k]) - mean) * scale)


@kernel
def _mean_and_scale(rows, unit):  # type: ignore[no-untyped-def]
    """Of one image, (H, W · 3) integers. The sums are exact whole numbers, so all processors agree."""
    height, row_size = rows.shape
    total, squares = np.int64(0), np.int64(0)
    if unit == 1:
        for row in range(height):  # 32 bits hold the sums of a row of bytes, and make them quick
            row_total, row_squares = np.uint32(0), np.uint32(0)
            for k in range(row_size):
                pixel = np.uint32(rows[row, k])
                row_total = np.uint32(row_total + pixel)
                row_squares = np.uint32(row_squares + pixel * pixel)
            total += np.int64(row_total)
            squares += np.int64(row_squares)
    else:
        for row in range(height):
            for k in range(row_size):
                value = np.int64(rows[row, k])
                total += value
                squares += value * value
    size = height * row_size
    mean = total / size
    return mean, 1.0 / np.sqrt(max(squares / size - mean * mean, unit * unit / size))
