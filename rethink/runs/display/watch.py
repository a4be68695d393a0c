"""The live table of a run that another process drives, or drove: read from the run's files alone."""

import time
import warnings
from pathlib import Path
from shlex import quote

from rich.console import Console
from rich.live import Live
from rich.table import Table

from rethink.records.record import TIMING_COLUMNS
from rethink.records.rows import read_attempts, rows_of
from rethink.records.run_directory import RunDirectory
from rethink.records.run_lock import is_driven
from rethink.runs.display.cell_table import CellTable
from rethink.runs.display.sweep_state import SweepState

SECONDS = 2.0  # between two looks
_TIMES = [name for name in TIMING_COLUMNS if name.endswith("_seconds")]


class WatchedRun:
    """What a run's files say. A row file is read again only if its size has changed."""

    def __init__(self, run: RunDirectory) -> None:
        record = run.read_run()
        self._run, self._specs = run, {spec.spec_id: spec for spec in record.specs}
        unit = "steps" if any(spec.evaluate_steps for spec in record.specs) else "epochs"
        changed = {spec_id: facts.changed for spec_id, facts in record.labels.items()}
        self._state = SweepState(dict.fromkeys(record.specs, 0.0))
        self.cells = CellTable(self._state, unit, changed)
        self._read: dict[str, list[tuple[Path, int]]] = {}

    def look(self) -> None:
        """Read what is new. Raises RunError and OSError for what cannot be read."""
        with warnings.catch_warnings(action="ignore"):  # half of a row: it is being written
            results = self._run.results(self._specs)
            for spec_id, files in results.row_files.items():
                if self._read.get(spec_id) != files:
                    self._read[spec_id] = files
                    self._take_rows(spec_id, [path for path, _ in files])
        for spec_id, outcome in results.outcomes.items():
            if self._state.trials[spec_id].outcome != outcome.stop_reason:
                self._state.end(self._specs[spec_id], outcome.stop_reason)

    def table(self, console: Console) -> Table:
        """The cells, below what becomes of the run."""
        return self.cells.fitted(console, self._title())

    @property
    def goes_on(self) -> bool:
        """Whether some process still drives the run."""
        return is_driven(self._run.lock)

    @property
    def is_done(self) -> bool:
        """Whether every trial came to an end of its own."""
        return all(trial.outcome not in (None, "error") for trial in self._state.trials.values())

    def _take_rows(self, spec_id: str, paths: list[Path]) -> None:
        rows = rows_of(read_attempts(paths, self._run.run_id)[0])
        if rows:
            trial, last = self._state.trials[spec_id], rows[max(rows)]
            exact = last["exact_train_accuracy"]
            trial.count = last["steps" if self.cells.unit == "steps" else "epoch"]
            trial.train_accuracy = last["train_accuracy"] if exact is None else exact
            trial.seconds = sum(row[name] or 0.0 for row in rows.values() for name in _TIMES)

    def _title(self) -> str:
        done = f"{self._state.done} of {len(self._specs)} trials done"
        if self.goes_on:
            return f"{done}, running"
        return done if self.is_done else f"{done}, no process holds the run"


def watch(run: RunDirectory, console: Console) -> bool:
    """Show a run's table until no process drives it; without a terminal, once.

    Returns:
        Whether every trial has come to an end of its own.
    """
    watched = WatchedRun(run)
    watched.look()
    if console.is_terminal and watched.goes_on:
        with Live(console=console, get_renderable=lambda: watched.table(console), refresh_per_second=1):
            while watched.goes_on:
                time.sleep(SECONDS)
                watched.look()
    else:
        console.print(watched.table(console))
    if not watched.goes_on and not watched.is_done:
        print(f"go on with   rethink resume {quote(str(run.root))}")
    return watched.is_done
