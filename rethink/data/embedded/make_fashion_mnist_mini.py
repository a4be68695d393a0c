"""Make fashion_mnist_mini.npz from Debian's package dataset-fashion-mnist.

    python -m rethink.data.embedded.make_fashion_mnist_mini

500 training and 100 test images of each class, drawn at random with seed 0 and left in random order, so that the
first images are a mixture too. The same input makes the same bytes (with the same zlib).
"""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rethink.data.sources.fashion_mnist import DEBIAN_FOLDER, FILES
from rethink.data.sources.idx import IdxFile
from rethink.data.training_subset import balanced_subset

SEED = 0
SIZES = {"train": 5000, "test": 1000}
TARGET = Path(__file__).with_name("fashion_mnist_mini.npz")


def make() -> bytes:
    """The .npz file: {train,test}_images (N, 28, 28) uint8 and {train,test}_labels (N,) uint8."""
    arrays = {}
    for split, size in SIZES.items():
        images, labels = _read(FILES[f"{split}_images"]), _read(FILES[f"{split}_labels"])
        chosen = balanced_subset(labels.astype(np.int64), size, SEED)
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images[chosen], labels[chosen]
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _read(file: IdxFile) -> npt.NDArray[np.uint8]:
    return file.read(DEBIAN_FOLDER / f"{file.name}.gz")


if __name__ == "__main__":
    TARGET.write_bytes(make())
