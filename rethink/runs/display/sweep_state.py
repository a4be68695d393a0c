"""What every trial of a sweep has done so far, by cell, and how long the rest will take."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from rethink.spec import SEEDS, TrialSpec


@dataclass
class TrialState:
    spec: TrialSpec
    cost: float  # expected, in any unit
    alike: tuple[Hashable, ...]  # the groups whose ended trials tell how long this one takes, the best first
    count: int = 0  # epochs, or steps, done
    train_accuracy: float | None = None
    seconds: float = 0.0  # training time so far, all attempts
    outcome: str | None = None


@dataclass
class Cell:
    """The trials that differ in their seeds alone."""

    trials: list[TrialState] = field(default_factory=list)
    ended_last: int = 0  # number, in the run, of the trial of this cell that ended last

    @property
    def done(self) -> list[TrialState]:
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


class SweepState:
    """The trials by spec id, and by cell.

    Args:
        costs: The trials' expected costs in any unit: they turn the times of trials that ended into the time left. A
            cost of 0 is not known: such a trial is taken to cost what the others do in the mean.
    """

    def __init__(self, costs: Mapping[TrialSpec, float]) -> None:
        self.trials: dict[str, TrialState] = {}
        self.cells: dict[Hashable, Cell] = {}
        known = [cost for cost in costs.values() if cost > 0]
        usual = sum(known) / len(known) if known else 1.0
        for spec, cost in costs.items():
            cell = spec.fields_except(SEEDS)
            self.trials[spec.spec_id] = TrialState(spec, cost or usual, alike=(cell, spec.model, None))
            self.cells.setdefault(cell, Cell()).trials.append(self.trials[spec.spec_id])

    @property
    def done(self) -> int:
        return sum(trial.outcome is not None for trial in self.trials.values())

    def end(self, spec: TrialSpec, outcome: str) -> None:
        """Take a trial's end."""
        self.trials[spec.spec_id].outcome = outcome
        self.cells[spec.fields_except(SEEDS)].ended_last = self.done

    def most_telling(self, number: int) -> list[Cell]:
        """At most so many cells, in the table's order: those that run, then the last that ended, then the next."""
        rank = {"running": 0, "done": 1, "waiting": 2}
        ranked = sorted(self.cells.values(), key=lambda cell: (rank[cell.state], -cell.ended_last))
        chosen = {id(cell) for cell in ranked[:number]}
        return [cell for cell in self.cells.values() if id(cell) in chosen]

    def seconds_left(self) -> dict[str, float]:
        """By trial, judged by those that ended of their own: of the same cell, else of the same model, else by all.

        Empty where there is nothing to judge by.
        """
        seconds: defaultdict[Hashable, float] = defaultdict(float)
        cost: defaultdict[Hashable, float] = defaultdict(float)
        for trial in self.trials.values():
            for group in trial.alike if trial.outcome not in (None, "error") else ():
                seconds[group] += trial.seconds
                cost[group] += trial.cost
        left = {}
        for spec_id, trial in self.trials.items():
            if trial.outcome is None and not cost:
                return {}
            group = next((group for group in trial.alike if group in cost), None)
            expected = trial.cost * seconds[group] / cost[group] if trial.outcome is None else 0.0
            # One that outlasts the others may be near its end.
            left[spec_id] = 0.0 if trial.outcome else max(expected - trial.seconds, 0.1 * expected)
        return left
