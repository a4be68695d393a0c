"""Downloading through torchvision, without its progress bars and with a time limit."""

import contextlib
import io
import socket
from collections.abc import Iterator
from pathlib import Path

from rethink.errors import DataError
from rethink.files.user_cache import user_cache

TIMEOUT = 20.0  # seconds without an answer; torchvision itself would wait for ever


def download_folder() -> Path:
    """Where downloaded archives are kept."""
    return user_cache() / "downloads"


@contextlib.contextmanager
def quiet_download(data_set: str, remedy: str) -> Iterator[None]:
    """Silence progress bars, bound every wait, and turn a failure into a one-line DataError that ends in `remedy`."""
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{data_set} could not be downloaded ({reason}); {remedy}") from error
    finally:
        socket.setdefaulttimeout(timeout)
