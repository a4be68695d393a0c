"""A user's own code, called by ours: an exception in it becomes one line that names the code and the place."""

import contextlib
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from rethink.errors import RethinkError, SpecError

MOST_SHOWN = 300  # characters of an exception's text
_INSTALLED = [Path(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib")]
_OURS = Path(__file__).parent


@contextlib.contextmanager
def own_code(what: str) -> Iterator[None]:
    """Raise SpecError, beginning with `what`, for any exception of the code inside, sys.exit included.

    RethinkError and KeyboardInterrupt pass unchanged.
    """
    try:
        yield
    except RethinkError:
        raise
    except (Exception, SystemExit) as error:
        raise SpecError(f"{what} raised {_in_one_line(error)}{line_of(error)}") from error


def tell_uncaught() -> None:
    """Make a RethinkError that a user's file does not catch, such as `register`'s, end it in one line, status 2."""
    before = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, stack: TracebackType | None) -> None:
        place = line_of(error) if isinstance(error, RethinkError) else ""
        if place:
            print(f"rethink: {error}{place}", file=sys.stderr)
            raise SystemExit(2)
        before(kind, error, stack)

    sys.excepthook = tell


def line_of(error: BaseException) -> str:
    """ " (FILE, line N)": the innermost line of its traceback that is not in our code or a package; or ""."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        is_made = frame.filename == "<string>" or frame.filename.startswith("<frozen ")  # such as a dataclass's
        if not is_made and not any(path.is_relative_to(folder) for folder in (_OURS, *_INSTALLED)):
            return f" ({path.name}, line {frame.lineno})"
    return ""


def _in_one_line(error: BaseException) -> str:
    said = " ".join(traceback.format_exception_only(error)[-1].split())  # "KeyError: 'boom'"
    return said if len(said) <= MOST_SHOWN else f"{said[:MOST_SHOWN]} ..."
