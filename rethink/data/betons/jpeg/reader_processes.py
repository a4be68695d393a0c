"""Image files read, checked and encoded by several processes, delivered in order."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from rethink.data.betons.jpeg.encoding import StoredJpeg, stored_jpeg
from rethink.data.sources import DataError, JpegForm
from rethink.data.sources.trees.file_names import printable
from rethink.data.sources.trees.image_files import BrokenImageError

CHUNK = 16  # images asked of a process at once
ASKED = 2  # chunks, so that no process waits for the writer
LOOK_AHEAD = 4  # chunks a process: this bounds the images held in memory
DEATH_SECONDS = 10.0  # that a process whose pipe has ended may still take

Chunk = Sequence[Path]
Read = StoredJpeg | BrokenImageError


def read_jpegs(paths: Sequence[Path], form: JpegForm, max_bytes: int, processes: int) -> Generator[Read, None, None]:
    """What `stored_jpeg` makes of each file, in order; close the iterator to end the processes.

    Raises DataError when `stored_jpeg` does, for the first such file in the order, and when a process dies.
    """
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    if min(processes, len(chunks)) == 1:  # a process more would only take time to start
        yield from (_read(path, form, max_bytes) for path in paths)
        return
    readers: list[_Reader] = []
    try:
        readers += (_Reader(form, max_bytes) for _ in range(min(processes, len(chunks))))
        yield from _in_order(chunks, readers)
    finally:
        for reader in readers:
            reader.end()


def _in_order(chunks: Sequence[Chunk], readers: Sequence["_Reader"]) -> Generator[Read, None, None]:
    free = [*readers] * ASKED
    answers: dict[int, list[Read] | DataError] = {}
    asked = delivered = 0
    while delivered < len(chunks):
        while free and asked < min(len(chunks), delivered + LOOK_AHEAD * len(readers)):
            free.pop(0).ask(asked, chunks[asked])
            asked += 1
        if delivered in answers:
            answer = answers.pop(delivered)
            if isinstance(answer, DataError):
                raise answer
            yield from answer
            delivered += 1
            continue
        ready = multiprocessing.connection.wait([reader.connection for reader in readers if reader.asked])
        for reader in (reader for reader in readers if reader.connection in ready):
            number, answer = reader.answer()
            answers[number] = answer
            free.append(reader)


class _Reader:
    """A process that answers for one chunk of files after another.

    It has a pipe of its own: the death of a process ends its pipe, even in the middle of an answer, where a queue
    shared by many, such as that of concurrent.futures, would wait for the rest for ever.
    """

    def __init__(self, form: JpegForm, max_bytes: int) -> None:
        self.asked: deque[tuple[int, Chunk]] = deque()  # and not yet answered
        self.connection, its_end = multiprocessing.Pipe()
        # No multiprocessing.Process: a fork of a process with threads, such as a Ray actor, may hang, and a spawned one
        # runs the user's main module once more.
        command = [sys.executable, "-c", f"from {__name__} import serve; serve({its_end.fileno()})"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        # Ctrl-C reaches all processes of a terminal; the writer alone should answer it, and end its readers.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:  # the process inherits what is blocked
            self._process = subprocess.Popen(command, env=environment, pass_fds=[its_end.fileno()])
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        its_end.close()
        self.connection.send((form, max_bytes))

    def ask(self, number: int, chunk: Chunk) -> None:
        self.asked.append((number, chunk))
        try:
            self.connection.send(chunk)
        except OSError as error:
            raise self._death() from error

    def answer(self) -> tuple[int, list[Read] | DataError]:
        """The number of the chunk that was asked for first, and what became of it."""
        try:
            answer: list[Read] | DataError = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._death() from error
        return self.asked.popleft()[0], answer

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self.connection.close()

    def _death(self) -> DataError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(DEATH_SECONDS)
        code = self._process.returncode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        chunk = self.asked[0][1]
        return DataError(
            f"the process that read {printable(chunk[0])} and the {len(chunk) - 1} files after it died ({how}); "
            "if memory was short, use fewer processes"
        )


def serve(file_descriptor: int) -> None:
    """Answer until the writer is gone, each answer sent while the next is made: it takes many turns of a small pipe."""
    connection = Connection(file_descriptor)
    with contextlib.suppress(EOFError, OSError), ThreadPoolExecutor(1) as thread:
        form, max_bytes = connection.recv()
        sent: Future[None] | None = None
        while True:
            answer = _answer(connection.recv(), form, max_bytes)
            if sent is not None:
                sent.result()
            sent = thread.submit(connection.send, answer)


def _answer(chunk: Chunk, form: JpegForm, max_bytes: int) -> list[Read] | DataError:
    try:
        return [_read(path, form, max_bytes) for path in chunk]
    except DataError as error:
        return error


def _read(path: Path, form: JpegForm, max_bytes: int) -> Read:
    try:
        return stored_jpeg(path, form, max_bytes)
    except BrokenImageError as error:
        return error
