"""Learning curves: one thin line per trial, one colour per condition, one panel per network; nothing is averaged."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.captions import line_label, network_name, trial_texts
from analysis.figures import style
from analysis.figures.svg import titles
from analysis.grouping.cells import LEVEL, line_columns

_NOTE = "One thin line a trial. Filled mark: fitted 100% of its training set; open triangle: not fitted by then."

_HANDLE = 8  # characters that the mark of a legend entry takes, and the gap after the entry


@dataclass(frozen=True)
class Axis:
    """A column of the epochs frame, how it is divided for drawing, and its label."""

    column: str
    label: str
    unit: float = 1.0


@dataclass(frozen=True)
class Subject:
    """What a figure compares: `lines` names each trial's line, made from the spec columns `made_from`."""

    title: str
    trials: pd.DataFrame
    lines: "pd.Series[Any]"
    order: Sequence[str]  # of the lines
    made_from: Sequence[str]


@dataclass(frozen=True)
class PublishedCurves:
    """A panel of published values: its title, and points by line; drawn faintly, one marker style per column."""

    title: str
    x_label: str
    points: dict[str, list[tuple[list[float], list[float]]]]  # line -> one (x, y) for each drawn column
    log: bool = False
    ends: bool = False  # end points of curves: the marks, not the dashes, tell the columns apart


def curves_figure(
    subject: Subject,
    epochs: pd.DataFrame,
    x: Axis,
    columns: Sequence[Axis],
    subtitle: str,
    published: PublishedCurves | None,
    across: int,
) -> Figure:
    """`columns` (solid, then dashed) against x. Raises ValueError for no trials."""
    if subject.trials.empty:
        raise ValueError("there is no trial to draw")
    panels = _panels(subject)
    looks = {name: style.look(index) for index, name in enumerate(subject.order)}
    caption = _NOTE if len(columns) == 1 else f"Solid: {columns[0].label}; dashed: {columns[1].label}. {_NOTE}"
    if published is not None and published.ends:
        caption += f" Published: filled marks {columns[0].label}, open marks {columns[1].label}."
    headings = [*panels, published.title] if published else list(panels) if len(panels) > 1 else [""]
    characters = style.note_width(len(headings), across)
    handles = _handles(subject, looks, published, counted=len(panels) == 1, most=characters - _HANDLE)
    note = textwrap.wrap(caption + _left_out(subject.trials), characters, break_on_hyphens=False)
    longest = max(len(str(handle.get_label())) for handle in handles)
    in_a_row = 2 if longest + _HANDLE <= characters // 2 else 1
    folds = sum(str(handle.get_label()).count("\n") for handle in handles)
    below = -(-len(handles) // in_a_row) + folds + len(note)
    wrapped = textwrap.fill(subtitle, characters)
    figure, axes = style.new_panels(subject.title, wrapped, below, headings, across)
    for trials, place in zip(panels.values(), axes, strict=False):
        for (_, trial), line in zip(trials.iterrows(), subject.lines[trials.index], strict=True):
            _draw_trial(place, trial, epochs, looks[line], x, columns)
        _label(place, x.label, columns)
    if published is not None:
        _draw_published(axes[-1], published, looks, columns)
    style.legend(figure, handles, in_a_row, below)
    style.small_print(figure, "\n".join(note), len(note))
    return figure


def _panels(subject: Subject) -> dict[str, pd.DataFrame]:
    """The trials by network and by every other option that the lines do not show."""
    varied = [LEVEL] if len(subject.trials[LEVEL].unique()) > 1 else []
    names = [name for name in [*line_columns(subject.trials), *varied] if name not in subject.made_from]
    groups = subject.trials.groupby(names, observed=True, dropna=False)
    panels = {}
    for _, group in groups:
        per_line = group.groupby(subject.lines[group.index]).size()
        values = {name: group[name].iloc[0] for name in names} | {"model": network_name(group.iloc[0].to_dict())}
        panels[line_label(values, [int(n) for n in per_line], ["train_samples"])] = group
    return panels


def _draw_trial(
    axes: Axes, trial: "pd.Series[Any]", epochs: pd.DataFrame, look: style.Look, x: Axis, columns: Sequence[Axis]
) -> None:
    rows = _comparable(epochs[(epochs["run"] == trial["run"]) & (epochs["spec_id"] == trial["spec_id"])], trial, x)
    for column, dash in zip(columns, ("-", (0, (3, 1.5))), strict=False):
        measured = rows[rows[column.column].notna()]
        xs = measured[x.column].to_numpy(dtype=float) / x.unit
        ys = measured[column.column].to_numpy(dtype=float)
        tooltip = titles(trial_texts(trial.to_frame().T))
        axes.plot(xs, ys, color=look.color, linestyle=dash, linewidth=0.8, alpha=0.75, gid=tooltip)
        if len(xs):
            end, face = (look.marker, look.color) if trial["fitted"] else ("^", "none")
            quiet: dict[str, Any] = {"markersize": 3.5, "linestyle": "", "zorder": 4}
            axes.plot(xs[-1:], ys[-1:], color=look.color, marker=end, mfc=face, gid=tooltip, **quiet)


def _comparable(rows: pd.DataFrame, trial: "pd.Series[Any]", x: Axis) -> pd.DataFrame:
    """The rows whose running means cover equal stretches: whole epochs, or, by step, one evaluation to the next."""
    every = trial["evaluate_steps"]
    if x.column == "epoch":
        return rows[rows["fitted"].notna()]
    if pd.isna(every):
        return rows
    evaluations: pd.DataFrame = rows[(rows["steps"] % every == 0) | (rows["row"] == rows["row"].max())]
    return evaluations


def _draw_published(
    axes: Axes, published: PublishedCurves, looks: dict[str, style.Look], columns: Sequence[Axis]
) -> None:
    for name, series in published.points.items():
        for (xs, ys), dash, is_open in zip(series, ("-", (0, (3, 1.5))), (False, published.ends), strict=False):
            look = looks[name]
            quiet: dict[str, Any] = {"markersize": 3, "linewidth": 0.8, "alpha": 0.4}
            quiet |= {"mfc": "none"} if is_open else {}
            axes.plot(xs, ys, color=look.color, marker=look.marker, linestyle=dash, **quiet)
    if published.log:
        axes.set_yscale("log")
    if published.ends:
        axes.set_xlim(left=0)
    _label(axes, published.x_label, columns)


def _label(axes: Axes, x_label: str, columns: Sequence[Axis]) -> None:
    axes.set_xlabel(x_label, fontsize=style.TEXT)
    axes.set_ylabel(columns[0].label if len(columns) == 1 else "accuracy", fontsize=style.TEXT)
    if all("accuracy" in column.column for column in columns):
        axes.set_ylim(0, 1.03)


def _handles(
    subject: Subject, looks: dict[str, style.Look], published: PublishedCurves | None, *, counted: bool, most: int
) -> list[Line2D]:
    """The legend, of limited width; with the numbers of trials if no panel's title has them."""
    counts = subject.lines.value_counts().to_dict()
    shown = {*counts, *(published.points if published else ())}
    drawn = {name: look for name, look in looks.items() if name in shown}
    numbers = {name: counts.get(name, 0) for name in drawn}
    trials = {name: f" ({n} trial{'' if n == 1 else 's'})" if counted else "" for name, n in numbers.items()}
    return [
        Line2D([], [], label=textwrap.fill(name + trials[name], most), color=look.color, marker=look.marker, ms=3.5)
        for name, look in drawn.items()
    ]


def _left_out(trials: pd.DataFrame) -> str:
    unbegun = int((trials["steps"] == 0).sum())
    failed = int(trials["stop_reason"].isin(["error", "unfinished"]).sum())
    texts = [f" Without a row, not drawn: {unbegun}."] if unbegun else []
    texts += [f" Failed or unfinished so far: {failed}."] if failed else []
    return "".join(texts)
