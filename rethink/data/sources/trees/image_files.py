"""Image files of any common format, read whole and checked."""

import errno
import io
import warnings
from pathlib import Path

import PIL.Image

from rethink.data.sources.trees.file_names import printable
from rethink.errors import DataError
from rethink.files.checked_files import read_plain

# The formats of `file_names.SUFFIXES`. The content of a file decides which it is; no other format is tried.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "PCX", "QOI", "SGI", "TGA")
_OF_EQUAL_FRAMES = ("AVIF", "GIF", "TIFF", "WEBP")  # PNG and MPO define which of theirs is the image: the first


class BrokenImageError(ValueError):
    """An image file that cannot be used; the message is the reason."""


def decoded_image(path: Path) -> tuple[PIL.Image.Image, bytes]:
    """The image, decoded whole, in a mode of EIGHT_BIT_MODES, and the file's bytes. EXIF orientation is ignored.

    Raises BrokenImageError for anything but a plain file with one such image in one frame, and DataError for a file
    that cannot be read: a disk or a network may fail for any file.
    """
    try:
        content = read_plain(path)
        image = _decoded(content)
    except MemoryError as error:
        raise DataError(f"no memory to decode {printable(path)}; use fewer processes") from error
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise BrokenImageError(error.strerror) from error
        raise DataError(f"cannot read {printable(path)} ({error.strerror}); make it readable") from error
    if image.mode not in EIGHT_BIT_MODES:
        raise BrokenImageError(f"PIL mode {image.mode} instead of 8 bits per channel")
    return image, content


def as_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """Grey and palette images become RGB, transparency is dropped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of palettes with transparency
        return image.convert("RGB")


def _decoded(content: bytes) -> PIL.Image.Image:
    PIL.Image.init()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on damaged EXIF data or many pixels: the pixels are not concerned
            image = PIL.Image.open(io.BytesIO(content), formats=[name for name in FORMATS if name in PIL.Image.OPEN])
            frames = getattr(image, "n_frames", 1) if image.format in _OF_EQUAL_FRAMES else 1
            image.load()
    except MemoryError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise BrokenImageError("not an image in a known format") from error
    except Exception as error:  # which exception PIL raises depends on the format
        raise BrokenImageError(" ".join(str(error).split()) or type(error).__name__) from error
    if frames > 1:
        raise BrokenImageError(f"{frames} frames instead of one; save the one that is meant")
    return image


EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # of PIL; others would clip
