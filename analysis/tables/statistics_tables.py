"""Tables of the statistics for the report: cells, slowdowns and effects of regularizers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.captions import MISSING, network_texts
from analysis.grouping.cells import LEVEL, line_columns
from analysis.statistics.cells import summary
from analysis.statistics.changed_labels import NAMES, changed_text
from analysis.statistics.effects import effects
from analysis.statistics.slowdowns import slowdowns
from analysis.tables.number_texts import number
from analysis.tables.table import Table
from rethink.spec import number_text

_NAMED = ("model", "images", "options")
_LEVEL = ("level p", "labels changed, %")
_CELLS = (
    "Kaplan-Meier estimates of the epochs to fit: the median, and the mean restricted to the horizon, max_epochs or "
    "what max_steps allows, both of all n trials, fitted or not; a diverged trial never fits. Test error on clean "
    "labels and generalization gap: means over the trials that ended, n in brackets. In square brackets: 95% intervals "
    "(of the median by Brookmeyer and Crowley, of the means by Student's t; those of test error and gap hold the "
    "binomial part of the finite test set too; ?: an end that the data leave open); one trial has none, and few trials "
    "have wide ones."
)
_SLOWDOWNS = (
    "Epochs to fit, divided by those of the trial on clean labels that is equal in all else, seeds included. The "
    "mean is geometric, with its 95% interval, and stands only where both trials of every pair fitted."
)
_EFFECTS = (
    "Differences between trials that are equal in all else, seeds included: with the regularizer, minus without. "
    "Mean, 95% interval (Student's t; of test accuracy and gap with the binomial part of the finite test set, as if "
    "both networks erred independently), effect size g (the mean over the standard deviation of the differences, with "
    "Hedges' correction), and n, the pairs of which both were measured. Accuracies and gap in percentage points; "
    "epochs as log2 of the ratio, where both trials of every pair fitted. Where nothing differs, one interval in "
    "twenty leaves out 0 by chance."
)
_OF_MEASURE = (*NAMES, "measure", "pairs", "unpaired", "n", "mean", "low", "high", "effect_size")
_MEASURES = {
    "test_accuracy": "test accuracy, points",
    "exact_train_accuracy": "train accuracy, points",
    "generalization_gap": "gap, points",
    "log2_epochs_to_fit": "log2 epochs to fit",
}


def statistics_tables(trials: pd.DataFrame) -> list[Table]:
    """The cells of these trials, their slowdowns and effects: each if it has rows."""
    tables = [
        Table("Cells", _CELLS, *_cells(summary(trials), trials)),
        Table("Slowdown by label corruption", _SLOWDOWNS, *_slowdowns(slowdowns(trials), trials)),
        Table("Effects of regularizers", _EFFECTS, *_effects(effects(trials), trials)),
    ]
    return [table for table in tables if table.rows]


_Texts = tuple[list[str], list[list[str]]]


def _cells(cells: pd.DataFrame, trials: pd.DataFrame) -> _Texts:
    head = [*_NAMED, *_LEVEL, "fitted", "median epochs", "restricted mean", "horizon", "test error", "gap"]
    rows = [
        [
            *network_texts(row, line_columns(trials)),
            number_text(row[LEVEL]),
            changed_text(row),
            f"{row['fitted']}/{row['n']}",
            _given_up(row) or _with_interval(row, "km_median", ".4g", _or_more(row)),
            _given_up(row) or _with_interval(row, "restricted_mean", ".4g"),
            number(row["horizon"], "g"),
            f"{_with_interval(row, 'test_error', '.3f', mean='test_error_mean')} ({row['test_error_n']})",
            f"{_with_interval(row, 'gap', '.3f', mean='gap_mean')} ({row['gap_n']})",
        ]
        for row in cells.to_dict("records")
    ]
    return head, rows


def _slowdowns(table: pd.DataFrame, trials: pd.DataFrame) -> _Texts:
    head = [*_NAMED, *_LEVEL, "pairs", "both fitted", "median", "mean"]
    rows = [
        [
            *network_texts(row, line_columns(trials)),
            number_text(row[LEVEL]),
            changed_text(row),
            str(row["pairs"]),
            str(row["both_fitted"]),
            number(row["slowdown_median"], ".3g", _above(row["slowdown_above"])),
            _with_interval(row, "slowdown", ".3g", mean="slowdown_mean"),
        ]
        for row in table.to_dict("records")
    ]
    return head, rows


def _effects(table: pd.DataFrame, trials: pd.DataFrame) -> _Texts:
    """One row per cell and regularizer, one column per measure."""
    keys = [name for name in table.columns if name not in _OF_MEASURE]
    head = [*_NAMED, *_LEVEL, "regularizer", "pairs", *_MEASURES.values()]
    rows = []
    for _, group in table.groupby(keys, observed=True, dropna=False, sort=False):
        first = group[keys].iloc[0].to_dict()
        by_measure = {str(row["measure"]): row for row in group.to_dict("records")}
        strength = "" if pd.isna(first["strength"]) else f" {number_text(first['strength'])}"
        regularizer = f"{str(first['regularizer']).replace('_', ' ')}{strength}"
        texts = [_effect(by_measure[name], 1.0 if name.startswith("log2") else 100.0) for name in _MEASURES]
        rows.append(
            [
                *network_texts(first, line_columns(trials)),
                number_text(first[LEVEL]),
                changed_text(group.iloc[0].to_dict()),
                regularizer,
                str(group["pairs"].iloc[0]),
                *texts,
            ]
        )
    return head, rows


def _effect(row: Mapping[Any, Any], unit: float) -> str:
    if pd.isna(row["mean"]):
        return f"{MISSING} (n = {row['n']})"
    interval = "" if pd.isna(row["low"]) else f" [{row['low'] * unit:+.2f}, {row['high'] * unit:+.2f}]"
    size = "" if pd.isna(row["effect_size"]) else f", g = {row['effect_size']:.2f}"
    return f"{row['mean'] * unit:+.2f}{interval}{size} (n = {row['n']})"


def _given_up(row: Mapping[Any, Any]) -> str:
    return f"{MISSING} ({row['given_up']} given up)" if row["given_up"] else ""


def _or_more(row: Mapping[Any, Any]) -> str:
    return f"> {row['epochs_to_fit_above']:g}" if not pd.isna(row["epochs_to_fit_above"]) else MISSING


def _above(value: Any) -> str:
    return MISSING if pd.isna(value) else f"≥ {value:.3g}"


def _with_interval(
    row: Mapping[Any, Any], name: str, form: str, missing: str = MISSING, mean: str | None = None
) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if pd.isna(low) and pd.isna(high) else f" [{number(low, form, '?')}, {number(high, form, '?')}]"
    return number(row[mean or name], form, missing) + interval
