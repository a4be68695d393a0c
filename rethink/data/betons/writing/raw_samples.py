"""CheckedSplit: one pass over a split that checks every sample, and computes its checksum and moments."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rethink.data.betons.writing.channel_moments import ChannelMoments
from rethink.data.sources.contract.image_data import Image, Split
from rethink.errors import DataError
from rethink.own_code import own_code
from rethink.spec import shown


class CheckedSplit:
    """The samples of a split in order; after they were read, their mean, standard deviation and SHA-256.

    `what` names the split in errors. Raises DataError, with the index, for a sample that is not ((H, W, 3) uint8 like
    the first, label in 0 ... classes - 1).
    """

    def __init__(self, split: Split, classes: int, what: str) -> None:
        with own_code(f"{what}: len"):
            samples = len(split)
        if samples == 0:
            raise DataError(f"{what} is empty; it needs at least one image")
        self._split, self._classes, self._what = split, classes, what
        self.shape: tuple[int, int, int] = np.shape(self._sample(0)[0])
        self._moments = ChannelMoments()

    def __len__(self) -> int:
        return len(self._split)

    def __iter__(self) -> Iterator[tuple[Image, int]]:
        self._sha256 = hashlib.sha256(repr((len(self), *map(int, self.shape))).encode())
        for index in range(len(self)):
            image, label = self._sample(index)
            self._check(index, image, label)
            self._add(image, label)
            yield image, int(label)

    def _sample(self, index: int) -> Any:
        with own_code(f"{self._what}: reading image {index}"):
            sample = self._split[index]
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            raise DataError(f"{self._what}: sample {index} is {shown(sample)}; give (image, label)")
        return sample

    def _check(self, index: int, image: Any, label: Any) -> None:
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise DataError(f"{self._what}: image {index} is {kind}; give a uint8 array (H, W, 3)")
        if image.shape != self.shape:
            raise DataError(
                f"{self._what}: image {index} has shape {image.shape}, image 0 {self.shape}; bring all to one size"
            )
        if isinstance(label, bool) or not isinstance(label, int | np.integer) or not 0 <= label < self._classes:
            raise DataError(f"{self._what}: label {shown(label)} of image {index} is not from 0 to {self._classes - 1}")

    def _add(self, image: Image, label: int) -> None:
        self._sha256.update(image.tobytes() + int(label).to_bytes(8, "little"))
        pixels = image.reshape(-1, 3).astype(np.int64)
        self._moments.add(len(pixels), pixels.sum(0), (pixels * pixels).sum(0))

    @property
    def files(self) -> Sequence[Path] | None:
        """The image files of the samples; none: the split is not made of files."""
        return getattr(self._split, "paths", None)

    @property
    def sha256(self) -> str:
        """Of shape, images and labels in order: the same on every machine."""
        return self._sha256.hexdigest()

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, 0-255."""
        return self._moments.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel, 0-255."""
        return self._moments.std
