"""Interruption from outside: Ctrl-C, SIGTERM (`kill`, batch systems) and SIGHUP (a closed terminal)."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Interruption:
    """The signal that raised a KeyboardInterrupt."""

    number: int = signal.SIGINT

    @property
    def status(self) -> int:
        """The exit status, as a shell gives it."""
        return 128 + self.number

    def message(self, stop: KeyboardInterrupt) -> str:
        """One line: what ended it, and how to continue."""
        name = "interrupted" if self.number == signal.SIGINT else f"ended by {signal.Signals(self.number).name}"
        return "; ".join([name, *getattr(stop, "__notes__", ())])


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """The first of these signals raises KeyboardInterrupt in the main thread; those that follow are ignored to the end.

    So nothing interrupts the cleanup after the first. All of them raise KeyboardInterrupt, because Ray passes on no
    other exception. Signals that `nohup` made the process ignore stay ignored.
    """
    interruption = Interruption()

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        interruption.number = number
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    with handlers_kept():
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, end)
        yield interruption


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """Put this process's handlers back, whatever is installed in the `with` block, unless a signal came meanwhile."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not signal.SIG_IGN and threading.current_thread() is threading.main_thread():
                signal.signal(number, handler)


@contextlib.contextmanager
def going_on_with(command: str) -> Iterator[None]:
    """What is interrupted in the `with` block can go on with this command: `message` says so."""
    try:
        with handlers_kept():
            yield
    except KeyboardInterrupt as stop:
        stop.add_note(f"go on with `{command}`")
        raise
