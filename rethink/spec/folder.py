"""A folder of this machine, as users name it."""

import re
from pathlib import Path

from rethink.errors import SpecError
from rethink.spec.text import shown

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/")  # as a Path, s3://x is s3:/x


def local_folder(given: object) -> Path:
    """The folder that a text or path names, absolute, as workers have other working directories.

    Raises:
        SpecError: It is neither, is blank (a shell variable that was not set), is an address, or names a home that
            nobody has.
    """
    if not isinstance(given, str | Path) or not str(given).strip() or _ADDRESS.match(str(given)):
        wanted = "a folder of this machine, such as ~/images with train/ and test/ in it, or . for this one"
        raise SpecError(f"{shown(given)} is not allowed: {wanted}")
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError:  # ~ without a home, or of an unknown user
        raise SpecError(f"{shown(given)} is not allowed: no such home folder") from None
