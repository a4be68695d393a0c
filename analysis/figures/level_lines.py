"""The lines of a figure over the label corruption level, and the frame that they are drawn in."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.captions import line_label, trial_texts
from analysis.figures import style
from analysis.figures.svg import titles
from analysis.grouping.cells import LEVEL, line_columns
from analysis.published import read
from analysis.statistics.cells import summary
from analysis.statistics.float_columns import floats
from rethink.spec import number_text

_DODGE, _MOST_DODGE = 0.016, 0.06  # sideways shift between neighbouring lines, and over all of them, in levels
_LABEL_WIDTH = 62  # characters of a legend label in a row
_SHORT = 32  # characters of a legend label, at most, for two to fit side by side


@dataclass(frozen=True)
class Line:
    """One line: its trials, their summary in order of level, and its looks."""

    label: str
    look: style.Look
    dodge: float
    trials: pd.DataFrame
    cells: pd.DataFrame

    def draw(self, axes: Axes, middle: "pd.Series[Any]") -> None:
        """The line through one value per level; it breaks where that is null."""
        axes.plot(floats(self.cells[LEVEL]) + self.dodge, floats(middle), **self.look.of_line)

    def draw_band(self, axes: Axes, least: "pd.Series[Any]", greatest: "pd.Series[Any]") -> None:
        """The band between two values per level; it breaks where either is null."""
        levels = floats(self.cells[LEVEL]) + self.dodge
        axes.fill_between(levels, floats(least), floats(greatest), color=self.look.color, alpha=0.15, linewidth=0)

    @property
    def published(self) -> pd.DataFrame:
        """The original project's rows for this line's model, in order of level; none for a model that it did not run.

        Its errors are those of the epoch best on the test set; one of AlexNet's epochs was typed in by hand.
        """
        table = read("original_label_corruption").table
        return table[table["model"] == str(self.trials["model"].iloc[0])]

    def dots(self, axes: Axes, trials: pd.DataFrame, values: "pd.Series[Any]", *, fitted: bool) -> None:
        """One dot per trial, or one open upward triangle if the trial did not fit."""
        levels = floats(trials[LEVEL]) + self.dodge
        looks = self.look.of_dots if fitted else self.look.of_unfitted
        axes.plot(levels, floats(values), **looks, gid=titles(trial_texts(trials)))


def lines_of(trials: pd.DataFrame, count: str) -> list[Line]:
    """The lines of these trials; `count` is the summary's column that states n. Raises ValueError for no trials."""
    if trials.empty:
        raise ValueError("the runs asked for no trial: there is nothing to draw")
    names = line_columns(trials)
    mixed = [name for name in ("dataset", "train_samples") if len(trials[name].unique()) > 1]
    groups = [group for _, group in trials.groupby(names, observed=True, dropna=False)]
    step = min(_DODGE, _MOST_DODGE / len(groups))
    looks = style.looks_of([str(group["model"].iloc[0]) for group in groups])
    lines = []
    for index, (group, look) in enumerate(zip(groups, looks, strict=True)):
        cells = summary(group)
        values = {name: group[name].iloc[0] for name in names}
        label = line_label(values, cells[count].tolist(), mixed)
        lines.append(Line(label, look, step * (index - (len(groups) - 1) / 2), group, cells))
    return lines


def with_published(lines: Sequence[Line]) -> list[Line]:
    """The first line of every model with published values."""
    first = {str(line.trials["model"].iloc[0]): line for line in reversed(lines)}
    return [line for line in reversed(first.values()) if not line.published.empty]


def framed(
    title: str, subtitle: str, lines: Sequence[Line], note: str, left_out: int, panels: Sequence[str], across: int
) -> tuple[Figure, list[Axes]]:
    """A figure with a level axis, the lines' legend, and a note that says what is drawn and how many trials are not.

    `panels` are the titles of its axes, up to `across` of them side by side; the trials belong to the first.
    """
    changed = _shares_changed(lines)
    shifted = " Lines are set apart sideways for legibility." if len(lines) > 1 else ""
    shares = " In brackets under a level: the labels that it really changed." if changed else ""
    caption = (
        note + shares + shifted + (f" Not drawn: {left_out} trial{'s' if left_out > 1 else ''}." if left_out else "")
    )
    characters = style.note_width(len(panels), across)
    wrapped = textwrap.wrap(caption, characters, break_on_hyphens=False)
    columns = 2 if len(lines) > 1 and max(len(line.label) for line in lines) <= _SHORT else 1
    labels = [textwrap.fill(line.label, _LABEL_WIDTH) for line in lines]
    legend_rows = -(-len(lines) // columns) + sum(label.count("\n") for label in labels)
    below = legend_rows + len(wrapped) + (1 if changed else 0)
    figure, places = style.new_panels(title, textwrap.fill(subtitle, characters), below, panels, across)
    style.small_print(figure, "\n".join(wrapped), len(wrapped))
    handles = [Line2D([], [], label=label, **line.look.of_line) for label, line in zip(labels, lines, strict=True)]
    style.legend(figure, handles, columns, legend_rows + len(wrapped))
    for axes in places:
        axes.set_xlim(-0.06, 1.06)
        axes.set_xlabel("label corruption level p", fontsize=style.TEXT)
    mark_levels(places[0], [float(level) for line in lines for level in line.cells[LEVEL]], changed)
    if left_out == sum(len(line.trials) for line in lines):
        first = places[0]
        first.text(0.5, 0.5, "nothing measured yet", transform=first.transAxes, ha="center", fontsize=style.TEXT)
    return figure, places


def mark_levels(axes: Axes, levels: Sequence[float], changed: Mapping[float, float] | None = None) -> None:
    """Ticks at the levels measured, and nowhere else; under each, where known, the share of `changed` labels."""
    marked = sorted(set(levels))
    shares = {level: f"\n({changed[level]:.0%})" for level in marked if changed and level in changed}
    axes.set_xticks(marked, [number_text(level) + shares.get(level, "") for level in marked])


def _shares_changed(lines: Sequence[Line]) -> dict[float, float]:
    """By level, the mean share of labels that it changed, over the trials whose share is known."""
    trials = pd.concat([line.trials[[LEVEL, "labels_changed"]] for line in lines])
    groups = trials.groupby(LEVEL)["labels_changed"]
    return {cast(float, level): float(own.mean()) for level, own in groups if own.notna().all()}
