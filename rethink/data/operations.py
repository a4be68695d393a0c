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
    top, left = (height - crop) // 2, (width - crop) // 2
    for i in range(indices.shape[0]):
        start = pointers[indices[i]]
        image = storage[start : start + height * width * 3].reshape(height, width, 3)
        out[i] = image[top : top + crop, left : left + crop]


@kernel
def _standardize(images, out):  # type: ignore[no-untyped-def]
    """(n, H, W, C) uint8 -> float32 of mean 0 and variance 1 per image; exact integer sums, so no order matters."""
    n, size = images.shape[0], images[0].size
    flat, flat_out = images.reshape(n, size), out.reshape(n, size)
    values = np.empty(256, np.float32)
    for i in range(n):
        total, squares = np.int64(0), np.int64(0)
        for pixel in flat[i]:
            total += np.int64(pixel)
            squares += np.int64(pixel) * np.int64(pixel)
        mean = total / size
        deviation = np.sqrt(max(squares / size - mean * mean, 1.0 / size))
        for value in range(256):
            values[value] = (value - mean) / deviation
        for k in range(size):
            flat_out[i, k] = values[flat[i, k]]


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
