"""The FFCV operation that turns stored JPEG images of any size into what the network sees, in several threads."""

import mmap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rethink.data.ffcv_bridge.c_functions import decode_jpeg, resize_crop
from rethink.data.ffcv_bridge.runtime import AllocationQuery, PipelineError, SimpleRGBImageDecoder, State
from rethink.data.streams.augmentation import Augmentation, plain_boxes
from rethink.data.streams.normalization import normalize
from rethink.data.streams.rotation import rotate, turns
from rethink.data.streams.uncached_file import UncachedFile
from rethink.kernel import kernel


@kernel
def _mirror(image):  # type: ignore[no-untyped-def]
    """Mirror (H, W, 3) left to right, in place."""
    last = image.shape[1] - 1
    for y in range(image.shape[0]):
        for x in range(image.shape[1] // 2):
            for c in range(3):
                image[y, x, c], image[y, last - x, c] = image[y, last - x, c], image[y, x, c]


class JpegViews(SimpleRGBImageDecoder):
    """Image decoder: the `view` of each image, or the part that `augmentation` draws, scaled to `side` pixels a side,
    mirrored and turned as it draws, and normalized: (n, side, side, 3) float32.

    Each image is finished while it is in a processor's cache, by one of `readers` threads that live until `close`:
    every new thread that decodes costs FFCV some memory. Images come from FFCV's memory map, or from `file`. All
    attributes may be changed between two passes of a loader. Raises PipelineError for an image that does not decode
    completely.
    """

    def __init__(self, path: Path, readers: int, file: UncachedFile | None) -> None:
        super().__init__()
        self.side, self.normalization, self.view = 1, "per_image", "centre"
        self.augmentation: Augmentation | None = None
        self._path, self._readers, self._file = path, readers, file
        self._threads = ThreadPoolExecutor(readers, "jpeg")

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        shape, dtype = (self.side, self.side, 3), np.dtype("f4")
        return replace(previous_state, jit_mode=True, shape=shape, dtype=dtype), AllocationQuery(shape, dtype)

    def generate_code(self) -> Callable[..., Any]:
        starts, heights, widths = (self.metadata[name].astype(np.int64) for name in ("data_ptr", "height", "width"))
        largest = int((heights * widths).max()) * 3

        def decode(indices: Any, out: Any, metadata: Any, storage_state: Any) -> Any:
            mapped, pointers, lengths = storage_state
            rows, columns, begin = heights[indices], widths[indices], starts[indices]
            size = lengths[np.searchsorted(pointers, begin)].astype(np.int64)
            if self.augmentation is None:
                boxes = plain_boxes(self.view, rows, columns)
            else:
                boxes = self.augmentation.boxes(indices, rows, columns, self.view)
            images = np.column_stack([indices, begin, size, rows, columns, boxes]).tolist()
            if self._file is None:
                _announce(mapped, images)
            shared = iter(enumerate(images))  # every reader takes the next image when it has done one
            work = [self._threads.submit(self._read, shared, largest, mapped, out) for _ in range(self._readers)]
            wait(work)
            for done in work:
                done.result()
            return out

        return decode

    def _read(self, images: Iterator[tuple[int, list[int]]], largest: int, mapped: Any, out: Any) -> None:
        decoded, view = np.empty(largest, np.uint8), np.empty((1, self.side, self.side, 3), np.uint8)
        drawn = self.augmentation if self.augmentation is not None and self.augmentation.rotation > 0 else None
        turned = np.empty_like(view)
        decoded_at, view_at, mapped_at = (array.ctypes.data for array in (decoded, view, mapped))
        for place, (index, begin, size, rows, columns, top, left, height, width, mirrored) in images:
            if self._file is None:
                source = mapped_at + begin
            else:
                content = np.empty(size, np.uint8)
                self._file.read(begin, content)
                source = content.ctypes.data
            if decode_jpeg(source, size, rows, columns, decoded_at, rows, columns, 0, 0, 1, 1, False, False):
                raise PipelineError(f"the image of sample {index} in {self._path} is not a complete JPEG")
            box = (top, top + height, left, left + width)
            resize_crop(0, decoded_at, rows, columns, *box, view_at, self.side, self.side)
            if mirrored:
                _mirror(view[0])
            if drawn is not None:
                rotate(view, turned, turns(drawn.angles(np.array([index]))))
            normalize(self.normalization, view if drawn is None else turned, out[place : place + 1], 1)


def _announce(mapped: Any, images: list[list[int]]) -> None:
    """Let the system read a batch's images, and no others, while the first are decoded."""
    for _, begin, size, *_ in images:
        first = begin - begin % mmap.PAGESIZE
        mapped.base.madvise(mmap.MADV_WILLNEED, first, begin + size - first)
