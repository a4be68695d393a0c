"""What is stored in a beton, as it is: uncropped uint8 images and true labels, for looking at rather than training."""

import numpy as np
import numpy.typing as npt

from rethink.data.beton import Beton, verify
from rethink.ffcv_runtime import Reader


def stored_images(beton: Beton, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """(n, H, W, 3) uint8 images. Raises what `verify` raises."""
    verify(beton)
    shape = (beton.height, beton.width, beton.channels)
    starts = Reader(str(beton.path)).metadata["f0"]["data_ptr"][indices]
    content = np.memmap(beton.path, np.uint8, "r")
    return np.stack([content[start : start + np.prod(shape)].reshape(shape) for start in starts.astype(int)])


def stored_labels(beton: Beton) -> npt.NDArray[np.int64]:
    """(N,) int64 true labels of all samples. Raises what `verify` raises."""
    verify(beton)
    return np.ascontiguousarray(Reader(str(beton.path)).metadata["f1"], np.int64)
