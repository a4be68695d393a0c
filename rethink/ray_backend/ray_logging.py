"""Ray's own log while trials run goes to a file of the run: the screen belongs to the progress display."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ray._private import worker

from rethink.files.log_file import FileOrNothing

_LOGGER = logging.getLogger("ray")


@contextlib.contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Send what Ray and Tune log in this process, and the messages of Ray's daemons, to a file.

    The file is made with the first message.
    """
    handler = FileOrNothing(path)
    handlers, printed = _LOGGER.handlers, worker.print_to_stdstream
    _LOGGER.handlers, worker.print_to_stdstream = [handler], _log
    try:
        yield
    finally:
        _LOGGER.handlers, worker.print_to_stdstream = handlers, printed
        handler.close()


def _log(message: Mapping[str, Any], ignore_prefix: bool) -> None:
    """Log a daemon's message, on a dead worker for example, which Ray would print."""
    _LOGGER.warning("(%s) %s", message["pid"], "\n".join(message["lines"]))
