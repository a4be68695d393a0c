"""Names of files: which of them name images, and how they are shown."""

import os
from pathlib import Path

# What Pillow opens by itself as still images of 8 bits. A fixed list, so that plugins change nothing. Not here: EPS
# and PS (Ghostscript would run), films, textures, icons of several sizes, and what Pillow only recognizes (HDF5, WMF).
SUFFIXES = (
    *(".avif", ".bmp", ".dib", ".gif", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg"),
    *(".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".sgi", ".tga", ".tif", ".tiff", ".webp"),
)


def is_named_as_image(name: str) -> bool:
    """Whether a file's name ends in one of SUFFIXES, in any case."""
    return name.lower().endswith(SUFFIXES)


def as_text(path: Path | str) -> str:
    """The name of a file as text that can be encoded: bytes that are not UTF-8 become \\xNN."""
    return os.fsencode(path).decode(errors="backslashreplace")


def printable(path: Path | str) -> str:
    """The name of a file for a message: on one line, without control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in as_text(path))
