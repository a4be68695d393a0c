"""Checksums of large files, kept beside them: 100 GB would take every process minutes to hash."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

Checksum = Callable[[Path], str]


def stamped_checksum(path: Path, checksum: Checksum) -> str:
    """The checksum of a file by its stamp; computed, and the stamp written, if the file has none or was touched."""
    try:
        stamp = json.loads(_stamp(path).read_bytes())
        if stamp["state"] == _state(path):
            return str(stamp["checksum"])
    except (OSError, ValueError, TypeError, KeyError):  # missing or damaged
        pass
    computed = checksum(path)
    write_stamp(path, computed)
    return computed


def write_stamp(path: Path, checksum: str) -> None:
    """Note that a file, as it is now, has that checksum. A folder that cannot be written gets no stamp."""
    partial = _stamp(path).with_suffix(f".{os.getpid()}")
    try:
        partial.write_text(json.dumps({"state": _state(path), "checksum": checksum}))
        os.replace(partial, _stamp(path))
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()


def _stamp(path: Path) -> Path:
    return path.with_suffix(f"{path.suffix}.stamp")


def _state(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]
