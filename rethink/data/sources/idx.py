"""Reading IDX files (the format of MNIST and its heirs), plain or gzipped, whose content is known by its MD5."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rethink.data.sources.image_data import DataError


@dataclass(frozen=True)
class IdxFile:
    """A published IDX file of unsigned bytes: its name, array shape and the MD5 of its unzipped content."""

    name: str
    shape: tuple[int, ...]
    md5: str

    def find(self, folder: Path) -> Path | None:
        """The file in that folder, plain or gzipped, if it is there."""
        candidates = (folder / self.name, folder / f"{self.name}.gz")
        return next((path for path in candidates if path.is_file()), None)

    def read(self, path: Path) -> npt.NDArray[np.uint8]:
        """The array, of `shape`. Raises DataError unless the content is, byte for byte, the published one."""
        content = _read_bytes(path)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if md5 != self.md5:
            raise DataError(
                f"{path} is damaged or another data set (MD5 {md5} unzipped, expected {self.md5}); replace it"
            )
        header = 4 + 4 * len(self.shape)  # magic number, then one big-endian size per dimension
        return np.frombuffer(content, np.uint8, offset=header).reshape(self.shape)


def _read_bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path} ({error}); replace it") from error
