"""Files that may be damaged or not what they seem: plain files alone are opened, and decoded by a schema."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

import msgspec

Decoded = TypeVar("Decoded")

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check_plain(path: Path) -> None:
    """Refuse what is no plain file without opening it: a pipe or a device may never end.

    Raises:
        OSError: The path is missing, or a folder, pipe, device or socket; `strerror` says which.
    """
    kind = stat.S_IFMT(path.stat().st_mode)
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"{_KINDS.get(kind, 'no plain file')}, not a plain file", str(path))


def open_plain(path: Path) -> BufferedReader:
    """Open a plain file for reading. Raises what `check_plain` raises."""
    check_plain(path)
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")  # it may be swapped meanwhile


def read_plain(path: Path) -> bytes:
    """The bytes of a plain file. Raises what `check_plain` raises."""
    with open_plain(path) as file:
        return file.read()


def decode_json(content: bytes, kind: type[Decoded]) -> Decoded:
    """JSON as `kind`, a `msgspec.Struct` or any other type that msgspec knows.

    Raises:
        ValueError: The content is no JSON (NaN and infinity are none), or not of that kind; the message names the
            field (`$.specs[3].seed`) and what it should be.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
