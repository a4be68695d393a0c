"""Figure: how well each complexity measure orders generalization gaps, with intervals, one panel a statistic."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.ranking.ranking import moment_of, without_repetitions
from analysis.schema.statistics_columns import CONSTANT, NULL_BY_NETWORK, NULL_BY_SETTING

_ROW, _NAMES = 0.17, 1.5  # inches: of a measure, and of the longest name
_AS_IT_IS, _NORMALIZED = style.look(0), style.look(1)
_PANELS = {  # title, whether a greater value is better, limits
    "sign_error_mean": ("mean sign-error (0.5: a coin; v: 90th percentile, x: maximum)", False, (-0.03, 1.03)),
    "psi": ("psi, over hyperparameters", True, (-1.05, 1.05)),
    "tau": ("Kendall's tau, all pairs", True, (-1.05, 1.05)),
    "conditional_information": ("conditional information", True, None),
}
_NOTE = (
    "Bar: 95% interval by bootstrap over {replicates} replicates. Grey band: 95 of 100 draws of measures that know "
    "nothing, the wider of noise by network and noise that replicates share. Dotted line, where the size of the "
    "training set differs: what it tells alone (normalized constant). Only pairs of gaps above the noise of the test "
    "set count. Best on top."
)


def ranking_figure(ranking: pd.DataFrame, subtitle: str, across: int = style.ACROSS) -> Figure:
    """One row a measure in each panel, at the moment at which networks are best compared.

    Args:
        ranking: What `analysis.ranking.ranking.ranking` returns.

    Raises ValueError for no ranking.
    """
    moment = moment_of(ranking)
    if moment is None:
        raise ValueError("there is nothing to draw")
    shown = without_repetitions(ranking)
    rows = shown[(shown["moment"] == moment) & shown["hyperparameter"].isna()]
    measures = rows.loc[~rows["measure"].isin([NULL_BY_NETWORK, NULL_BY_SETTING, CONSTANT]), "measure"].nunique()
    characters = style.note_width(len(_PANELS), across)
    note = textwrap.wrap(_NOTE.format(replicates=rows["replicates"].iloc[0]), characters, break_on_hyphens=False)
    handles = [style.handle("as it is", _AS_IT_IS)]
    if rows["normalized"].any():
        handles.append(style.handle("normalized by the size of the training set", _NORMALIZED))
    below = len(note) + 1
    titles = [title for title, _, _ in _PANELS.values()]
    wrapped, height = textwrap.fill(subtitle, characters), _ROW * measures
    figure, panels = style.new_panels("Ranking of complexity measures", wrapped, below, titles, across, height, _NAMES)
    for axes, (statistic, (_, greater, limits)) in zip(panels, _PANELS.items(), strict=True):
        _draw(axes, rows, statistic, greater)
        if limits is not None:
            axes.set_xlim(*limits)
    style.legend(figure, handles, 2, below)
    style.small_print(figure, "\n".join(note), len(note))
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, statistic: str, greater_is_better: bool) -> None:
    of = _values_of(rows)
    nulls, constant = of(statistic, [NULL_BY_NETWORK, NULL_BY_SETTING]), of(statistic, [CONSTANT])
    axes.axvspan(float(nulls["low"].min()), float(nulls["high"].max()), color="#e4e4e4", linewidth=0, zorder=0)
    if len(constant) and constant["value"].notna().any():
        axes.axvline(float(constant["value"].iloc[0]), color=style.GREY, linewidth=0.8, linestyle=":")
    own = of(statistic, None)
    best = own.groupby("measure", observed=True)["value"].agg("max" if greater_is_better else "min")
    order = [*best.sort_values(ascending=greater_is_better, na_position="first").index]
    for row in own.to_dict("records"):
        look = _NORMALIZED if row["normalized"] else _AS_IT_IS
        height = order.index(row["measure"]) + (-0.13 if row["normalized"] else 0.13)
        _mark(axes, row, height, look)
    if statistic == "sign_error_mean":
        for name, marker in (("sign_error_90", "v"), ("sign_error_max", "x")):
            for row in of(name, None).dropna(subset=["value"]).to_dict("records"):
                look = _NORMALIZED if row["normalized"] else _AS_IT_IS
                at = order.index(row["measure"]) + (-0.13 if row["normalized"] else 0.13)
                axes.plot(row["value"], at, marker, color=look.color, markersize=2, markeredgewidth=0.5, alpha=0.6)
    axes.set_yticks(range(len(order)), order, fontsize=style.SMALL - 1)
    axes.set_ylim(-0.7, len(order) - 0.3)


def _values_of(rows: pd.DataFrame) -> Callable[[str, list[str] | None], pd.DataFrame]:
    def of(statistic: str, measures: list[str] | None) -> pd.DataFrame:
        nulls = [NULL_BY_NETWORK, NULL_BY_SETTING, CONSTANT]
        chosen = ~rows["measure"].isin(nulls) if measures is None else rows["measure"].isin(measures)
        return rows[(rows["statistic"] == statistic) & chosen]

    return of


def _mark(axes: Axes, row: Mapping[Any, Any], height: float, look: style.Look) -> None:
    if pd.isna(row["value"]):
        return
    if not pd.isna(row["low"]):
        axes.plot([row["low"], row["high"]], [height, height], color=look.color, linewidth=0.8)
    axes.plot(row["value"], height, look.marker, color=look.color, markersize=2.6, markeredgewidth=0)
