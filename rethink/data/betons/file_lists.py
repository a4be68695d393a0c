"""File lists: the names of the image files that a beton was made of, kept beside it; sample i is of file i."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from rethink.files.checked_files import read_plain


def write_file_list(path: Path, files: Iterable[Path], root: Path | None) -> str:
    """Write the names, relative to `root` where they lie below it; returns the list's checksum."""
    below = [file.relative_to(root) if root is not None and file.is_relative_to(root) else file for file in files]
    content = b"".join(os.fsencode(file) + b"\0" for file in below)  # the one byte that no name contains
    path.write_bytes(content)
    return hashlib.blake2b(content).hexdigest()


def read_file_list(path: Path, checksum: str) -> list[str]:
    """The names in order, as `os.fsdecode` has them. Raises what `check_file_list` raises."""
    return [os.fsdecode(name) for name in check_file_list(path, checksum).split(b"\0")[:-1]]


def check_file_list(path: Path, checksum: str) -> bytes:
    """The list as it is on disk. Raises OSError if it cannot be read, and ValueError unless it has that checksum."""
    content = read_plain(path)
    if hashlib.blake2b(content).hexdigest() != checksum:
        raise ValueError(f"{path} is altered: its checksum is not that of the sidecar")
    return content
