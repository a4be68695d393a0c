"""Checksums of large files, kept beside them: 100 GB would take every process minutes to hash."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from rethink.files.checked_files import decode_json, read_plain

Checksum = Callable[[Path], str]


class _Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: tuple[int, int, int]
    checksum: str


def stamped_checksum(path: Path, expected: str, checksum: Checksum) -> str:
    """The checksum of a file: `expected` if its stamp says so; otherwise it is computed and the stamp rewritten."""
    with contextlib.suppress(OSError, ValueError):  # missing or damaged
        if decode_json(read_plain(_stamp(path)), _Stamp) == _Stamp(_state(path), expected):
            return expected
    computed = checksum(path)
    write_stamp(path, computed)
    return computed


def write_stamp(path: Path, checksum: str) -> None:
    """Record the checksum of a file in its present state. A folder that cannot be written gets no stamp."""
    partial = _stamp(path).with_suffix(f".{os.getpid()}")
    try:
        partial.write_bytes(msgspec.json.encode(_Stamp(_state(path), checksum)))
        os.replace(partial, _stamp(path))
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()


def _stamp(path: Path) -> Path:
    return path.with_suffix(f"{path.suffix}.stamp")


def _state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino
