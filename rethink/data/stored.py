"""What is stored in a beton, as it is: uint8 images and true labels, for looking at rather than training."""

import io

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps

from rethink.data.beton import Beton, verify
from rethink.ffcv_runtime import Reader


def stored_images(beton: Beton, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """(n, H, W, 3) uint8 uncompressed images. Raises what `verify` raises."""
    verify(beton)
    shape = (beton.height, beton.width, beton.channels)
    starts = Reader(str(beton.path)).metadata["f0"]["data_ptr"][indices]
    content = np.memmap(beton.path, np.uint8, "r")
    return np.stack([content[start : start + np.prod(shape)].reshape(shape) for start in starts.astype(int)])


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
