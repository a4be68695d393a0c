"""UncachedFile: reads parts of a file that is larger than memory, and leaves nothing of it in the page cache."""

import errno
import mmap
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rethink.files.checked_files import open_plain


class UncachedFile:
    """An open file; any thread may read. Pages that other processes use are dropped from the page cache as well."""

    def __init__(self, path: Path) -> None:
        self._file = open_plain(path)
        self._path = path
        os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # no read-ahead

    def read(self, start: int, buffer: npt.NDArray[np.uint8]) -> None:
        """Fill a contiguous buffer with the bytes from `start`. Raises OSError if the file ends before."""
        rest = buffer.data
        while rest:
            count = os.preadv(self._file.fileno(), [rest], start + len(buffer) - len(rest))
            if not count:
                raise OSError(errno.EIO, "the file ends too early", str(self._path))
            rest = rest[count:]
        self._drop(start, len(buffer))

    def forget(self) -> None:
        """Drop all pages of the file from the page cache, those of other readers too."""
        self._drop(0, os.fstat(self._file.fileno()).st_size)

    def close(self) -> None:
        self._file.close()

    def _drop(self, start: int, size: int) -> None:
        # Linux drops whole pages only: take those at both ends with it.
        first, end = start - start % mmap.PAGESIZE, -(-(start + size) // mmap.PAGESIZE) * mmap.PAGESIZE
        os.posix_fadvise(self._file.fileno(), first, end - first, os.POSIX_FADV_DONTNEED)
