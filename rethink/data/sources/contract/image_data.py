"""ImageData, which a source delivers: two splits of (image, label) samples, and the names of the classes."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rethink.entry_checks import is_whole
from rethink.errors import DataError, SpecError
from rethink.spec import shown

Image = npt.NDArray[np.uint8]  # (H, W, 3)
_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")  # control characters, bytes of a folder's name that are no UTF-8, ends of lines
MIN_SIDE = 4  # of a stored JPEG, pixels: 7/8 of a side of 1 would be a crop of nothing, which ends OpenCV's process
MAX_SIDE = 65_500  # libjpeg's


class Split(Protocol):
    """The samples of a train or test set by index, read one at a time: they need not fit into memory."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Image, int]:
        """(image (H, W, 3) uint8, label in 0 ... classes - 1)."""
        ...


@dataclass(frozen=True)
class JpegForm:
    """How a data set is kept as JPEG: larger images are scaled down to `max_side` (pixels; none: never).

    Images that were scaled or are not plain JPEG are encoded anew at `quality`; every other file is kept byte for byte.
    Raises SpecError for values that JPEG does not allow.
    """

    max_side: int | None
    quality: int

    def __post_init__(self) -> None:
        side, quality = self.max_side, self.quality
        if side is not None and not (is_whole(side, MIN_SIDE) and side <= MAX_SIDE):
            raise SpecError(f"max_side = {side!r} is not allowed: from {MIN_SIDE} to {MAX_SIDE}, or none")
        if not (is_whole(quality, 1) and quality <= 100):
            raise SpecError(f"jpeg_quality = {quality!r} is not allowed: from 1 to 100")


@dataclass(frozen=True)
class FileSplit:
    """A split of image files of any size, for a data set that is kept as JPEG."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class ImageData:
    """An opened data set; label k of either split is class_names[k]."""

    train: Split | FileSplit
    test: Split | FileSplit
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """A split held in memory: images (N, H, W, 3) or grey (N, H, W) uint8, labels (N,) int64.

    Grey images get three equal channels when read. Raises DataError on any other dtype or shape.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        for name, value in (("images", images), ("labels", labels)):
            if not isinstance(value, np.ndarray):
                raise DataError(f"{name} are {type(value).__name__}; give a NumPy array")
        if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
            raise DataError(f"images are {images.dtype} {images.shape}; give uint8 (N, H, W) or (N, H, W, 3)")
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise DataError(f"labels are {labels.dtype} {labels.shape}; give int64 ({len(images)},), one an image")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int, /) -> tuple[Image, int]:
        image = self.images[index]
        if image.ndim == 2:
            image = np.repeat(image[:, :, np.newaxis], 3, axis=2)
        return image, int(self.labels[index])


def check_delivered(owner: str, data: Any) -> None:
    """Raise DataError unless a source delivered an ImageData of two splits, with distinct names of its classes.

    The samples themselves are checked as they are written.
    """
    if not isinstance(data, ImageData):
        raise DataError(f"{owner}: open returned {shown(data)}, not an ImageData")
    for name, split in (("train", data.train), ("test", data.test)):
        if isinstance(split, FileSplit):
            _check_files(owner, name, split)
        elif not (hasattr(split, "__len__") and hasattr(split, "__getitem__")):
            raise DataError(f"{owner}: {name} = {shown(split)} is not allowed: a FileSplit, or samples by index")
    _check_class_names(owner, data.class_names)


def _check_files(owner: str, name: str, split: FileSplit) -> None:
    for path in split.paths:
        if not isinstance(path, Path):
            raise DataError(f"{owner}: {name} has the path {shown(path)}; give a pathlib.Path")
    for label in split.labels:
        if not isinstance(label, int | np.integer):
            raise DataError(f"{owner}: {name} has the label {shown(label)}; give a whole number")


def _check_class_names(owner: str, names: Any) -> None:
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{owner}: class_names = {shown(names)} is not allowed: a tuple of texts, one a class")
    if len(names) < 2:
        raise DataError(f"{owner} has {'no class' if not names else 'one class alone'}: there is nothing to learn")
    for name in names:
        if not name.strip() or any(unicodedata.category(character) in _NO_TEXT for character in name):
            raise DataError(f"{owner}: class name {name!a} is not allowed: a text that a table can show")
    twice = [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
    if twice:
        raise DataError(f"{owner}: two classes have the name {twice[0]!r}; give each its own")
