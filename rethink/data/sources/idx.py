"""Reading IDX files (the format of MNIST and its successors), plain or gzipped, whose content is checked by MD5."""

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rethink.errors import DataError
from rethink.files.checked_files import open_plain


@dataclass(frozen=True)
class IdxFile:
    """A published IDX file of unsigned bytes: its name, array shape and the MD5 of its unzipped content."""

    name: str
    shape: tuple[int, ...]
    md5: str

    def find(self, folder: Path) -> Path | None:
        """The file in that folder, plain or gzipped, if it is there."""
        candidates = (folder / self.name, folder / f"{self.name}.gz")
        return next((path for path in candidates if path.exists()), None)

    def read(self, path: Path) -> npt.NDArray[np.uint8]:
        """The array, of `shape`. Raises DataError unless the content is, byte for byte, the published one."""
        header = 4 + 4 * len(self.shape)  # magic number, then one big-endian size per dimension
        content = _read_bytes(path, header + math.prod(self.shape))
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if md5 != self.md5:
            raise DataError(
                f"{path} is damaged or another data set (MD5 {md5} unzipped, expected {self.md5}); replace it"
            )
        return np.frombuffer(content, np.uint8, offset=header).reshape(self.shape)


def _read_bytes(path: Path, expected: int) -> bytes:
    """The content, unzipped up to little more than the expected size: a few bytes may unzip to any number."""
    try:
        with open_plain(path) as file, gzip.open(file) if path.suffix == ".gz" else file as content:
            return content.read(expected + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path} ({error}); replace it") from error
