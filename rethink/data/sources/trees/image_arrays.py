"""An image file as an array."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from rethink.data.sources.trees.file_names import printable
from rethink.errors import DataError


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8: grey and palette images become RGB, transparency is dropped. Raises DataError."""
    from rethink.data.sources.trees.image_files import BrokenImageError, as_rgb, decoded_image

    try:
        image, _content = decoded_image(path)
    except BrokenImageError as error:
        raise DataError(f"cannot read image {printable(path)} ({error}); replace or remove it") from error
    return np.asarray(as_rgb(image))
