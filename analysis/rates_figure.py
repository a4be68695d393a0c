"""Figure: epochs to fit the training set against the learning rate, a line a level, a panel a network."""

import textwrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.captions import line_label
from analysis.cells import LEVEL, line_columns

_NOTE_WIDTH = 76
_NOTE = (
    "Line and dots: trials that fitted; large mark: the first of its level. Open triangle: not fitted at max_epochs; "
    "cross: given up by successive halving at that epoch; both are right-censored. Diverged trials: see the table."
)


def rates_of(trials: pd.DataFrame) -> pd.DataFrame | None:
    """The trials of networks that ran with several learning rates at one level."""
    names = [*(name for name in line_columns(trials) if name != "learning_rate"), LEVEL]
    rates = trials.groupby(names, observed=True, dropna=False)["learning_rate"].transform("nunique")
    chosen = trials[rates > 1]
    return None if chosen.empty else chosen


def rates_figure(trials: pd.DataFrame, subtitle: str) -> Figure:
    """Epochs to fit over the learning rate, both logarithmic. Raises ValueError for no trials."""
    if trials.empty:
        raise ValueError("there is no trial to draw")
    names = [name for name in line_columns(trials) if name != "learning_rate"]
    groups = [group for _, group in trials.groupby(names, observed=True, dropna=False)]
    note = textwrap.wrap(_NOTE, _NOTE_WIDTH, break_on_hyphens=False)
    levels = sorted(trials[LEVEL].unique())
    looks = {level: style.look(index) for index, level in enumerate(levels)}
    handles = [style.handle(f"level p = {level:g}", look) for level, look in looks.items()]
    below = len(note) + -(-len(handles) // 3)
    title = "Epochs to converge vs learning rate"
    titles = [_title(group, names) for group in groups]
    figure, panels = style.new_panels(title, textwrap.fill(subtitle, _NOTE_WIDTH), below, titles)
    for axes, group in zip(panels, groups, strict=True):
        for level, look in looks.items():
            _draw_level(axes, group[group[LEVEL] == level], look)
        axes.set_xscale("log")
        style.log_epochs(axes)
        axes.set_xlabel("learning rate", fontsize=style.TEXT)
        axes.set_ylabel("epochs to 100% train accuracy", fontsize=style.TEXT)
    style.legend(figure, handles, 3, below)
    style.small_print(figure, "\n".join(note), len(note))
    return figure


def _title(group: pd.DataFrame, names: list[str]) -> str:
    values = {name: group[name].iloc[0] for name in names}
    return line_label(values, group.groupby(LEVEL).size().tolist(), ["train_samples"])


def _draw_level(axes: Axes, trials: pd.DataFrame, look: style.Look) -> None:
    fitted = trials[trials["fitted"]].sort_values("learning_rate")
    middle = fitted.groupby("learning_rate")["epochs_to_fit"].median()
    axes.plot(_floats(middle.index), _floats(middle), color=look.color, linestyle=look.dash, linewidth=0.9)
    axes.plot(_floats(fitted["learning_rate"]), _floats(fitted["epochs_to_fit"]), **look.of_dots)
    first = fitted.sort_values(["epochs_to_fit", "learning_rate"]).head(1)
    largest: dict[str, Any] = {"color": look.color, "marker": look.marker, "markersize": 5, "linestyle": ""}
    axes.plot(_floats(first["learning_rate"]), _floats(first["epochs_to_fit"]), **largest)
    for reason, marker in (("max_epochs", "^"), ("scheduler", "x")):
        ended = trials[~trials["fitted"] & (trials["stop_reason"] == reason)]
        looks: dict[str, Any] = {**look.of_unfitted, "marker": marker, "markersize": 3.5}
        axes.plot(_floats(ended["learning_rate"]), _floats(ended["epochs"]), **looks)


def _floats(values: Any) -> Any:
    return pd.Series(values).to_numpy(dtype=float)
