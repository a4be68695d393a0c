"""The end of a command: an exit status, and one line on what went wrong."""

import argparse
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

from rethink.errors import RethinkError
from rethink.interruption import Interruption, interruptible
from rethink.terminal import give_up_if_unwritable


def _in_one_line(prog: str, action: Callable[[], int]) -> int:
    warnings.formatwarning = _warning_line
    interruption = Interruption()
    try:
        with interruptible() as interruption:
            return action()
    except (RethinkError, OSError) as error:
        unwritten = give_up_if_unwritable()
        print(f"{prog}: {f'standard output: {unwritten.strerror}' if unwritten else error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"{prog}: {interruption.message(stop)}", file=sys.stderr)
        _leave_ray(interruption.status)
        return interruption.status


def _leave_ray(status: int) -> None:
    """End this process at once if it has a Ray of its own; one that has not imported Ray has none."""
    cluster = sys.modules.get("rethink.ray_backend.cluster")
    if cluster is not None:
        cluster.leave(status)


def _warning_line(message: Warning | str, *_: object, **__: object) -> str:
    return f"warning: {message}\n"


class _Once(argparse.Action):
    """Store an option's value; refuse a second one: argparse would silently drop the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        given = namespace.__dict__.setdefault("options_given", set())
        if option is not None and self.dest in given:
            together = f"{option} V V" if self.nargs == "+" else f"{option} V"
            raise argparse.ArgumentError(self, f"given twice; once, as {together}, is allowed")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class OneLineParser(argparse.ArgumentParser):
    """Errors in one line: what was wrong, what is allowed; exit status 2.

    An option must be spelled in full, and given once. What begins like a negative number is a value, -inf too.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)
        self.register("action", None, _Once)
        self._negative_number_matcher = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)

    def error(self, message: str) -> Any:
        self.exit(2, f"{self.prog}: {message}\n")
