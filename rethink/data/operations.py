"""FFCV operations that read, crop and standardize images: plain-Python stages around compiled, cached kernels.

FFCV compiles every pipeline anew for every loader (seconds, and 10 MB that never come back). Here, and in
rethink.corruption.operations, the work is in module-level numba kernels that are compiled once per machine; the
operations only pass arrays to them. All their attributes may be changed between two passes of a loader.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rethink.data.augmentation import Augmentation, centre_views
from rethink.ffcv_runtime import AllocationQuery, Operation, SimpleRGBImageDecoder, State, kernel


@kernel
def _read_images(indices, out, pointers, storage):  # type: ignore[no-untyped-def]
    """Copy whole images: storage (bytes,) uint8 -> out (n, H, W, 3) uint8."""
    n, size = out.shape[0], out.shape[1] * out.shape[2] * out.shape[3]
    copies = out.reshape(n, size)
    for i in range(n):
        start = pointers[indices[i]]
        copies[i] = storage[start : start + size]


@kernel
def _copy_views(images, out, views):  # type: ignore[no-untyped-def]
    """The crop of each image at (top, left), mirrored if asked, black beyond the edges: (n, H, W, 3) -> square ones."""
    height, width, crop = images.shape[1], images.shape[2], out.shape[1]
    for i in range(images.shape[0]):
        top, left, mirrored = views[i, 0], views[i, 1], views[i, 2]
        for y in range(crop):
            for x in range(crop):
                row, column = top + y, left + (crop - 1 - x if mirrored else x)
                inside = 0 <= row < height and 0 <= column < width
                for c in range(3):
                    out[i, y, x, c] = images[i, row, column, c] if inside else 0


@kernel
def _standardize(images, out, unit):  # type: ignore[no-untyped-def]
    """(n, H, W, C) integers, `unit` of which make a grey level, -> float32 of mean 0 and variance 1 per image.

    The sums are exact whole numbers and every pixel is computed alone in float64: no processor can differ.
    """
    n, height = images.shape[0], images.shape[1]
    row_size = images.shape[2] * images.shape[3]
    size = height * row_size
    pixels, result = images.reshape(n, size), out.reshape(n, size)
    for i in range(n):
        total, squares = np.int64(0), np.int64(0)
        if unit == 1:
            for row in range(height):  # 32 bits hold the sums of a row of bytes, and make them quick
                row_total, row_squares = np.uint32(0), np.uint32(0)
                for k in range(row * row_size, (row + 1) * row_size):
                    pixel = np.uint32(pixels[i, k])
                    row_total = np.uint32(row_total + pixel)
                    row_squares = np.uint32(row_squares + pixel * pixel)
                total += np.int64(row_total)
                squares += np.int64(row_squares)
        else:
            for k in range(size):
                value = np.int64(pixels[i, k])
                total += value
                squares += value * value
        mean = total / size
        scale = 1.0 / np.sqrt(max(squares / size - mean * mean, unit * unit / size))
        for k in range(size):
            result[i, k] = np.float32((np.float64(pixels[i, k]) - mean) * scale)


class StoredImages(SimpleRGBImageDecoder):
    """Image decoder: equally large uncompressed images, (n, H, W, 3) uint8."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        shape, dtype = (self.height, self.width, 3), np.dtype("u1")
        return replace(previous_state, jit_mode=True, shape=shape, dtype=dtype), AllocationQuery(shape, dtype)

    def generate_code(self) -> Callable[..., Any]:
        pointers = np.ascontiguousarray(self.metadata["data_ptr"]).astype(np.int64)

        def decode(indices: Any, out: Any, metadata: Any, storage_state: Any) -> Any:
            _read_images(indices, out, pointers, np.asarray(storage_state[0]))
            return out

        return decode


class CroppedImages(Operation):
    """What the network sees of each image, `crop` pixels a side: the centre, or the view that `augmentation` draws."""

    def __init__(self, crop: int) -> None:
        super().__init__()
        self.crop = crop
        self.augmentation: Augmentation | None = None

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        shape = (self.crop, self.crop, 3)
        return replace(previous_state, shape=shape), AllocationQuery(shape, previous_state.dtype)

    def generate_code(self) -> Callable[..., Any]:
        def crop(images: Any, out: Any, indices: Any) -> Any:
            size = images.shape[1:3]
            if self.augmentation is not None:
                _copy_views(images, out, self.augmentation.views(indices, size, self.crop))
            elif size != (self.crop, self.crop):
                _copy_views(images, out, centre_views(len(images), size, self.crop))
            else:
                return images
            return out

        crop.with_indices = True  # type: ignore[attr-defined]
        return crop


class StandardizedImages(Operation):
    """Per-image standardization (paper, appendix A): (x − mean) / max(std, 1/√size), integers -> float32."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = 1  # integers that make a grey level

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        dtype = np.dtype("f4")
        return replace(previous_state, dtype=dtype), AllocationQuery(previous_state.shape, dtype)

    def generate_code(self) -> Callable[..., Any]:
        def standardize(images: Any, out: Any) -> Any:
            _standardize(images, out, self.unit)
            return out

        return standardize
