"""Ray's own log while trials run: into a file of the run, as the screen is the progress display's."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ray._private import worker

_LOGGER = logging.getLogger("ray")


@contextlib.contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Send what Ray and Tune log in this process, and what Ray's daemons tell it, to a file.

    The file is made when there is something to say.
    """
    handler = _FileOrNothing(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handlers, printed = _LOGGER.handlers, worker.print_to_stdstream
    _LOGGER.handlers, worker.print_to_stdstream = [handler], _log
    try:
        yield
    finally:
        _LOGGER.handlers, worker.print_to_stdstream = handlers, printed
        with contextlib.suppress(OSError):
            handler.close()


def _log(told: Mapping[str, Any], ignore_prefix: bool) -> None:
    """Take what a daemon tells, of a worker that died say: Ray would print it."""
    _LOGGER.warning("(%s) %s", told["pid"], "\n".join(told["lines"]))


class _FileOrNothing(logging.FileHandler):
    """A log that cannot be written, on a full disk perhaps, is no reason to end a sweep."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        pass
