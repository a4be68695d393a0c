"""Trials measured side by side, each process one at a time; what is done is on disk, whatever ends them."""

import multiprocessing
import multiprocessing.connection
import signal
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from rethink.errors import RethinkError
from rethink.measuring.finished_trial import Lacking, complete
from rethink.records.run_directory import RunDirectory
from rethink.trial.data_store import DataStore
from rethink.trial.settings import TrialSettings


@dataclass(frozen=True)
class Task:
    """A trial of a run, and what it lacks."""

    settings: TrialSettings  # of its run
    lacks: Lacking

    @property
    def run(self) -> RunDirectory:
        return RunDirectory(self.settings.run)


def complete_all(tasks: Sequence[Task], processes: int) -> Generator[tuple[Task, str | None], None, None]:
    """Each task as it is done, and what went wrong with it; close the iterator to end the processes."""
    waiting, workers = deque(tasks), list[_Worker]()
    try:
        while waiting or any(worker.task for worker in workers):
            workers = [worker for worker in workers if worker.is_alive]
            while waiting and len(workers) < processes:
                workers.append(_Worker())
            for worker in workers:
                if waiting and worker.task is None:
                    worker.ask(waiting.popleft())
            ready = multiprocessing.connection.wait([worker.connection for worker in workers if worker.task])
            yield from [worker.answer() for worker in workers if worker.connection in ready]
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A process with a pipe of its own, which ends when the process dies."""

    def __init__(self) -> None:
        self.task: Task | None = None
        self.is_alive = True
        context = multiprocessing.get_context("fork")  # no second import of torch
        self.connection, its_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(its_end,), daemon=True)
        # Ctrl-C reaches all processes of a terminal; the first one alone answers it, and ends these.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:  # what is blocked, the process inherits
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        its_end.close()

    def ask(self, task: Task) -> None:
        self.task = task
        self.connection.send(task)

    def answer(self) -> tuple[Task, str | None]:
        """The task that was asked for, and what went wrong with it."""
        assert self.task is not None
        task, self.task = self.task, None
        try:
            problem: str | None = self.connection.recv()
        except (EOFError, OSError):
            self.end()
            problem = f"the process that measured it died (exit code {self._process.exitcode}); was memory short?"
        return task, problem

    def end(self) -> None:
        self.is_alive = False
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve(connection: Connection) -> None:
    """Answer until the other process is gone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    torch.set_num_threads(1)
    stores: dict[str, DataStore] = {}  # by run
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        connection.send(_problem(task, stores))


def _problem(task: Task, stores: dict[str, DataStore]) -> str | None:
    settings, spec = task.settings, task.lacks.spec
    store = stores.setdefault(str(settings.run), DataStore(settings))
    try:
        complete(task.run, task.lacks, store, settings.data_sha256[spec.stored_data])
    except (RethinkError, OSError) as error:
        return str(error)
    return None
