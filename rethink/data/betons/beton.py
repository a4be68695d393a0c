"""Beton: one split of a data set as an FFCV file on this machine, and what is known about it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from rethink.data.sources import DataError

Count = Annotated[int, Meta(ge=1, le=2**50)]


ByChannel = Annotated[tuple[Annotated[float, Meta(ge=0, le=255)], ...], Meta(min_length=3, max_length=3)]


Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


Checksum = Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]


Indices = tuple[Annotated[int, Meta(ge=0)], ...]


@dataclass(frozen=True)
class Beton:
    """One FFCV file, and what its sidecar says about it. Sample i is sample i of the source."""

    path: Path
    samples: Count
    height: Count  # pixels
    width: Count
    channels: Annotated[int, Meta(ge=3, le=3)]
    class_names: Annotated[tuple[str, ...], Meta(min_length=1)]
    mean: ByChannel  # of this split's pixels, per channel, 0-255
    std: ByChannel
    content_sha256: Sha256  # of shapes, images (JPEG: their bytes) and labels in order: the same on every machine
    file_size: Count  # bytes
    checksum: Checksum  # BLAKE2b of the file
    jpeg: bool = False  # JPEG images of any size, `height` and `width` being the largest; else all have that size
    skipped: tuple[str, ...] = ()  # broken image files that were left out on request
    equal_images: tuple[Indices, ...] = ()  # JPEG: the samples of each group of two or more with equal bytes
    files_checksum: Checksum | None = None  # BLAKE2b of the list of its image files; none: it was not made of files

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def sidecar(self) -> Path:
        return self.path.with_suffix(".json")

    @property
    def files(self) -> Path:
        """The list of image files, see `rethink.data.betons.file_lists`."""
        return self.path.with_suffix(".files")


@dataclass(frozen=True)
class PreparedData:
    """A data set ready to be read. Raises DataError if uncompressed train and test images differ in size."""

    source: str
    train: Beton
    test: Beton

    def __post_init__(self) -> None:
        train, test = ((beton.height, beton.width) for beton in (self.train, self.test))
        if train != test and not self.train.jpeg:
            sizes = f"train images are {train}, test images {test} (height, width)"
            raise DataError(f"{self.source}: {sizes}; bring both to one size")

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.train.class_names

    @property
    def classes(self) -> int:
        return self.train.classes

    @property
    def content_sha256(self) -> str:
        """Stands for all images and labels of both splits: the same on every machine."""
        return hashlib.sha256(f"{self.train.content_sha256} {self.test.content_sha256}".encode()).hexdigest()
