"""Writes image files as an FFCV file of JPEG images, and sums up what identifies and describes the whole."""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np

from rethink.data.betons.jpeg.encoding import StoredJpeg
from rethink.data.betons.jpeg.reader_processes import read_jpegs
from rethink.data.betons.writing.channel_moments import ChannelMoments
from rethink.data.betons.writing.ffcv_file import write_ffcv_file
from rethink.data.betons.writing.options import Writing
from rethink.data.betons.writing.progress import with_progress
from rethink.data.sources import DataError, FileSplit, JpegForm
from rethink.data.sources.trees.file_names import printable
from rethink.data.sources.trees.image_files import BrokenImageError

MIN_PAGE = 2**23  # bytes; ImageNet's images have 110,000 on average, so little is lost at the ends of pages
MAX_PAGE = 2**31  # FFCV's greatest
JPEG_MODE = 0  # of FFCV's IMAGE_MODES
LISTED = 20  # broken images that a warning names


class JpegSamples:
    """The samples of a split of image files in order, as they are stored; once read, what describes the whole.

    `what` names the split in messages, whose paths are relative to `root`. Iterating raises DataError for the first
    broken image, unless they are left out, and for what `read_jpegs` refuses.
    """

    def __init__(
        self,
        split: FileSplit,
        class_names: tuple[str, ...],
        form: JpegForm,
        writing: Writing,
        what: str,
        root: Path | None,
    ) -> None:
        if not split.paths or len(split.paths) != len(split.labels):
            raise DataError(f"{what} has {len(split.paths)} images and {len(split.labels)} labels; give one an image")
        for path, label in zip(split.paths, split.labels, strict=True):
            if not 0 <= label < len(class_names):
                raise DataError(f"{what}: label {label!r} of {printable(path)} is not from 0 to {len(class_names) - 1}")
        self._split, self._class_names, self._form, self._writing = split, class_names, form, writing
        self._what, self._root = what, root
        self._moments = ChannelMoments()
        self._sha256 = hashlib.sha256()
        self._digests: list[bytes] = []
        self._kept = np.zeros(len(class_names), np.int64)  # images of each class
        self.shape = (0, 0, 3)  # the largest height and width
        self.skipped: tuple[str, ...] = ()  # broken images, left out
        self.files: list[Path] = []  # that are stored

    def __len__(self) -> int:
        """How many are stored, once they are read."""
        return int(self._kept.sum())

    def write(self, path: Path) -> None:
        """Write one FFCV file. Raises what iterating raises, and OSError when the file cannot be written whole."""
        with contextlib.closing(iter(self)) as samples:
            write_ffcv_file(path, _jpeg_field(), self.page_size, len(self._split.paths), samples)

    def __iter__(self) -> Generator[tuple[StoredJpeg, int], None, None]:
        paths, labels = self._split.paths, self._split.labels
        skipped = []
        reading = read_jpegs(paths, self._form, self.page_size, self._writing.processes)
        with contextlib.closing(reading), contextlib.closing(with_progress(reading, len(paths), self._what)) as images:
            for path, label, image in zip(paths, labels, images, strict=True):
                if isinstance(image, BrokenImageError):
                    self._refuse_unless_skipping(path, image)
                    skipped.append(self._named(path))
                    continue
                self._add(image, label)
                self.files.append(path)
                yield image, label
        self.skipped = tuple(skipped)
        self._check_classes()
        self._warn()

    @property
    def page_size(self) -> int:
        """Bytes of the file's pages, a power of two: no image lies across two."""
        side = self._form.max_side
        largest = MIN_PAGE
        if side is None or 3 * side**2 > MIN_PAGE:  # at most 3 bytes a pixel once encoded
            # Few images, if any, are as large as may be: what the files have must do.
            largest = max(MIN_PAGE, *map(os.path.getsize, self._split.paths))
        return min(MAX_PAGE, 1 << (largest - 1).bit_length())

    def _add(self, image: StoredJpeg, label: int) -> None:
        self._moments.add(image.height * image.width, image.sums, image.squares)
        self._sha256.update(f"{image.height} {image.width} {len(image.content)} {label} ".encode() + image.sha256)
        self._digests.append(image.sha256)
        self._kept[label] += 1
        self.shape = (max(self.shape[0], image.height), max(self.shape[1], image.width), 3)

    def _refuse_unless_skipping(self, path: Path, error: BrokenImageError) -> None:
        if not self._writing.skip_broken:
            raise DataError(
                f"{printable(path)} is broken ({error}); replace it, or say --skip-broken to leave out all such images"
            ) from error

    def _named(self, path: Path) -> str:
        if self._root is None or not path.is_relative_to(self._root):
            return printable(path)
        return printable(path.relative_to(self._root))

    def _check_classes(self) -> None:
        present = np.bincount(self._split.labels, minlength=len(self._class_names)) > 0
        for label in np.flatnonzero(present & (self._kept == 0)):
            raise DataError(f"{self._what}: all images of class {self._class_names[label]} are broken; replace them")

    def _warn(self) -> None:
        if self.skipped:
            count = f"{len(self.skipped)} of {len(self._split.paths)}"
            names = _first(self.skipped)
            warnings.warn(f"{self._what}: {count} images are broken and were left out: {names}", stacklevel=2)

    @property
    def sha256(self) -> str:
        """Of number, sizes, stored bytes and labels in order."""
        whole = self._sha256.copy()
        whole.update(str(len(self)).encode())
        return whole.hexdigest()

    @property
    def equal_images(self) -> tuple[tuple[int, ...], ...]:
        """The samples of each group of two or more with the same stored bytes, in order."""
        by_digest: dict[bytes, list[int]] = {}
        for index, digest in enumerate(self._digests):
            by_digest.setdefault(digest, []).append(index)
        return tuple(tuple(indices) for indices in by_digest.values() if len(indices) > 1)

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, 0-255, of all pixels as FFCV decodes them."""
        return self._moments.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel, 0-255."""
        return self._moments.std


def _first(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _jpeg_field() -> Any:
    """FFCV's own image field, for images that are encoded already. A subclass would have no type id in the file."""
    from rethink.data.ffcv_bridge.runtime import RGBImageField

    def encode(destination: Any, image: StoredJpeg, malloc: Callable[[int], Any]) -> None:
        destination["mode"], destination["height"], destination["width"] = JPEG_MODE, image.height, image.width
        destination["data_ptr"], storage = malloc(len(image.content))
        storage[:] = np.frombuffer(image.content, np.uint8)

    field = RGBImageField(write_mode="jpg")
    field.encode = encode
    return field
