"""What the user sees while a sweep runs: a live table by cell in a terminal, plain lines elsewhere."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, JustifyMethod
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rethink.records.run_record import LabelFacts
from rethink.spec import SEEDS, TrialSpec, number_text

_MEASURED = ("train accuracy", "left", "ended by")  # columns after those that name the cell, and count
_LEVEL = "label_corruption"
_SPELLED = {_LEVEL: "level p"}
_SWITCHES = {None: "-", True: "on", False: "off"}


@dataclass
class _TrialState:
    spec: TrialSpec
    cost: float  # expected, in any unit
    alike: tuple[Hashable, ...]  # the groups whose ended trials tell how long this one takes, the best first
    count: int = 0  # epochs, or steps, done
    train_accuracy: float | None = None
    seconds: float = 0.0  # training time so far, all attempts
    outcome: str | None = None


@dataclass
class _Cell:
    """The trials that differ in their seeds alone."""

    trials: list[_TrialState] = field(default_factory=list)
    ended_last: int = 0  # number, in the run, of the trial of this cell that ended last

    @property
    def done(self) -> list[_TrialState]:
        return [trial for trial in self.trials if trial.outcome]

    @property
    def state(self) -> str:
        if any(trial.count and not trial.outcome for trial in self.trials):
            return "running"
        return "done" if len(self.done) == len(self.trials) else "waiting"

    @property
    def counts(self) -> str:
        counts = sorted(trial.count for trial in self.trials if trial.count)
        if not counts:
            return "-"
        return str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"

    @property
    def train_accuracy(self) -> str:
        values = [trial.train_accuracy for trial in self.trials if trial.train_accuracy is not None]
        return f"{sum(values) / len(values):.1%}" if values else "-"

    @property
    def outcomes(self) -> str:
        counts = Counter(trial.outcome for trial in self.done)
        return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


class Progress:
    """Keeps the state of every trial and shows it by cell, named by the fields that tell cells apart.

    `costs` are the trials' expected costs in any unit: they turn the times of trials that ended into the time left. A
    cost of 0 is one that is not known: such a trial is taken to cost what the others do in the mean.
    `slots` says how many trials can run at once; a cluster grows and shrinks, so it is asked as each trial ends.
    `labels` has the facts by spec id: the share of labels that a level really changed is shown beside it.
    Use as a context manager.
    """

    def __init__(
        self,
        costs: Mapping[TrialSpec, float],
        slots: Callable[[], int],
        console: Console,
        labels: Mapping[str, LabelFacts] | None = None,
    ) -> None:
        self._trials: dict[str, _TrialState] = {}
        self._cells: dict[Hashable, _Cell] = {}
        known = [cost for cost in costs.values() if cost > 0]
        usual = sum(known) / len(known) if known else 1.0
        for spec, cost in costs.items():
            cell = spec.but(SEEDS)
            self._trials[spec.spec_id] = _TrialState(spec, cost or usual, alike=(cell, spec.model, None))
            self._cells.setdefault(cell, _Cell()).trials.append(self._trials[spec.spec_id])
        self._names = _telling_apart(costs)
        self._unit = "steps" if any(spec.evaluate_steps for spec in costs) else "epochs"
        self._changed = {spec_id: facts.changed for spec_id, facts in (labels or {}).items()}
        self._count_slots = slots
        self._slots = slots()
        self._console = console
        self._started = time.monotonic()
        self._said: set[str] = set()
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
        trial.count = row["steps" if self._unit == "steps" else "epoch"]
        trial.train_accuracy = row["train_accuracy"] if exact is None else exact
        trial.seconds = seconds

    def finish(self, spec: TrialSpec, outcome: str) -> None:
        """Take a trial's end; without a terminal, say it in a line."""
        self._end(spec, outcome)
        if not self._console.is_terminal:
            trial = self._trials[spec.spec_id]
            accuracy = "-" if trial.train_accuracy is None else f"{trial.train_accuracy:.1%}"
            self._say(spec, outcome, f"train accuracy {accuracy}, {trial.seconds:.0f} s; left about {self.time_left()}")

    def fail(self, spec: TrialSpec, tries: int, reason: str, stack: str) -> None:
        """Take a trial's failure, and say in a line, above the table, why it failed and where its stack is."""
        self._end(spec, "error")
        self._say(spec, "failed", f"{tries} {'try' if tries == 1 else 'tries'}: {reason} ({stack})")

    def _end(self, spec: TrialSpec, outcome: str) -> None:
        self._trials[spec.spec_id].outcome = outcome
        self._slots = self._count_slots()
        self._cells[spec.but(SEEDS)].ended_last = self._done

    def _say(self, spec: TrialSpec, ended: str, more: str) -> None:
        name = ", ".join([spec.model, *(self._named(spec, n) for n in self._names[1:])])
        after = f"{ended} after {self._trials[spec.spec_id].count} {self._unit}"
        line = f"[{self._done}/{len(self._trials)}] {name}: {after}, {more}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _named(self, spec: TrialSpec, name: str) -> str:
        value = f"{_label(name)}={_shown(getattr(spec, name))}"
        return f"{value} ({_span([self._changed[spec.spec_id]])} changed)" if self._tells_changed(name) else value

    def _tells_changed(self, name: str) -> bool:
        return name == _LEVEL and bool(self._changed)

    def say_once(self, line: str) -> None:
        """Show a line above the table, the first time that it is given."""
        if line not in self._said:
            self._said.add(line)
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def table(self) -> Table:
        """The cells: all of them, or those that fit the console's height, running ones first, and a count of the rest.

        A cell is one line, cut where the console is narrow.
        """
        shown = self._most_telling(self._console.height)
        table = self._table(shown)
        lines = len(self._console.render_lines(table))
        if lines > self._console.height or len(shown) < len(self._cells):
            room = len(shown) - (lines - self._console.height) - 1  # a line says what is left out
            table = self._table(self._most_telling(max(room, 0)))
        return table

    def time_left(self) -> str:
        """Expected time to the end of the sweep, from the trials that ended of their own; ? before the first."""
        left = self._seconds_left()
        return _minutes(sum(left.values()) / self._slots) if left else "?"

    @property
    def _done(self) -> int:
        return sum(trial.outcome is not None for trial in self._trials.values())

    def _most_telling(self, number: int) -> list[_Cell]:
        """At most so many cells, in the table's order: those that run, then the last that ended, then the next."""
        rank = {"running": 0, "done": 1, "waiting": 2}
        ranked = sorted(self._cells.values(), key=lambda cell: (rank[cell.state], -cell.ended_last))
        chosen = {id(cell) for cell in ranked[:number]}
        return [cell for cell in self._cells.values() if id(cell) in chosen]

    def _table(self, cells: list[_Cell]) -> Table:
        elapsed = _minutes(time.monotonic() - self._started)
        title = f"{self._done} of {len(self._trials)} trials done, {elapsed} so far, about {self.time_left()} left"
        table = Table(title=_line(title), title_justify="left", caption_justify="left")
        named_by = [name for name in self._names if name not in SEEDS]
        heads = [head for name in named_by for head in (_label(name), *["changed"] * self._tells_changed(name))]
        for name in (*heads, "done", self._unit, *_MEASURED):
            justify: JustifyMethod = "left" if name in ("model", "ended by") else "right"
            table.add_column(name, justify=justify, no_wrap=name == "model")  # in a narrow console it is cut last
        left = self._seconds_left()
        for cell in cells:
            values = [value for name in named_by for value in self._values(cell, name)]
            seeds = f"{len(cell.done)}/{len(cell.trials)}"
            time_left = _minutes(sum(left[trial.spec.spec_id] for trial in cell.trials)) if left else "?"
            row = (*values, seeds, cell.counts, cell.train_accuracy, time_left, cell.outcomes)
            table.add_row(*map(_line, row))
        if len(cells) < len(self._cells):
            states = Counter(cell.state for cell in self._cells.values()) - Counter(cell.state for cell in cells)
            table.caption = _line(f"and {states.total()} more: {', '.join(f'{n} {s}' for s, n in states.items())}")
        return table

    def _values(self, cell: _Cell, name: str) -> Iterator[str]:
        """What the columns of a field show."""
        yield _shown(getattr(cell.trials[0].spec, name))
        if self._tells_changed(name):
            yield _span([self._changed[trial.spec.spec_id] for trial in cell.trials])

    def _seconds_left(self) -> dict[str, float]:
        """By trial, judged by those that ended of their own: of the same cell, else of the same model, else by all.

        Empty where there is nothing to judge by.
        """
        seconds: defaultdict[Hashable, float] = defaultdict(float)
        cost: defaultdict[Hashable, float] = defaultdict(float)
        for trial in self._trials.values():
            for group in trial.alike if trial.outcome not in (None, "error") else ():
                seconds[group] += trial.seconds
                cost[group] += trial.cost
        left = {}
        for spec_id, trial in self._trials.items():
            if trial.outcome is None and not cost:
                return {}
            group = next((group for group in trial.alike if group in cost), None)
            expected = trial.cost * seconds[group] / cost[group] if trial.outcome is None else 0.0
            # One that outlasts the others may be near its end.
            left[spec_id] = 0.0 if trial.outcome else max(expected - trial.seconds, 0.1 * expected)
        return left


def _telling_apart(specs: Collection[TrialSpec]) -> list[str]:
    """`model`, and each field that tells apart trials which the fields before it do not; seeds come last.

    So no two trials are named alike, and what follows from the rest, such as a model's own depth, takes no room.
    """
    names = ["model"]
    fields = [name for name, _ in next(iter(specs)).but((*SEEDS, "model"))]
    for name in (*fields, *SEEDS):
        seen = {tuple(getattr(spec, n) for n in names) for spec in specs}
        if len({tuple(getattr(spec, n) for n in (*names, name)) for spec in specs}) > len(seen):
            names.append(name)
    return names


def _label(name: str) -> str:
    return _SPELLED.get(name, name.replace("_", " "))


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return _SWITCHES[value]
    return number_text(value) if isinstance(value, float) else str(value)


def _span(shares: Sequence[float]) -> str:
    """In percent, from the least to the greatest, such as 16.9-19.2%; one number where they are the same."""
    least, greatest = (f"{100 * share:.1f}" for share in (min(shares), max(shares)))
    return f"{least}%" if least == greatest else f"{least}-{greatest}%"


def _line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
