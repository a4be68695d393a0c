"""Figure: epochs to fit the training set against the learning rate, one line per level, one panel per network."""

import textwrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.captions import limits, line_label, trial_texts
from analysis.figures import style
from analysis.figures.svg import titles
from analysis.grouping.cells import LEVEL, line_columns
from analysis.statistics.cells import summary
from analysis.statistics.float_columns import floats
from rethink.spec import number_text

_DODGE = 0.02  # decades between the marks of neighbouring levels, which would hide each other
_UNFITTED = {"scheduler": "x", "diverged": "+"}
_NOTE = (
    "Line: median over the trials of a rate, where it is known; dots: trials that fitted; large mark: the first of its "
    "level. Not fitted, at the last epoch (right-censored): open triangle at {limits}, by an error or so far; cross: "
    "given up by successive halving; plus: diverged. Levels are set apart sideways for legibility."
)


def rates_figure(trials: pd.DataFrame, subtitle: str, across: int = style.ACROSS) -> Figure:
    """Epochs to fit over the learning rate, both logarithmic. Raises ValueError for no trials."""
    if trials.empty:
        raise ValueError("there is no trial to draw")
    names = [name for name in line_columns(trials) if name != "learning_rate"]
    groups = [group for _, group in trials.groupby(names, observed=True, dropna=False)]
    left_out = int((trials["epochs"] == 0).sum())
    caption = _NOTE.format(limits=limits(trials)) + (f" Without an epoch, not drawn: {left_out}." if left_out else "")
    characters = style.note_width(len(groups), across)
    note = textwrap.wrap(caption, characters, break_on_hyphens=False)
    levels = sorted(trials[LEVEL].unique())
    looks = {level: style.look(index) for index, level in enumerate(levels)}
    handles = [style.handle(f"level p = {number_text(level)}", look) for level, look in looks.items()]
    below = len(note) + -(-len(handles) // 3)
    title = "Epochs to converge vs learning rate"
    titles = [_title(group, names) for group in groups]
    figure, panels = style.new_panels(title, textwrap.fill(subtitle, characters), below, titles, across)
    for axes, group in zip(panels, groups, strict=True):
        for index, (level, look) in enumerate(looks.items()):
            own = group[group[LEVEL] == level]
            if len(own):
                _draw_level(axes, own, look, 10 ** (_DODGE * (index - (len(looks) - 1) / 2)))
        axes.set_xscale("log")
        if (group["epochs"] > 0).any():
            style.log_epochs(axes)
        else:
            axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center", fontsize=style.TEXT)
        axes.set_xlabel("learning rate", fontsize=style.TEXT)
        axes.set_ylabel("epochs to 100% train accuracy", fontsize=style.TEXT)
    style.legend(figure, handles, 3, below)
    style.small_print(figure, "\n".join(note), len(note))
    return figure


def _title(group: pd.DataFrame, names: list[str]) -> str:
    values = {name: group[name].iloc[0] for name in names}
    seeds = group.groupby([LEVEL, "learning_rate"]).size()
    return line_label(values, seeds.tolist(), ["train_samples"])


def _draw_level(axes: Axes, trials: pd.DataFrame, look: style.Look, shift: float) -> None:
    cells = summary(trials).sort_values("learning_rate")
    axes.plot(
        floats(cells["learning_rate"]) * shift,
        floats(cells["epochs_to_fit_median"]),
        color=look.color,
        linestyle=look.dash,
        linewidth=0.9,
    )
    fitted = trials[trials["fitted"]]
    _mark(axes, fitted, "epochs_to_fit", look.of_dots, shift)
    largest = {"color": look.color, "marker": look.marker, "markersize": 5, "linestyle": ""}
    _mark(axes, fitted.sort_values(["epochs_to_fit", "learning_rate"]).head(1), "epochs_to_fit", largest, shift)
    begun = trials[~trials["fitted"] & (trials["epochs"] > 0)]
    for reason, ended in begun.groupby("stop_reason", observed=True):
        own = {**look.of_unfitted, "marker": _UNFITTED.get(str(reason), "^"), "markersize": 3.5}
        _mark(axes, ended, "epochs", own, shift)


def _mark(axes: Axes, trials: pd.DataFrame, column: str, looks: dict[str, Any], shift: float) -> None:
    rates = floats(trials["learning_rate"]) * shift
    axes.plot(rates, floats(trials[column]), **looks, gid=titles(trial_texts(trials)))
