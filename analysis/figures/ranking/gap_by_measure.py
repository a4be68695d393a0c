"""Figure: the generalization gap against each complexity measure, one panel a measure, one mark a network."""

import math
import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures import style
from analysis.grouping.cells import LEVEL
from analysis.ranking.ranking import moment_of
from analysis.statistics.float_columns import floats
from rethink.spec import number_text

_HEIGHT = 1.3  # inches of a panel
_WIDE = 30.0  # greatest over least value from which an axis is logarithmic
_NOTE = (
    "Each mark: one network, {moment}; colour and mark: label corruption level. Psi: Kendall's tau among networks that "
    "differ in one hyperparameter alone, of the value as it is; -1 and 1: every pair is ordered one way. Values below "
    "0 or not finite are not drawn on a logarithmic axis. Left out, equal to the panel before: {equal}."
)
_MOMENTS = {"loss": "at the first loss of at most stop_loss", "fit": "at the fit", "end": "where its trial ended"}


def gaps_figure(measures: pd.DataFrame, ranking: pd.DataFrame, subtitle: str, across: int = style.ACROSS) -> Figure:
    """Gap over value for each measure, at the moment at which networks are best compared.

    Args:
        measures: `load(...).measures`.
        ranking: What `ranking` makes of them.

    Raises ValueError for no ranking.
    """
    moment = moment_of(ranking)
    if moment is None:
        raise ValueError("there is nothing to draw")
    rows = measures[(measures["moment"] == moment) & measures["gap"].notna()]
    own = {
        str(name): part
        for name, part in rows.groupby("measure", observed=True)
        if len(part["value"].dropna().unique()) > 1
    }
    equal = _equal_to_the_one_before(own)
    shown = {name: part for name, part in own.items() if name not in equal}
    levels = sorted(rows[LEVEL].unique())
    looks = dict(zip(levels, map(style.look, range(len(levels))), strict=True))
    characters = style.note_width(len(shown), across)
    note = textwrap.wrap(_NOTE.format(moment=_MOMENTS[moment], equal=", ".join(equal) or "none"), characters)
    handles = [style.handle(f"level p = {number_text(level)}", look) for level, look in looks.items()]
    for one in handles:
        one.set_linestyle("")
    below = len(note) + -(-len(handles) // 3)
    titles = [f"{name}\npsi = {_psi(ranking, moment, name)}" for name in shown]
    figure, panels = style.new_panels(
        "Generalization gap vs complexity measures", textwrap.fill(subtitle, characters), below, titles, across, _HEIGHT
    )
    for axes, title, part in zip(panels, titles, shown.values(), strict=True):
        axes.set_title(title, fontsize=style.SMALL, loc="left", pad=3, linespacing=1.28, **style.PLAIN)
        _draw(axes, part, looks)
    style.legend(figure, handles, 3, below)
    style.small_print(figure, "\n".join(note), len(note))
    return figure


def _equal_to_the_one_before(own: dict[str, pd.DataFrame]) -> list[str]:
    """Measures whose values are those of another one, as both spectral norms of a network without convolutions."""
    values = {name: floats(part["value"]) for name, part in own.items()}
    names = [*own]
    return [
        name
        for place, name in enumerate(names)
        if any(
            len(values[name]) == len(values[other]) and np.allclose(values[name], values[other], equal_nan=True)
            for other in names[:place]
        )
    ]


def _psi(ranking: pd.DataFrame, moment: str, name: str) -> str:
    row = ranking[
        (ranking["moment"] == moment)
        & (ranking["measure"] == name)
        & (ranking["statistic"] == "psi")
        & ranking["hyperparameter"].isna()
        & ~ranking["normalized"]
    ].iloc[0]
    if pd.isna(row["value"]):
        return "not defined"
    interval = "" if pd.isna(row["low"]) else f" [{row['low']:+.2f}, {row['high']:+.2f}]"
    return f"{row['value']:+.2f}{interval}"


def _draw(axes: Axes, rows: pd.DataFrame, looks: dict[float, style.Look]) -> None:
    values = floats(rows["value"])
    known = values[~np.isnan(values)]
    logarithmic = known.min() > 0 and known.max() / known.min() > _WIDE
    for level, look in looks.items():
        own = rows[rows[LEVEL] == level]
        marks = {**look.of_dots, "marker": look.marker, "markersize": 2.2}
        axes.plot(floats(own["value"]), floats(own["gap"]), **marks)
    if logarithmic:
        axes.set_xscale("log")
        few = math.log10(known.max() / known.min()) < 2
        axes.tick_params(axis="x", which="minor", labelsize=style.SMALL - 1 if few else 0)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.get_offset_text().set_fontsize(style.SMALL)
    axes.set_ylim(min(0.0, float(rows["gap"].min())), 1)
    axes.set_ylabel("gap", fontsize=style.SMALL)
