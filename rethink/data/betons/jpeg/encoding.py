"""StoredJpeg: an image file as a beton keeps it: checked, and where it must be, scaled and encoded anew."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from rethink.data.ffcv_bridge.c_functions import decode_jpeg
from rethink.data.sources import DataError, JpegForm
from rethink.data.sources.contract.image_data import MAX_SIDE, MIN_SIDE, Image
from rethink.data.sources.trees.file_names import printable
from rethink.data.sources.trees.image_files import BrokenImageError, as_rgb, decoded_image

LEVELS = np.arange(256)  # of uint8 pixels


@dataclass(frozen=True)
class StoredJpeg:
    """The bytes of a JPEG image that FFCV's decoder reads without complaint, and what that decoder makes of them."""

    content: bytes
    height: int  # pixels
    width: int
    sums: npt.NDArray[np.int64]  # (3,) of the pixels' values, per channel
    squares: npt.NDArray[np.int64]  # (3,) of the squared values
    sha256: bytes  # of `content`


def stored_jpeg(path: Path, form: JpegForm, max_bytes: int) -> StoredJpeg:
    """What is kept of an image file. EXIF orientation is ignored, as torchvision does.

    Raises BrokenImageError for an image that cannot be used, and DataError for a file that cannot be read and for an
    image that takes more than `max_bytes` even when encoded anew.
    """
    image, content = decoded_image(path)
    try:
        if not (_is_plain_jpeg(image) and _within(image, form.max_side) and len(content) <= max_bytes):
            return _encoded(path, image, form, max_bytes)
        _check_size(image)
        pixels = ffcv_pixels(content, image.height, image.width)
        return _encoded(path, image, form, max_bytes) if pixels is None else _stored(content, pixels)
    except MemoryError as error:
        raise DataError(f"no memory to decode {printable(path)}; use fewer processes") from error


def ffcv_pixels(content: bytes, height: int, width: int) -> Image | None:
    """(height, width, 3) as FFCV's loader decodes JPEG; None if its decoder complains, which the loader ignores."""
    source, pixels = np.frombuffer(content, np.uint8), np.empty((height, width, 3), np.uint8)
    whole = (height, width, 0, 0, 1, 1, False, False)  # uncropped, full scale, not mirrored
    failed = decode_jpeg(source.ctypes.data, source.size, height, width, pixels.ctypes.data, *whole)
    return None if failed else pixels


def _is_plain_jpeg(image: PIL.Image.Image) -> bool:
    return image.format == "JPEG" and image.mode in ("L", "RGB")


def _within(image: PIL.Image.Image, max_side: int | None) -> bool:
    return max_side is None or max(image.size) <= max_side


def _encoded(path: Path, image: PIL.Image.Image, form: JpegForm, max_bytes: int) -> StoredJpeg:
    image = as_rgb(image)
    image.info = {}  # PIL would write the old comment again
    if form.max_side is not None and not _within(image, form.max_side):
        factor = form.max_side / max(image.size)
        width, height = (max(1, round(side * factor)) for side in image.size)
        image = image.resize((width, height), PIL.Image.Resampling.LANCZOS)
    _check_size(image)
    content = _jpeg_bytes(image, form.quality)
    if len(content) > max_bytes:
        raise DataError(
            f"{printable(path)} takes {len(content)} bytes as JPEG, but a page holds {max_bytes}; set a max_side"
        )
    pixels = ffcv_pixels(content, image.height, image.width)
    if pixels is None:
        raise BrokenImageError("FFCV's decoder cannot read it even when encoded anew")
    return _stored(content, pixels)


def _jpeg_bytes(image: PIL.Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    try:
        image.save(buffer, "JPEG", quality=quality)
    except OSError as error:  # what PIL raises when libjpeg refuses; no file is written here
        raise BrokenImageError(f"cannot be encoded as JPEG: {error}") from error
    return buffer.getvalue()


def _check_size(image: PIL.Image.Image) -> None:
    if not MIN_SIDE <= min(image.size) <= max(image.size) <= MAX_SIDE:
        size = f"{image.width} x {image.height}"
        raise BrokenImageError(f"{size} pixels as stored; a side must be from {MIN_SIDE} to {MAX_SIDE}")


def _stored(content: bytes, pixels: Image) -> StoredJpeg:
    histograms = np.array(PIL.Image.fromarray(pixels).histogram(), np.int64).reshape(3, len(LEVELS))
    height, width, _ = pixels.shape
    sha256 = hashlib.sha256(content).digest()
    return StoredJpeg(content, height, width, histograms @ LEVELS, histograms @ LEVELS**2, sha256)
