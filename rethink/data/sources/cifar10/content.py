"""What CIFAR-10 is, in whatever files: its checksums, and the one order in which its images are read.

Files have their images in orders of their own: as published, or by their names. Corruption, subsets and batches are
drawn by sample index, so equal trials would see other images. Here the content alone orders them: by label, then by
the SHA-256 of the pixels.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rethink.data.sources.contract.image_data import ArraySplit, ImageData
from rethink.errors import DataError

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32  # pixels
SPLITS = ("train", "test")


@dataclass(frozen=True)
class PublishedSplit:
    """A split as published: images of each class, all distinct, and `content_sha256` of all."""

    per_class: int
    sha256: str

    @property
    def images(self) -> int:
        return self.per_class * len(CLASS_NAMES)


@dataclass(frozen=True)
class Published:
    """Both splits, and the MD5 of each published file that is not read before its MD5 is right."""

    train: PublishedSplit
    test: PublishedSplit
    md5s: Mapping[str, str]

    def split(self, name: str) -> PublishedSplit:
        return self.train if name == "train" else self.test


# MD5s: cs.toronto.edu/~kriz/cifar.html for the archives, and torchvision's list for the files of the first.
PUBLISHED = Published(
    train=PublishedSplit(5000, "e1b7287adda072b65bacd3b9e1acabc7c6c7e79900ba7c7071d40b3f1851e272"),
    test=PublishedSplit(1000, "d1c63328e904508d7bf5b6e265d21d5be52053b6381d880e3d35c8aedc6ee1e0"),
    md5s={
        "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
        "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
)


def by_content(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> ArraySplit:
    """The samples, (N, 32, 32, 3) and (N,), sorted by label, then by the SHA-256 of the pixels, row by row."""
    hashes = [hashlib.sha256(image.tobytes()).digest() for image in images]
    order = sorted(range(len(images)), key=lambda i: (labels[i], hashes[i]))
    return ArraySplit(images[order], labels[order])


def content_sha256(split: ArraySplit) -> str:
    """SHA-256 over the label, a byte, and the pixels of every sample of a split that `by_content` sorted."""
    digest = hashlib.sha256()
    for image, label in zip(split.images, split.labels, strict=True):
        digest.update(bytes([label]) + image.tobytes())
    return digest.hexdigest()


def check_counts(place: Any, split: str, labels: npt.NDArray[np.int64], wanted: PublishedSplit) -> None:
    """Raise DataError, naming the place, unless every class has as many images as were published."""
    counts = np.bincount(labels, minlength=len(CLASS_NAMES))
    if len(counts) > len(CLASS_NAMES):
        raise DataError(f"cifar10: {place} has the label {labels.max()}; there are 0 to {len(CLASS_NAMES) - 1}")
    other = [f"{count:,} {name}" for count, name in zip(counts, CLASS_NAMES, strict=True) if count != wanted.per_class]
    if other:
        raise DataError(
            f"cifar10: {place} has {', '.join(other)} {split} images; {wanted.per_class:,} of each class were published"
        )


def published_data(place: Any, splits: Mapping[str, ArraySplit], published: Published) -> ImageData:
    """The splits in the order of their content. Raises DataError unless that is what was published."""
    ordered = {}
    for name, split in splits.items():
        wanted = published.split(name)
        check_counts(place, name, split.labels, wanted)
        ordered[name] = by_content(split.images, split.labels)
        found = content_sha256(ordered[name])
        if found != wanted.sha256:
            raise DataError(
                f"cifar10: {place} has other pixels or labels than the published {wanted.images:,} {name} images "
                f"(SHA-256 {found[:12]}, published {wanted.sha256[:12]}): it is damaged or another data set"
            )
    return ImageData(ordered["train"], ordered["test"], CLASS_NAMES)
