"""The user's cache folder, and where compiled kernels are kept, as an installation may be read-only."""

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

from rethink.errors import RethinkError, SpecError

KERNELS = "NUMBA_CACHE_DIR"


def user_cache() -> Path:
    """The user's cache folder of this package. Raises SpecError where no home folder is known."""
    folder = Path(platformdirs.user_cache_dir("rethink"))
    if not folder.is_absolute():  # ~ without a home
        raise SpecError("no home folder is known for the cache; set HOME or XDG_CACHE_HOME, or give --cache-dir FOLDER")
    return folder


def kernel_cache() -> Path | None:
    """A folder for compiled kernels, for this process and those that it starts; None if no folder can be written.

    NUMBA_CACHE_DIR, else the user's cache folder, else a temporary one that is removed with this process. Others must
    not be able to write to it, because its content is run.
    """
    wanted = [Path(os.environ[KERNELS])] if os.environ.get(KERNELS) else []
    with contextlib.suppress(RethinkError):
        wanted.append(user_cache() / "kernels")
    return next((folder for folder in wanted if _is_writable(folder)), None) or _temporary()


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _temporary() -> Path | None:
    try:
        folder = tempfile.mkdtemp(prefix="rethink-kernels-")
    except OSError:
        return None
    os.environ[KERNELS] = folder
    atexit.register(_remove, folder, os.getpid())
    return Path(folder)


def _remove(folder: str, maker: int) -> None:
    if os.getpid() == maker:  # not a forked copy of it
        shutil.rmtree(folder, ignore_errors=True)
