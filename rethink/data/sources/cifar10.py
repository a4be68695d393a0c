"""CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32 × 32, ten classes; the paper crops them to 28."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rethink.data.sources.download import download_folder, quiet_download
from rethink.data.sources.image_data import ArraySplit, ImageData
from rethink.data.sources.registry import ImageSource
from rethink.errors import DataError
from rethink.files.checked_files import check_plain

REMEDY = "give a data directory that holds cifar-10-python.tar.gz (or cifar-10-batches-py/) of cs.toronto.edu/~kriz"


def open_cifar10(data_dir: Path | None) -> ImageData:
    """All 60,000 images, from `data_dir` alone if given (folder or archive), else downloaded.

    Raises DataError if they are missing or any file's MD5 is not the published one: only then are its pickles read.
    """
    from torchvision.datasets import CIFAR10

    if data_dir is None:
        with quiet_download("cifar10", REMEDY):
            CIFAR10(str(download_folder()), download=True)
        return _load(download_folder())
    archive = data_dir / CIFAR10.filename
    if (data_dir / CIFAR10.base_folder).is_dir():
        return _load(data_dir)
    if archive.exists():
        _check_plain(archive)
        return _load_archive(archive)
    raise DataError(f"cifar10: {data_dir} holds neither {CIFAR10.base_folder}/ nor {CIFAR10.filename}; {REMEDY}")


def _load_archive(archive: Path) -> ImageData:
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity, extract_archive

    if not check_integrity(archive, CIFAR10.tgz_md5):
        raise DataError(f"{archive} is damaged or another file (expected MD5 {CIFAR10.tgz_md5}); replace it")
    with tempfile.TemporaryDirectory() as folder:
        extract_archive(str(archive), folder)
        return _load(Path(folder))


def _load(folder: Path) -> ImageData:
    from torchvision.datasets import CIFAR10

    for name, _md5 in (*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])):
        _check_plain(folder / CIFAR10.base_folder / name)
    try:
        train, test = CIFAR10(str(folder), train=True), CIFAR10(str(folder), train=False)
    except RuntimeError as error:  # its MD5 check
        raise DataError(f"{folder / CIFAR10.base_folder} is incomplete or damaged; {REMEDY}") from error
    return ImageData(_as_split(train), _as_split(test), tuple(train.classes))


def _check_plain(path: Path) -> None:
    """Check that it is a plain file: torchvision would open anything."""
    try:
        check_plain(path)
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}); {REMEDY}") from error


def _as_split(data_set: Any) -> ArraySplit:
    return ArraySplit(data_set.data, np.array(data_set.targets, np.int64))


def _fingerprint(_data_dir: Path | None) -> str:
    from torchvision.datasets import CIFAR10

    # Only the published content is accepted, from any folder.
    published = (CIFAR10.train_list, CIFAR10.test_list, CIFAR10.meta)
    return hashlib.sha256(repr(published).encode()).hexdigest()[:12]


SOURCE = ImageSource("cifar10", open_cifar10, _fingerprint, image_size=28, crop_padding=0)
