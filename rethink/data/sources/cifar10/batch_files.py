"""The two versions that cs.toronto.edu publishes as six files of batches: pickled (for Python) and binary."""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rethink.data.sources.cifar10.content import SIDE, SPLITS, Published
from rethink.data.sources.contract.image_data import ArraySplit
from rethink.data.sources.trees.file_names import printable
from rethink.errors import DataError
from rethink.files.checked_files import open_plain

_PIXELS = 3 * SIDE * SIDE  # bytes: planes of red, green and blue
_LARGEST = 200_000_000  # bytes; no published file has as many

Decoded = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]  # (n, 3072), (n,)


@dataclass(frozen=True)
class BatchFiles:
    """One version: its folder, or the archive of it, and its files by split."""

    folder: str
    archive: str
    files: dict[str, tuple[str, ...]]
    decode: Callable[[bytes], Decoded]  # raises ValueError

    @property
    def holds(self) -> str:
        return f"{self.folder}/ or {self.archive}"

    def find(self, data_dir: Path) -> Path | None:
        """The folder, which may be `data_dir` itself, or the archive. Raises DataError for a folder without a file."""
        names = [name for split in SPLITS for name in self.files[split]]
        for folder in (data_dir / self.folder, data_dir):
            lacking = [name for name in names if not (folder / name).exists()]
            if not lacking:
                return folder
            if folder.name == self.folder and folder.is_dir():
                raise DataError(f"cifar10: {printable(folder)} lacks {', '.join(lacking)}; replace it")
        archive = data_dir / self.archive
        return archive if archive.exists() else None

    def read(self, place: Path, published: Published) -> dict[str, ArraySplit]:
        """The splits, in the order of the files. Raises DataError for a file that cannot be read or is damaged."""
        contents = dict(self._contents(place, published))
        return {split: self._split(place, contents, split) for split in SPLITS}

    def _split(self, place: Path, contents: dict[str, bytes], split: str) -> ArraySplit:
        batches = []
        for name in self.files[split]:
            try:
                batches.append(self.decode(contents[name]))
            except (ValueError, KeyError) as error:
                raise DataError(f"cifar10: {printable(place / name)} is no batch of images ({error})") from error
        rows, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        images = np.ascontiguousarray(rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))
        return ArraySplit(images, labels)

    def _contents(self, place: Path, published: Published) -> Iterator[tuple[str, bytes]]:
        """(name, bytes) of the six files. A published MD5 is checked before anything is unpacked or unpickled."""
        names = [name for split in SPLITS for name in self.files[split]]
        try:
            if place.name != self.archive:
                for name in names:
                    yield name, _checked(place / name, published)
                return
            content = io.BytesIO(_checked(place, published))  # the file may be another one by now
            with tarfile.open(fileobj=content, mode="r:gz") as archive:
                for name in names:
                    member = archive.extractfile(f"{self.folder}/{name}")
                    if member is None:
                        raise DataError(f"cifar10: {printable(place)} lacks {self.folder}/{name}; replace it")
                    yield name, member.read()
        except OSError as error:
            named = printable(error.filename or place)
            raise DataError(f"cifar10: cannot read {named} ({error.strerror or error}); replace it") from error
        except (tarfile.TarError, EOFError, zlib.error, KeyError) as error:
            raise DataError(f"cifar10: cannot read {printable(place)} ({error}); replace it") from error


def _checked(path: Path, published: Published) -> bytes:
    """A file's bytes. Raises DataError if another MD5 was published, OSError if it cannot be read."""
    with open_plain(path) as file:
        content = file.read(_LARGEST)
    wanted = published.md5s.get(path.name)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if wanted not in (None, found):
        raise DataError(
            f"cifar10: {printable(path)} is damaged or another file (MD5 {found}, published {wanted}); replace it"
        )
    return content


def _unpickled(content: bytes) -> Decoded:
    batch = pickle.loads(content, encoding="latin1")  # noqa: S301 its MD5 is the published one
    return batch["data"], np.array(batch["labels"], np.int64)


def _unpacked(content: bytes) -> Decoded:
    if not content or len(content) % (1 + _PIXELS):
        raise ValueError(f"{len(content):,} bytes; {1 + _PIXELS:,} an image")
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + _PIXELS)
    return rows[:, 1:], rows[:, 0].astype(np.int64)


PICKLED = BatchFiles(
    folder="cifar-10-batches-py",
    archive="cifar-10-python.tar.gz",
    files={"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "test": ("test_batch",)},
    decode=_unpickled,
)
BINARY = BatchFiles(
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    files={"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)},
    decode=_unpacked,
)
