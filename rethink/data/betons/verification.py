"""Verification: a beton is what its sidecar says, byte for byte, before FFCV maps it."""

import functools
import hashlib
import struct
from pathlib import Path

from rethink.data.betons.beton import Beton
from rethink.data.betons.checksum_stamps import stamped_checksum
from rethink.data.betons.writing.ffcv_file import ALLOCATION_BYTES
from rethink.data.sources import DataError
from rethink.files.checked_files import open_plain

FFCV_VERSION = 2


HEADER = struct.Struct("<HHIQQ")  # of FFCV: version, fields, page size, samples, position of the allocation table


STAMPED = 2**30  # bytes: larger files are hashed once per machine, others once per process


REBUILD = "prepare the data set again, or delete its folder"


def verify(beton: Beton) -> None:
    """Check size, checksum and number of samples of the file. Raises DataError with one line.

    The checksum of an unchanged file (path, size, modification time, inode) is computed once per process, and that of
    a large one once per machine.
    """
    try:
        stat = beton.path.stat()
        if stat.st_size != beton.file_size:
            raise DataError(f"{beton.path} has {stat.st_size} bytes instead of {beton.file_size}; {REBUILD}")
        checksum = _file_checksum(beton.path, beton.checksum, stat.st_size, stat.st_mtime_ns, stat.st_ino)
        header = _read_header(beton.path)
    except OSError as error:
        raise DataError(f"cannot read {beton.path} ({error.strerror}); {REBUILD}") from error
    if checksum != beton.checksum:
        raise DataError(f"{beton.path} was altered: its checksum is not that of its sidecar; {REBUILD}")
    version, _fields, _page_size, samples, table = header
    if (version, samples, table + samples * ALLOCATION_BYTES) != (FFCV_VERSION, beton.samples, beton.file_size):
        raise DataError(f"{beton.path} is not an FFCV file of {beton.samples} samples; {REBUILD}")


@functools.cache
def _file_checksum(path: Path, expected: str, size: int, _mtime_ns: int, _inode: int) -> str:
    return stamped_checksum(path, expected, _hash_file) if size > STAMPED else _hash_file(path)


def _hash_file(path: Path) -> str:
    with open_plain(path) as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _read_header(path: Path) -> tuple[int, ...]:
    with open_plain(path) as file:
        return HEADER.unpack(file.read(HEADER.size).ljust(HEADER.size, b"\0"))


def _blake2b(content: bytes) -> str:
    return hashlib.blake2b(content).hexdigest()
