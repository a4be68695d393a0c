"""A log file: what happened, and when, a line each, through `logging`."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger("rethink")
FORMAT = "%(asctime)s %(levelname)s %(message)s"


class FileOrNothing(logging.FileHandler):
    """A file, made with the first line, that does not end a sweep if it cannot be written, as on a full disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, delay=True, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(logging.Formatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        pass

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append what is logged under `rethink`, warnings, and what ends the `with` block, to a file."""
    handler, level, show = FileOrNothing(path), LOGGER.level, warnings.showwarning

    def show_and_log(message: Warning | str, *where: Any, **how: Any) -> None:
        LOGGER.warning("%s", message)
        show(message, *where, **how)

    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    warnings.showwarning = show_and_log
    try:
        yield
    except BaseException as error:
        LOGGER.error("ended by %s", f"{type(error).__name__}: {error}".rstrip(": "))
        raise
    finally:
        warnings.showwarning = show
        LOGGER.setLevel(level)
        LOGGER.removeHandler(handler)
        handler.close()
