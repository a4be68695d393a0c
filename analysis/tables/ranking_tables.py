"""Tables of the ranking of complexity measures, for the terminal and for the report."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.captions import MISSING
from analysis.grouping.comparisons import Comparisons
from analysis.ranking.ranking import moment_of, without_repetitions
from analysis.tables.number_texts import number
from analysis.tables.table import Table
from rethink.records.measures.measure_file import MOMENTS

_Row = Mapping[Any, Any]
_OfMeasure = dict[str, _Row]  # by statistic or hyperparameter
_HEADS = {
    "sign_error_mean": "error",
    "sign_error_90": "90%",
    "sign_error_max": "max",
    "psi": "psi",
    "tau": "tau",
    "conditional_information": "info",
}
_WITH_INTERVAL = ("sign_error_mean", "psi", "tau", "conditional_information")
_ABOUT = (
    "{networks} networks {moment}, {replicates} replicates of {settings} settings. A larger value is taken to "
    "foretell a larger gap. error: sign-error, how often a measure misorders two settings that differ in one "
    "hyperparameter (0.5 is a coin): mean, 90th percentile and maximum over {environments:,} environments "
    "({no_environments:,} left out: too few pairs above noise). psi: mean of Kendall's tau over {groups:,} groups "
    "that differ in one hyperparameter alone ({no_groups:,} without a pair above noise). tau: over {pairs:,} pairs "
    "({no_pairs:,} below the test set's noise left out). info: conditional mutual information, the least that the "
    "measure tells of the gap, 0 to 1, given any two hyperparameters. n: networks that have the measure; others are "
    "in none of its pairs. In brackets: 95% intervals by bootstrap over replicates; of null measures, which know "
    "nothing: the range of 95 of 100 draws. /m: normalized by the size of the training set. Measures by the exact "
    "norm of convolutions, _fft, stand here where they differ from those without."
)
_BY_AXIS = (
    "psi among networks that differ in one hyperparameter alone, in brackets the 95% interval; (groups) counts those "
    "groups with a pair above the test set's noise."
)


def ranking_tables(found: Comparisons) -> list[Table]:
    """The ranking and its part of each hyperparameter, at the moment at which networks are best compared; or none."""
    if found.ranked is None:
        return []
    table = without_repetitions(found.ranked[1])
    moment = moment_of(table)
    return [overall_table(table, moment), psi_table(table, moment)] if moment else []


def overall_table(table: pd.DataFrame, moment: str, intervals: bool = True) -> Table:
    """Each measure by all statistics over all hyperparameters, the smallest mean sign-error first."""
    own = table[(table["moment"] == moment) & table["hyperparameter"].isna()]
    rows = [
        [
            name,
            *(_text(of_measure[statistic], intervals and statistic in _WITH_INTERVAL) for statistic in _HEADS),
            f"{of_measure['tau']['networks']:,}",
        ]
        for name, of_measure in _ordered(own, "statistic", "sign_error_mean")
    ]
    heads = ["measure", *_HEADS.values(), "n"]
    return Table("Ranking of complexity measures", _about(own, moment), heads, rows)


def psi_table(table: pd.DataFrame, moment: str, intervals: bool = True) -> Table:
    """ψ of each measure by the hyperparameter that differs, the measures in the order of the table of all.

    Without intervals it is narrow, its head in two lines.
    """
    at = table[table["moment"] == moment]
    own = at[(at["statistic"] == "psi") & at["hyperparameter"].notna()]
    axes = list(dict.fromkeys(own["hyperparameter"].astype(str)))
    by_measure = dict(_ordered(own, "hyperparameter", None))
    order = [name for name, _ in _ordered(at[at["hyperparameter"].isna()], "statistic", "sign_error_mean")]
    counts = ["(groups)", *(f"{own[own['hyperparameter'] == axis]['n'].max()}" for axis in axes)]
    rows = [[name, *(_text(by_measure[name].get(axis), intervals) for axis in axes)] for name in order]
    if intervals:
        heads = ["measure", *(axis.replace("_", " ") for axis in axes)]
        return Table("psi by hyperparameter", _BY_AXIS, heads, [counts, *rows])
    words = [axis.partition("_") for axis in axes]  # a narrow terminal has them in two lines
    heads, further = ["measure", *(first for first, _, _ in words)], ["", *(rest for _, _, rest in words)]
    return Table("psi by hyperparameter", _BY_AXIS, heads, [further, counts, *rows])


def _ordered(rows: pd.DataFrame, column: str, by: str | None) -> list[tuple[str, _OfMeasure]]:
    """(name, row by the value of `column`) of each measure: known-null ones first, then by one of the rows' values."""
    measures: dict[str, _OfMeasure] = {}
    for row in rows.to_dict("records"):
        measures.setdefault(name_of(row), {})[str(row[column])] = row
    return (
        [*measures.items()] if by is None else sorted(measures.items(), key=lambda item: _place(item[0], item[1][by]))
    )


def _place(name: str, row: _Row) -> tuple[bool, float]:
    value = row["value"]
    return not name.startswith("null"), math.inf if pd.isna(value) else float(value)


def name_of(row: _Row) -> str:
    """The measure's name; /m if it is normalized."""
    return f"{row['measure']}{'/m' if row['normalized'] else ''}"


def _text(row: _Row | None, interval: bool) -> str:
    if row is None or pd.isna(row["value"]):
        return MISSING
    form = "+.2f" if row["statistic"] in ("psi", "tau") else ".3f" if "info" in row["statistic"] else ".2f"
    if not interval or pd.isna(row["low"]):
        return number(row["value"], form)
    return f"{number(row['value'], form)} [{number(row['low'], form)}, {number(row['high'], form)}]"


def _about(own: pd.DataFrame, moment: str) -> str:
    most = own.loc[own.groupby("statistic", observed=True)["n"].idxmax()].set_index("statistic")
    n, left_out = most["n"].to_dict(), most["left_out"].to_dict()
    first = own.iloc[0]
    return _ABOUT.format(
        networks=f"{first['networks'] + first['without_value']:,} of {first['trials']:,}",
        moment=f"at {MOMENTS[moment]}" if moment != "end" else MOMENTS[moment],  # type: ignore[index]
        replicates=first["replicates"],
        settings=first["settings"],
        environments=n["sign_error_mean"],
        no_environments=left_out["sign_error_mean"],
        groups=n["psi"],
        no_groups=left_out["psi"],
        pairs=n["tau"],
        no_pairs=left_out["tau"],
    )
