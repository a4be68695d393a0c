"""Progress of writing a data set, on stderr: a bar in a terminal, elsewhere a plain line now and then."""

import sys
import time
from collections.abc import Generator, Iterable
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 30.0  # between two plain lines

Item = TypeVar("Item")


def with_progress(items: Iterable[Item], total: int, what: str) -> Generator[Item, None, None]:
    """Yield the items one by one and report done of total, images a second and the time left."""
    console = Console(stderr=True)
    return _with_bar(items, total, what, console) if console.is_terminal else _with_lines(items, total, what)


def _with_bar(items: Iterable[Item], total: int, what: str, console: Console) -> Generator[Item, None, None]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        yield from progress.track(items, total, description=what)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f} images/s")


def _with_lines(items: Iterable[Item], total: int, what: str) -> Generator[Item, None, None]:
    start = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_SECONDS and done < total:
            last, rate = now, done / (now - start)
            left = timedelta(seconds=round((total - done) / rate))
            print(f"{what}: {done:,} of {total:,} images, {rate:,.0f} images/s, {left} left", file=sys.stderr)
