"""The stored content of a beton: uint8 images and true labels, for looking at rather than training."""

import io
import math

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps

from rethink.data.betons.beton import Beton
from rethink.data.betons.verification import verify
from rethink.data.ffcv_bridge.runtime import Reader


class StoredPixels:
    """The uncompressed images of a beton. Raises what `verify` raises."""

    def __init__(self, beton: Beton) -> None:
        verify(beton)
        self._shape = (beton.height, beton.width, beton.channels)
        self._starts = Reader(str(beton.path)).metadata["f0"]["data_ptr"].astype(np.int64)
        self._content = np.asarray(np.memmap(beton.path, np.uint8, "r"))

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """(n, H, W, 3)."""
        images = np.empty((len(indices), *self._shape), np.uint8)
        size = math.prod(self._shape)
        for image, start in zip(images.reshape(-1, size), self._starts[indices].tolist(), strict=True):
            image[:] = self._content[start : start + size]
        return images


def stored_pictures(beton: Beton, indices: npt.NDArray[np.int64], side: int) -> npt.NDArray[np.uint8]:
    """(n, side, side, 3) uint8: the largest central square of JPEG images, scaled. Raises what `verify` raises."""
    pictures = [PIL.ImageOps.fit(_decoded(content), (side, side)) for content in stored_files(beton, indices)]
    return np.stack([np.asarray(picture) for picture in pictures])


def stored_files(beton: Beton, indices: npt.NDArray[np.int64]) -> list[bytes]:
    """The JPEG files of images. Raises what `verify` raises."""
    verify(beton)
    entries = Reader(str(beton.path)).alloc_table[indices]
    content = np.memmap(beton.path, np.uint8, "r")
    return [content[entry["ptr"] : entry["ptr"] + entry["size"]].tobytes() for entry in entries]


def stored_labels(beton: Beton) -> npt.NDArray[np.int64]:
    """(N,) int64 true labels of all samples. Raises what `verify` raises."""
    verify(beton)
    return np.ascontiguousarray(Reader(str(beton.path)).metadata["f1"], np.int64)


def _decoded(content: bytes) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(content)).convert("RGB")
