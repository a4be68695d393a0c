"""Fashion-MNIST (Xiao, Rasul, Vollgraf, arXiv 1708.07747): 60,000 + 10,000 grey images of 28 × 28, ten classes."""

import hashlib
from pathlib import Path

import numpy as np

from rethink.data.sources.contract.image_data import ArraySplit, ImageData
from rethink.data.sources.contract.registry import ImageSource
from rethink.data.sources.idx import IdxFile
from rethink.errors import DataError
from rethink.files.download import download_folder, quiet_download

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# MD5 of the unzipped content: the same whether Debian, Zalando or the user zipped it.
FILES = {
    "train_images": IdxFile("train-images-idx3-ubyte", (60000, 28, 28), "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    "train_labels": IdxFile("train-labels-idx1-ubyte", (60000,), "9018921c3c673c538a1fc5bad174d6f9"),
    "test_images": IdxFile("t10k-images-idx3-ubyte", (10000, 28, 28), "8181f5470baa50b63fa0f6fddb340f0a"),
    "test_labels": IdxFile("t10k-labels-idx1-ubyte", (10000,), "15d484375f8d13e6eb1aabb0c3f46965"),
}
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
TORCHVISION_LAYOUT = Path("FashionMNIST", "raw")
REMEDY = "give a data directory with the four published idx files (.gz or not), or apt install dataset-fashion-mnist"


def open_fashion_mnist(data_dir: Path | None) -> ImageData:
    """All 70,000 images, from `data_dir` alone if given, else from Debian's package, else downloaded.

    Raises DataError if a file is missing or its content is not the published one.
    """
    folder = _find_folder(data_dir)
    arrays = {key: file.read(_find_file(file, folder)) for key, file in FILES.items()}
    return ImageData(
        ArraySplit(arrays["train_images"], arrays["train_labels"].astype(np.int64)),
        ArraySplit(arrays["test_images"], arrays["test_labels"].astype(np.int64)),
        CLASS_NAMES,
    )


def _find_folder(data_dir: Path | None) -> Path:
    if data_dir is not None:
        folder = data_dir / TORCHVISION_LAYOUT
        return folder if folder.is_dir() else data_dir
    if DEBIAN_FOLDER.is_dir():
        return DEBIAN_FOLDER
    return _download()


def _find_file(file: IdxFile, folder: Path) -> Path:
    path = file.find(folder)
    if path is None:
        raise DataError(f"fashion_mnist: {folder} holds no {file.name}[.gz]; {REMEDY}")
    return path


def _download() -> Path:
    from torchvision.datasets import FashionMNIST

    with quiet_download("fashion_mnist", REMEDY):
        FashionMNIST(str(download_folder()), download=True)
    return download_folder() / TORCHVISION_LAYOUT


def _fingerprint(_data_dir: Path | None) -> str:
    # Only the published content is accepted, from any folder.
    return hashlib.sha256("".join(file.md5 for file in FILES.values()).encode()).hexdigest()[:12]


SOURCE = ImageSource("fashion_mnist", open_fashion_mnist, _fingerprint, image_size=28, crop_padding=4)
