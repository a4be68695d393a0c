"""Output for any terminal: characters that it cannot show are spelled out, and a full disk is reported."""

import codecs
import functools
import io
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

_SPELLED = {"±": "+-", "—": "-", "≥": ">=", "≤": "<=", "·": "*", "…": "...", "°": " deg"}
_LOWEST, _HIGHEST = 0xDC80, 0xDCFF  # how Python represents bytes of file names that are not text
P = ParamSpec("P")


def at_any_terminal(command: Callable[P, int]) -> Callable[P, int]:
    """The command, for standard output and error of any encoding. It does not start if it cannot write to them."""

    @functools.wraps(command)
    def heard(*args: P.args, **kwargs: P.kwargs) -> int:
        if sys.stdout is None or sys.stderr is None:  # closed: the next file opened would be taken for it
            print("rethink: standard output or error is closed; redirect it to /dev/null instead", file=sys.stderr)
            return 2
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=_spell.__name__)
        try:
            return command(*args, **kwargs)
        finally:  # --help exits by itself
            unwritten = give_up_if_unwritable()
            if unwritten is not None:
                print(f"rethink: standard output: {unwritten.strerror}", file=sys.stderr)
                raise SystemExit(1)

    return heard


def put(content: bytes) -> None:
    """Write bytes to standard output, whatever its encoding is. Raises OSError that names it."""
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


def give_up_if_unwritable() -> OSError | None:
    """Flush what was printed. If that fails, redirect standard output to nowhere and return the reason."""
    try:
        sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # Python's own last flush would fail in the same way
        os.close(nowhere)
        return error
    return None


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """The replacement of a character that cannot be encoded: ASCII, or the byte of a file's name."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter, rest = error.object[error.start], error.start + 1
    if _LOWEST <= ord(letter) <= _HIGHEST:
        return bytes([ord(letter) - 0xDC00]), rest
    return _SPELLED.get(letter, letter.encode("ascii", "backslashreplace").decode()), rest


codecs.register_error(_spell.__name__, _spell)
