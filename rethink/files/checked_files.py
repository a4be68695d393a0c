"""Files that may be damaged or of another kind: only plain files are opened, and decoded by a schema."""

import errno
import os
import stat
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from rethink.files.json_errors import UNKNOWN, with_place, with_value

Decoded = TypeVar("Decoded")

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check_plain(path: Path) -> None:
    """Refuse anything but a plain file, without opening it: a pipe or a device may never end.

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
    """JSON as `kind`: a `msgspec.Struct`, a dataclass or any other type that msgspec knows; a `Path` is a text.

    Raises:
        ValueError: The content is not JSON (which has no NaN and infinity), or not of that kind; the message, one line,
            names the field, its value and what it should be (`specs[3].seed = "x" is not allowed: expected ...`).
    """
    decoded: Decoded = _decoded(content, kind, "decode")
    return decoded


def decode_json_lines(content: bytes, kind: type[Decoded]) -> list[Decoded]:
    """Lines of JSON, each as `kind`. Raises what `decode_json` raises, for the first line that does not fit."""
    decoded: list[Decoded] = _decoded(content, kind, "decode_lines")
    return decoded


def as_kind(values: Any, kind: type[Decoded]) -> Decoded:
    """A decoded value, such as a checkpoint's dictionary, as `kind`. Raises what `decode_json` raises."""
    try:
        return msgspec.convert(values, kind, dec_hook=_custom)
    except msgspec.ValidationError as error:
        raise ValueError(with_value(str(error), values)) from None


def to_json(value: Any) -> bytes:
    """A Struct, or whatever else `decode_json` reads, as JSON with a line for every entry."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=1)


@cache
def _decoder(kind: Any) -> Any:
    return msgspec.json.Decoder(kind, dec_hook=_custom)


def _custom(kind: type, value: Any) -> Any:
    if isinstance(value, kind):  # a tensor of a checkpoint's
        return value
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"Expected `{'str' if kind is Path else kind.__name__}`, got `{type(value).__name__}`")


def _decoded(content: bytes, kind: Any, how: str) -> Any:
    try:
        return getattr(_decoder(kind), how)(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise ValueError(with_value(str(error), _untyped(content))) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(with_place(str(error), content)) from None


def _untyped(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return UNKNOWN
