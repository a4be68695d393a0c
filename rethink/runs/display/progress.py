"""What the user sees while a sweep runs: a live table by cell in a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from rethink.records.run_record import LabelFacts
from rethink.runs.display.cell_table import CellTable, minutes
from rethink.runs.display.sweep_state import SweepState
from rethink.spec import TrialSpec


class Progress:
    """Keeps the state of every trial and shows it. Use as a context manager.

    Args:
        costs: The trials' expected costs in any unit; 0: not known.
        slots: Says how many trials can run at once; a cluster grows and shrinks, so it is asked as each trial ends.
        console: Where it is shown.
        labels: The facts by spec id: the share of labels that a level really changed is shown beside it.
    """

    def __init__(
        self,
        costs: Mapping[TrialSpec, float],
        slots: Callable[[], int],
        console: Console,
        labels: Mapping[str, LabelFacts] | None = None,
    ) -> None:
        unit = "steps" if any(spec.evaluate_steps for spec in costs) else "epochs"
        changed = {spec_id: facts.changed for spec_id, facts in (labels or {}).items()}
        self._state = SweepState(costs)
        self._cells = CellTable(self._state, unit, changed)
        self._count_slots = slots
        self._slots = slots()
        self._console = console
        self._started = time.monotonic()
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=2)

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def update(self, spec: TrialSpec, row: Mapping[str, Any], seconds: float) -> None:
        """Take a trial's newest row and its training time so far (s)."""
        trial = self._state.trials[spec.spec_id]
        exact = row["exact_train_accuracy"]
        trial.count = row["steps" if self._cells.unit == "steps" else "epoch"]
        trial.train_accuracy = row["train_accuracy"] if exact is None else exact
        trial.seconds = seconds

    def finish(self, spec: TrialSpec, outcome: str) -> None:
        """Take a trial's end; without a terminal, say it in a line."""
        self._end(spec, outcome)
        if not self._console.is_terminal:
            trial = self._state.trials[spec.spec_id]
            accuracy = "-" if trial.train_accuracy is None else f"{trial.train_accuracy:.1%}"
            more = f"train accuracy {accuracy}, {trial.seconds:.0f} s; left about {self.time_left()}"
            self._show_end(spec, outcome, more)

    def fail(self, spec: TrialSpec, tries: int, reason: str, stack: str) -> None:
        """Take a trial's failure, and say in a line, above the table, why it failed and where its stack is."""
        self._end(spec, "error")
        self._show_end(spec, "failed", f"{tries} {'try' if tries == 1 else 'tries'}: {reason} ({stack})")

    def say(self, line: str) -> None:
        """Show a line above the table."""
        self._show(line)

    def table(self) -> Table:
        """The cells that fit the console, below how far the sweep is."""
        return self._cells.fitted(self._console, self._title())

    def seconds_left(self) -> Mapping[str, float]:
        """Expected time to the end of each trial, by spec id, s; empty before a trial has ended of its own."""
        return self._state.seconds_left()

    def time_left(self) -> str:
        """Expected time to the end of the sweep, from the trials that ended of their own; ? before the first."""
        left = self._state.seconds_left()
        return minutes(sum(left.values()) / self._slots) if left else "?"

    def _title(self) -> str:
        done = f"{self._state.done} of {len(self._state.trials)} trials done"
        return f"{done}, {minutes(time.monotonic() - self._started)} so far, about {self.time_left()} left"

    def _end(self, spec: TrialSpec, outcome: str) -> None:
        self._state.end(spec, outcome)
        self._slots = self._count_slots()

    def _show_end(self, spec: TrialSpec, ended: str, more: str) -> None:
        after = f"{ended} after {self._state.trials[spec.spec_id].count} {self._cells.unit}"
        self._show(f"[{self._state.done}/{len(self._state.trials)}] {self._cells.name(spec)}: {after}, {more}")

    def _show(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
