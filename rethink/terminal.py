"""What a command says reaches any terminal: characters that it cannot show are spelled out, and a full disk is told."""

import codecs
import functools
import io
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

_SPELLED = {"±": "+-", "—": "-", "≥": ">=", "≤": "<=", "·": "*", "…": "...", "°": " deg"}
_LOWEST, _HIGHEST = 0xDC80, 0xDCFF  # how Python keeps bytes of file names that are no text
P = ParamSpec("P")


def at_any_terminal(command: Callable[P, int]) -> Callable[P, int]:
    """The command, for standard output and error of any encoding. A command that cannot be heard is not begun."""

    @functools.wraps(command)
    def heard(*args: P.args, **kwargs: P.kwargs) -> int:
        if sys.stdout is None or sys.stderr is None:  # closed: the next file opened would be taken for it
            print("rethink: standard output or error is closed: /dev/null takes what nobody is to see", file=sys.stderr)
            return 2
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=_spell.__name__)
        try:
            return command(*args, **kwargs)
        finally:  # also as --help leaves by itself
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
    """Write out what was printed. Where that fails, nobody is told more on standard output, and the reason returned."""
    try:
        sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # Python's own last flush would fail as this one did
        os.close(nowhere)
        return error
    return None


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a character that cannot be encoded: ASCII, or the byte that a file's name has there."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter, rest = error.object[error.start], error.start + 1
    if _LOWEST <= ord(letter) <= _HIGHEST:
        return bytes([ord(letter) - 0xDC00]), rest
    return _SPELLED.get(letter, letter.encode("ascii", "backslashreplace").decode()), rest


codecs.register_error(_spell.__name__, _spell)
