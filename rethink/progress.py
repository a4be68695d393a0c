"""What the user sees while a sweep runs: a live table by cell in a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from rethink.spec import TrialSpec


@dataclass
class _TrialState:
    spec: TrialSpec
    cost: float  # expected, in any unit
    epoch: int = 0
    train_accuracy: float | None = None
    seconds: float = 0.0  # training time so far, all attempts
    outcome: str | None = None


@dataclass
class _Cell:
    """The trials that differ in their seeds alone."""

    model: str
    level: float
    trials: list[_TrialState] = field(default_factory=list)

    @property
    def done(self) -> list[_TrialState]:
        return [trial for trial in self.trials if trial.outcome]

    @property
    def epochs(self) -> str:
        counts = sorted(trial.epoch for trial in self.trials if trial.epoch)
        if not counts:
            return "-"
        return str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"

    @property
    def train_accuracy(self) -> str:
        values = [trial.train_accuracy for trial in self.trials if trial.train_accuracy is not None]
        return f"{sum(values) / len(values):.1%}" if values else "-"

    @property
    def outcomes(self) -> str:
        names = [trial.outcome for trial in self.done if trial.outcome]
        return ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))


class Progress:
    """Keeps the state of every trial and shows it by cell (model and level). Use as a context manager.

    `costs` are the trials' expected costs in any unit: they turn the times of trials that ended into the time left.
    """

    def __init__(self, costs: Mapping[TrialSpec, float], slots: int, console: Console) -> None:
        self._trials = {spec.spec_id: _TrialState(spec, cost) for spec, cost in costs.items()}
        self._cells: dict[tuple[str, float], _Cell] = {}
        for trial in self._trials.values():
            cell = (trial.spec.model, trial.spec.label_corruption)
            self._cells.setdefault(cell, _Cell(*cell)).trials.append(trial)
        self._slots = slots
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
        trial = self._trials[spec.spec_id]
        exact = row["exact_train_accuracy"]
        trial.epoch, trial.train_accuracy = row["epoch"], row["train_accuracy"] if exact is None else exact
        trial.seconds = seconds

    def finish(self, spec: TrialSpec, outcome: str) -> None:
        """Take a trial's end; without a terminal, say it in a line."""
        trial = self._trials[spec.spec_id]
        trial.outcome = outcome
        if not self._console.is_terminal:
            accuracy = "-" if trial.train_accuracy is None else f"{trial.train_accuracy:.1%}"
            self._console.print(
                f"[{self._done}/{len(self._trials)}] {spec.model} p={spec.label_corruption:g} seed={spec.seed}: "
                f"{outcome} after {trial.epoch} epochs, train accuracy {accuracy}, {trial.seconds:.0f} s; "
                f"left about {self.time_left()}",
                highlight=False,
                soft_wrap=True,
            )

    def table(self) -> Table:
        """The state of every cell."""
        elapsed = _minutes(time.monotonic() - self._started)
        title = f"{self._done} of {len(self._trials)} trials done, {elapsed} so far, about {self.time_left()} left"
        table = Table(title=title, title_justify="left")
        for name in ("model", "level p", "seeds done", "epochs", "train accuracy", "left", "ended by"):
            table.add_column(name, justify="left" if name in ("model", "ended by") else "right")
        for cell in self._cells.values():
            left = _minutes(sum(map(self._expected_left, cell.trials))) if self._done else "?"
            seeds = f"{len(cell.done)}/{len(cell.trials)}"
            level = f"{cell.level:g}"
            row = (cell.model, level, seeds, cell.epochs, cell.train_accuracy, left, cell.outcomes)
            table.add_row(*row)
        return table

    def time_left(self) -> str:
        """Expected time to the end of the sweep, from the trials that ended; ? before the first."""
        if not self._done:
            return "?"
        return _minutes(sum(self._expected_left(trial) for trial in self._trials.values()) / self._slots)

    @property
    def _done(self) -> int:
        return sum(trial.outcome is not None for trial in self._trials.values())

    def _expected_left(self, trial: _TrialState) -> float:
        """Seconds, judged by the trials that ended: of the same cell, else of the same model, else by all of them."""
        if trial.outcome:
            return 0.0
        ended = [t for t in self._trials.values() if t.outcome]
        model = [t for t in ended if t.spec.model == trial.spec.model]
        cell = [t for t in model if t.spec.label_corruption == trial.spec.label_corruption]
        alike = cell or model or ended
        expected = trial.cost * sum(t.seconds for t in alike) / sum(t.cost for t in alike)
        return max(expected - trial.seconds, 0.1 * expected)  # one that outlasts the others may be near its end


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
