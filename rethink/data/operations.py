"""FFCV operations that read images: plain-Python stages around compiled, cached kernels.

FFCV compiles every pipeline anew for every loader (seconds, and 10 MB that never come back). Here, and in
rethink.corruption.operations, the work is in module-level numba kernels that are compiled once per machine; the
operations only pass arrays to them. All their attributes may be changed between two passes of a loader.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rethink.ffcv_runtime import AllocationQuery, Operation, SimpleRGBImageDecoder, State, kernel


@kernel
def _read_crops(indices, out, pointers, storage, height, width):  # type: ignore[no-untyped-def]
    """Copy the centre crop of each image: storage (bytes,) uint8 -> out (n, crop, crop, 3) uint8."""
    crop = out.shape[1]
    first = (((height - crop) // 2) * width + (width - crop) // 2) * 3
    pieces = 1 if crop == width else crop  # whole rows lie together, others are copied one by one
    size = crop * crop * 3 // pieces
    copies = out.reshape(out.shape[0], pieces, size)
    for i in range(indices.shape[0]):
        for piece in range(pieces):
            start = pointers[indices[i]] + first + piece * width * 3
            copies[i, piece] = storage[start : start + size]


@kernel
def _standardize(images, out):  # type: ignore[no-untyped-def]
    """(n, H, W, C) uint8 -> float32 of mean 0 and variance 1 per image.

    The sums are exact whole numbers and every pixel is computed alone in float64: no processor can differ.
    """
    n, height = images.shape[0], images.shape[1]
    row_size = images.shape[2] * images.shape[3]
    size = height * row_size
    pixels, result = images.reshape(n, size), out.reshape(n, size)
    for i in range(n):
        total, squares = np.int64(0), np.int64(0)
        for row in range(height):  # 32 bits hold a row's sums, and make them quick
            row_total, row_squares = np.uint32(0), np.uint32(0)
            for k in range(row * row_size, (row + 1) * row_size):
                pixel = np.uint32(pixels[i, k])
                row_total = np.uint32(row_total + pixel)
                row_squares = np.uint32(row_squares + pixel * pixel)
            total += np.int64(row_total)
            squares += np.int64(row_squares)
        mean = total / size
        scale = 1.0 / np.sqrt(max(squares / size - mean * mean, 1.0 / size))
        for k in range(size):
            result[i, k] = np.float32((np.float64(pixels[i, k]) - mean) * scale)


class CroppedImages(SimpleRGBImageDecoder):
    """Image decoder: the centre crop, `crop` pixels a side, of equally large uncompressed images."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width, self.crop = height, width, min(height, width)

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        shape, dtype = (self.crop, self.crop, 3), np.dtype("u1")
        return replace(previous_state, jit_mode=True, shape=shape, dtype=dtype), AllocationQuery(shape, dtype)

    def generate_code(self) -> Callable[..., Any]:
        pointers = np.ascontiguousarray(self.metadata["data_ptr"]).astype(np.int64)

        def decode(indices: Any, out: Any, metadata: Any, storage_state: Any) -> Any:
            _read_crops(indices, out, pointers, np.asarray(storage_state[0]), self.height, self.width)
            return out

        return decode


class StandardizedImages(Operation):
    """Per-image standardization (paper, appendix A): (x − mean) / max(std, 1/√size), uint8 -> float32."""

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        dtype = np.dtype("f4")
        return replace(previous_state, dtype=dtype), AllocationQuery(previous_state.shape, dtype)

    def generate_code(self) -> Callable[..., Any]:
        def standardize(images: Any, out: Any) -> Any:
            _standardize(images, out)
            return out

        return standardize
