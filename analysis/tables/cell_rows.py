"""The rows of the tables: cells of trials, their networks in words, and their numbers with n and spread."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis.captions import MISSING, network_name, option_texts
from analysis.grouping.cells import LEVEL, cell_columns
from analysis.grouping.conditions import regularizers
from analysis.grouping.ended_trials import ended_trials
from analysis.statistics.cells import summary
from analysis.tables.number_texts import mean_and_spread
from analysis.tables.summary_text import to_epochs_text

Row = dict[str, Any]
NETWORK = ("model", "BatchNorm", "images")
IN_NETWORK = ("model", "batch_norm", "train_samples")  # the fields that these columns show
CONDITION = (LEVEL, "pixel_corruption")


def network_of(cell: Row) -> list[str]:
    """The first cells of a row; `also` has the other options that tell the row apart and have no column."""
    norm: str = MISSING if pd.isna(cell["batch_norm"]) else "on" if cell["batch_norm"] else "off"
    return [
        ", ".join([network_name(cell), *cell["also"]]),
        norm,
        "all" if pd.isna(cell["train_samples"]) else f"{int(cell['train_samples']):,}",
    ]


def cells_of(trials: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Row, pd.DataFrame]]:
    """(spec fields and statistics, trials) of every group of trials that differ in their seeds alone.

    `columns` are the spec fields that have columns in the table; `also` tells cells apart that are equal in these.
    """
    words = regularizers(trials)
    cells = []
    for _, alike in groups_of(trials, [*IN_NETWORK, *columns]):
        names = cell_columns(alike)
        further = [name for name in names if name not in (*IN_NETWORK, *columns) and len(alike[name].unique()) > 1]
        for _, group in groups_of(alike, names):
            (statistics,) = summary(group).to_dict("records")
            first = group.iloc[0].to_dict()
            fields = {name: None if pd.isna(value) else value for name, value in first.items()}
            ended = ended_trials(group)
            own = {
                "train_accuracy": ended["exact_train_accuracy"].dropna(),
                "running_train_accuracy": ended["train_accuracy"].dropna(),
                "test_accuracy": ended["test_accuracy"].dropna(),
                "regularizers": words[group.index[0]],
                "also": option_texts({name: first[name] for name in further}),
            }
            cells.append((_joined(fields, statistics, own), group))
    return cells


def groups_of(trials: pd.DataFrame, names: Sequence[str]) -> Any:
    """The trials by the values of these columns."""
    return trials.groupby(list(names), observed=True, dropna=False)


def _joined(fields: dict[Any, Any], statistics: dict[Any, Any], accuracies: Row) -> Row:
    return {**named(fields), **named(statistics), **accuracies, "epochs": to_epochs_text(statistics)}


def named(values: dict[Any, Any]) -> Row:
    """A row with text as keys."""
    return {str(name): value for name, value in values.items()}


def fitted_of(cell: Row) -> str:
    """Fitted trials of all."""
    return f"{cell['fitted']}/{cell['n']}"


def spread_of(cell: Row, name: str) -> str:
    """Mean ± standard deviation (n) of an accuracy, in percent."""
    values = cell[name] * 100
    if not len(values):
        return f"{MISSING} (n = 0)"
    return f"{mean_and_spread(values.mean(), values.std(), '.2f')} (n = {len(values)})"


def error_of(cell: Row) -> str:
    """Mean ± standard deviation (n) of the test error, as a fraction."""
    if not cell["test_error_n"]:
        return f"{MISSING} (n = 0)"
    text = mean_and_spread(cell["test_error_mean"], cell["test_error_std"], ".3f")
    return f"{text} (n = {cell['test_error_n']})"
