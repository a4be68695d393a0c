"""Which process drives a run: it holds a lock on a file of the run, which the kernel frees however the process ends."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from rethink.errors import RunError

TRIES, PAUSE = 5, 0.1  # who watches a run holds its lock for microseconds


@contextlib.contextmanager
def driving(lock: Path) -> Iterator[None]:
    """Hold a run in the `with` block. On a file system without locks, or that cannot be written, nothing is held.

    Raises:
        RunError: Another process holds it.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
            stack.callback(os.close, file)
            if not _taken(file):
                raise RunError(f"{lock.parent} is being run by another process; `rethink watch` shows it")
        yield


def is_driven(lock: Path) -> bool:
    """Whether some process, on this machine or another, holds the run."""
    try:
        file = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _taken(file: int) -> bool:
    for _ in range(TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        else:
            return True
    return False
