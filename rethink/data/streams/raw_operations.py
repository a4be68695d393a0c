"""FFCV operations that read, crop and normalize images: plain-Python stages around compiled, cached kernels.

FFCV compiles every pipeline again for every loader (seconds, and 10 MB that are never freed). Here, and in
corruption_operations.py, the work is in module-level numba kernels that are compiled once per machine; the operations
only pass arrays to them. All their attributes may be changed between two passes of a loader.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rethink.data.ffcv_bridge.runtime import AllocationQuery, Operation, SimpleRGBImageDecoder, State
from rethink.data.streams.augmentation import Augmentation, centre_views
from rethink.data.streams.crops import crop
from rethink.data.streams.normalization import normalize
from rethink.data.streams.rotation import rotate, turns
from rethink.data.streams.uncached_file import UncachedFile
from rethink.kernel import kernel


@kernel
def _read_images(indices, out, pointers, storage):  # type: ignore[no-untyped-def]
    """Copy whole images: storage (bytes,) uint8 -> out (n, H, W, 3) uint8."""
    n, size = out.shape[0], out.shape[1] * out.shape[2] * out.shape[3]
    copies = out.reshape(n, size)
    for i in range(n):
        start = pointers[indices[i]]
        copies[i] = storage[start : start + size]


class StoredImages(SimpleRGBImageDecoder):
    """Image decoder: equally large uncompressed images, (n, H, W, 3) uint8; from FFCV's memory map, or from `file`."""

    def __init__(self, height: int, width: int, file: UncachedFile | None) -> None:
        super().__init__()
        self.height, self.width, self.file = height, width, file

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        shape, dtype = (self.height, self.width, 3), np.dtype("u1")
        return replace(previous_state, jit_mode=True, shape=shape, dtype=dtype), AllocationQuery(shape, dtype)

    def generate_code(self) -> Callable[..., Any]:
        pointers = np.ascontiguousarray(self.metadata["data_ptr"]).astype(np.int64)

        def decode(indices: Any, out: Any, metadata: Any, storage_state: Any) -> Any:
            if self.file is None:
                _read_images(indices, out, pointers, np.asarray(storage_state[0]))
                return out
            for image, start in zip(out, pointers[indices].tolist(), strict=True):
                self.file.read(start, image.reshape(-1))
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
        def crop_views(images: Any, out: Any, indices: Any) -> Any:
            size, drawn = images.shape[1:3], self.augmentation
            if drawn is not None and drawn.rotation > 0:
                upright = np.empty_like(out)
                crop(images, upright, drawn.views(indices, size, self.crop))
                rotate(upright, out, turns(drawn.angles(indices)))
            elif drawn is not None:
                crop(images, out, drawn.views(indices, size, self.crop))
            elif size != (self.crop, self.crop):
                crop(images, out, centre_views(len(images), size, self.crop))
            else:
                return images
            return out

        crop_views.with_indices = True  # type: ignore[attr-defined]
        return crop_views


class NormalizedImages(Operation):
    """The pixels in the scale that the network sees, see `normalize`: integers -> float32."""

    def __init__(self) -> None:
        super().__init__()
        self.normalization = "per_image"
        self.unit = 1  # integers that make a grey level

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        dtype = np.dtype("f4")
        return replace(previous_state, dtype=dtype), AllocationQuery(previous_state.shape, dtype)

    def generate_code(self) -> Callable[..., Any]:
        def normalized(images: Any, out: Any) -> Any:
            normalize(self.normalization, images, out, self.unit)
            return out

        return normalized
