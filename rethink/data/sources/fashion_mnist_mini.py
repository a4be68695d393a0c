"""fashion_mnist_mini: 5,000 + 1,000 images of Fashion-MNIST that come with this package, balanced over the classes."""

import hashlib
import importlib.resources
import io
from pathlib import Path

import numpy as np

from rethink.data.sources.contract.image_data import ArraySplit, ImageData
from rethink.data.sources.contract.registry import ImageSource
from rethink.data.sources.fashion_mnist import CLASS_NAMES


def embedded_bytes() -> bytes:
    """The file that rethink.data.embedded.make_fashion_mnist_mini wrote."""
    return (importlib.resources.files("rethink.data.embedded") / "fashion_mnist_mini.npz").read_bytes()


def _open(_data_dir: Path | None) -> ImageData:
    with np.load(io.BytesIO(embedded_bytes()), allow_pickle=False) as arrays:
        train = ArraySplit(arrays["train_images"], arrays["train_labels"].astype(np.int64))
        test = ArraySplit(arrays["test_images"], arrays["test_labels"].astype(np.int64))
    return ImageData(train, test, CLASS_NAMES)


def _fingerprint(_data_dir: Path | None) -> str:
    return hashlib.sha256(embedded_bytes()).hexdigest()[:12]


SOURCE = ImageSource("fashion_mnist_mini", _open, _fingerprint, image_size=28, crop_padding=4, reads_data_dir=False)
