"""The end of a command: an exit status, and one line on what went wrong."""

import argparse
import re
import shutil
import sys
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from rethink.errors import RethinkError
from rethink.interruption import Interruption, interruptible
from rethink.spec.text import nearest, shown
from rethink.terminal import give_up_if_unwritable

WIDEST = 100  # columns of a help text


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
            together = f"{option} {self.metavar}" + (" ..." if self.nargs == "+" else "")
            raise argparse.ArgumentError(self, f"given twice; once, as {together}, is allowed")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def indented(text: str) -> list[str]:
    """The lines of a text below the name that it explains."""
    return [f"      {line}" for line in textwrap.wrap(text, _width() - 6)]


def _width() -> int:
    return max(20, min(shutil.get_terminal_size().columns, WIDEST) - 2)


class _Help(argparse.HelpFormatter):
    """Help as wide as the terminal, up to WIDEST; `NAME ...` stands for one or more values.

    The lines of a description stay lines; indented ones, such as commands to be pasted, are not broken.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=max(12, _width() // 3), width=_width())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        return "\n".join(line if line.startswith(" ") else textwrap.fill(line, width) for line in lines)

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        if action.nargs in ("+", argparse.REMAINDER):
            return f"{self._metavar_formatter(action, default_metavar)(1)[0]} ..."
        return super()._format_args(action, default_metavar)


class OneLineParser(argparse.ArgumentParser):
    """Errors in one line: what was wrong, what is allowed, what is nearest to it; exit status 2.

    An option must be spelled in full, and given once. What begins like a negative number is a value, -inf too.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": _Help, **settings}, allow_abbrev=False)
        self.register("action", None, _Once)
        self._negative_number_matcher = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but a mistyped option is told with the nearest one."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self._chosen(parsed).refuse(unknown)
        return parsed

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def _chosen(self, parsed: argparse.Namespace) -> "OneLineParser":
        """The parser of the chosen command, or this one."""
        commands = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return next((action.choices[getattr(parsed, action.dest)] for action in commands), self)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """End with the arguments that are not known, and the option that is nearest to the first."""
        known = [name for name in self._option_string_actions if name.startswith("--")]
        near = nearest(unknown[0].partition("=")[0], known)
        self.error(f"unrecognized arguments: {' '.join(unknown)}{near}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = list(action.choices or ())
        if action.choices is not None and value not in choices:
            message = f"{shown(value)} is not allowed: {', '.join(map(str, choices))}{nearest(value, choices)}"
            raise argparse.ArgumentError(action, message)
