"""Figure: epochs to fit against the number of training images, one line per network, one panel per level."""

import textwrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from analysis.captions import limits, line_label, trial_texts
from analysis.figures import style
from analysis.figures.svg import titles
from analysis.grouping.cells import LEVEL, line_columns
from analysis.statistics.capacity import SIZE, capacity
from analysis.statistics.cells import summary
from analysis.statistics.float_columns import floats
from rethink.spec import number_text

_NOTE = (
    "Line: median over the trials of a size, where it is known; dots: trials that fitted; open triangles: trials not "
    "fitted by then ({limits}, right-censored). Band: from the greatest size that every trial fitted to the least that "
    "some trial did not; the capacity within that horizon lies between."
)


def sizes_figure(trials: pd.DataFrame, subtitle: str, across: int = style.ACROSS) -> Figure:
    """Epochs to fit over the size of the training set, both logarithmic. Raises ValueError for no trials."""
    if trials.empty:
        raise ValueError("there is no trial to draw")
    names = [name for name in line_columns(trials) if name != SIZE]
    lines = [line for _, line in trials.groupby(names, observed=True, dropna=False)]
    looks = [style.look(number) for number in range(len(lines))]  # most are one model of several widths
    levels = sorted(trials[LEVEL].unique())
    left_out = int((trials["epochs"] == 0).sum())
    caption = _NOTE.format(limits=limits(trials)) + (f" Without an epoch, not drawn: {left_out}." if left_out else "")
    characters = style.note_width(len(levels), across)
    note = textwrap.wrap(caption, characters, break_on_hyphens=False)
    handles = [style.handle(_label(line, names), look) for line, look in zip(lines, looks, strict=True)]
    columns = 1 if len(levels) == 1 else 2
    below = len(note) + -(-len(handles) // columns)
    panels = [f"level p = {number_text(level)}" for level in levels]
    title = "Epochs to converge vs size of the training set"
    figure, places = style.new_panels(title, textwrap.fill(subtitle, characters), below, panels, across)
    for axes, level in zip(places, levels, strict=True):
        for line, look in zip(lines, looks, strict=True):
            _draw(axes, line[line[LEVEL] == level], look)
        _dress(axes, trials)
    style.legend(figure, handles, columns, below)
    style.small_print(figure, "\n".join(note), len(note))
    return figure


def _label(line: pd.DataFrame, names: list[str]) -> str:
    seeds = line.groupby([LEVEL, SIZE]).size()
    return line_label({name: line[name].iloc[0] for name in names}, seeds.tolist(), [])


def _draw(axes: Axes, trials: pd.DataFrame, look: style.Look) -> None:
    if trials.empty:
        return
    cells = summary(trials).sort_values(SIZE)
    median = cells["epochs_to_fit_median"]
    axes.plot(floats(cells[SIZE]), floats(median), color=look.color, linestyle=look.dash, linewidth=0.9)
    fitted = trials["fitted"].astype(bool)
    _mark(axes, trials[fitted], "epochs_to_fit", look.of_dots)
    _mark(axes, trials[~fitted & (trials["epochs"] > 0)], "epochs", {**look.of_unfitted, "markersize": 3.5})
    for row in capacity(trials).dropna(subset=["fitted_samples", "unfitted_samples"]).to_dict("records"):
        axes.axvspan(row["fitted_samples"], row["unfitted_samples"], color=look.color, alpha=0.1, linewidth=0)


def _mark(axes: Axes, trials: pd.DataFrame, column: str, looks: dict[str, Any]) -> None:
    axes.plot(floats(trials[SIZE]), floats(trials[column]), **looks, gid=titles(trial_texts(trials)))


def _dress(axes: Axes, trials: pd.DataFrame) -> None:
    axes.set_xscale("log")
    axes.set_xlim(trials[SIZE].min() / 1.15, trials[SIZE].max() * 1.15)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if (trials["epochs"] > 0).any():
        style.log_epochs(axes)
        axes.set_ylim(0.8, 1.3 * trials["epochs"].max())
    else:
        axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center", fontsize=style.TEXT)
    axes.set_xlabel("training images", fontsize=style.TEXT)
    axes.set_ylabel("epochs to 100% train accuracy", fontsize=style.TEXT)
