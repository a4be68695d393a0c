"""The live table: a line for each cell, named by the fields that tell cells apart."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from rethink.runs.display.sweep_state import Cell, SweepState
from rethink.spec import SEEDS, TrialSpec, number_text

_MEASURED = ("train accuracy", "left", "ended by")  # columns after those that name the cell, and count
_LEVEL = "label_corruption"
_SPELLED = {_LEVEL: "level p"}
_SWITCHES = {None: "-", True: "on", False: "off"}


class CellTable:
    """Draws cells.

    Args:
        state: The sweep's trials.
        unit: What is counted: "epochs" or "steps".
        changed: The share of labels that a level really changed, by spec id; empty: it is not shown.
    """

    def __init__(self, state: SweepState, unit: str, changed: Mapping[str, float]) -> None:
        self._state = state
        self.unit = unit
        self._changed = changed
        self._names = _telling_apart([trial.spec for trial in state.trials.values()])

    def fitted(self, console: Console, title: str) -> Table:
        """All cells, or those that fit the console's height, running ones first, and a count of the rest.

        A cell is one line, cut where the console is narrow.
        """
        shown = self._state.most_telling(console.height)
        table = self._table(shown, title)
        lines = len(console.render_lines(table))
        if lines > console.height or len(shown) < len(self._state.cells):
            room = len(shown) - (lines - console.height) - 1  # a line says what is left out
            table = self._table(self._state.most_telling(max(room, 0)), title)
        return table

    def _table(self, cells: list[Cell], title: str) -> Table:
        """These cells, a line each, and a count of the others."""
        table = Table(title=_line(title), title_justify="left", caption_justify="left")
        named_by = [name for name in self._names if name not in SEEDS]
        heads = [head for name in named_by for head in (_label(name), *["changed"] * self._tells_changed(name))]
        for name in (*heads, "done", self.unit, *_MEASURED):
            justify: JustifyMethod = "left" if name in ("model", "ended by") else "right"
            table.add_column(name, justify=justify, no_wrap=name == "model")  # in a narrow console it is cut last
        left = self._state.seconds_left()
        for cell in cells:
            values = [value for name in named_by for value in self._values(cell, name)]
            seeds = f"{len(cell.done)}/{len(cell.trials)}"
            time_left = minutes(sum(left[trial.spec.spec_id] for trial in cell.trials)) if left else "?"
            row = (*values, seeds, cell.counts, cell.train_accuracy, time_left, cell.outcomes)
            table.add_row(*map(_line, row))
        if len(cells) < len(self._state.cells):
            states = Counter(cell.state for cell in self._state.cells.values()) - Counter(cell.state for cell in cells)
            table.caption = _line(f"and {states.total()} more: {', '.join(f'{n} {s}' for s, n in states.items())}")
        return table

    def name(self, spec: TrialSpec) -> str:
        """A trial by its model, and by the fields that tell it apart."""
        return ", ".join([spec.model, *(self._named(spec, name) for name in self._names[1:])])

    def _named(self, spec: TrialSpec, name: str) -> str:
        value = f"{_label(name)}={_shown(getattr(spec, name))}"
        return f"{value} ({_span([self._changed[spec.spec_id]])} changed)" if self._tells_changed(name) else value

    def _values(self, cell: Cell, name: str) -> Iterator[str]:
        """What the columns of a field show."""
        yield _shown(getattr(cell.trials[0].spec, name))
        if self._tells_changed(name):
            yield _span([self._changed[trial.spec.spec_id] for trial in cell.trials])

    def _tells_changed(self, name: str) -> bool:
        return name == _LEVEL and bool(self._changed)


def cell_names(specs: Collection[TrialSpec]) -> dict[TrialSpec, str]:
    """Each trial by its model and the fields that tell its cell apart: equal for the trials of a cell."""
    names = [name for name in _telling_apart(specs) if name not in SEEDS]
    return {
        spec: ", ".join([spec.model, *(f"{_label(name)}={_shown(getattr(spec, name))}" for name in names[1:])])
        for spec in specs
    }


def _telling_apart(specs: Collection[TrialSpec]) -> list[str]:
    """`model`, and each field that tells apart trials which the fields before it do not; seeds come last.

    So no two trials are named alike, and what follows from the rest, such as a model's own depth, takes no room.
    """
    names = ["model"]
    fields = [name for name, _ in next(iter(specs)).fields_except((*SEEDS, "model"))]
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


def minutes(seconds: float) -> str:
    """Seconds as a short text."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
