"""The ranking of complexity measures as text, for a terminal: the tables, and which trials are not in them."""

import textwrap
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.ranking.ranking import without_repetitions
from analysis.tables.ranking_tables import overall_table, psi_table
from rethink.spec import number_text

_MOST_NAMED = 20  # trials
_NARROW = 80  # columns of the explanations


def ranking_text(
    table: pd.DataFrame, trials: pd.DataFrame, measures: pd.DataFrame, moment: str, width: int | None
) -> str:
    """Both tables at a moment, what they mean, and the trials that never came to it, counted and named.

    Args:
        table: What `ranking` makes of the other two frames.
        trials: `load(...).trials`.
        measures: `load(...).measures`.
        moment: fit, loss or end.
        width: Columns of the terminal: where the intervals do not fit they are left out; None: as wide as need be.
    """
    lines, shown_rows = [], without_repetitions(table)
    for make in (overall_table, psi_table):
        whole, short = make(shown_rows, moment), make(shown_rows, moment, intervals=False)
        fits = width is None or max(map(len, whole.to_text().splitlines())) <= width
        shown = whole if fits else short
        left_out = [] if fits else ["Intervals are left out here: the terminal is too narrow."]
        lines += ["", shown.title, "", shown.to_text(), "", *map(_wrapped, [shown.about, *left_out])]
    return "\n".join([*lines, "", *_missing(trials, measures, moment)])


def _missing(trials: pd.DataFrame, measures: pd.DataFrame, moment: str) -> list[str]:
    key = ["run", "spec_id"]
    there = measures.loc[(measures["moment"] == moment) & measures["gap"].notna(), key]
    absent = trials[~pd.MultiIndex.from_frame(trials[key]).isin(pd.MultiIndex.from_frame(there))]
    ranked = f"{len(trials) - len(absent):,} of {len(trials):,} trials are ranked"
    if absent.empty:
        return [f"{ranked}."]
    reasons = ", ".join(f"{n} {reason}" for reason, n in absent["stop_reason"].value_counts().items() if n)
    lines = [_wrapped(f"{ranked}; {len(absent):,} are not: they have no gap at this moment ({reasons}):")]
    lines += [f"  {_named(row)}" for row in absent.head(_MOST_NAMED).to_dict("records")]
    more = len(absent) - _MOST_NAMED
    return [*lines, *([f"  and {more:,} more"] if more > 0 else [])]


def _named(row: Mapping[Any, Any]) -> str:
    return f"{row['model']}-p{number_text(row['label_corruption'])}-seed{row['seed']}-{row['spec_id']}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _NARROW, break_on_hyphens=False)
