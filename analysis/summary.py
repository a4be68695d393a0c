"""The trials frame in, one row of statistics per cell out; and the same as text for a terminal."""

from typing import Any

import pandas as pd

from analysis.captions import span
from analysis.cells import cell_columns
from analysis.censoring import censored_median
from analysis.columns import STATISTICS, TRIALS
from analysis.typed import typed

_SPELLED = {"label_corruption": "p", "train_samples": "images", "dataset": "data"}
_NO_RESULT = ("error", "unfinished")  # the network is some epoch's accident, not what the spec leads to

_COUNTED = ("n", "fitted", "censored", "diverged", "failed", "unfinished", "damaged_lines")
_LEGEND = (
    "{fitted} of {n} trials fitted; {censored} censored ({diverged} diverged), {failed} failed, "
    "{unfinished} unfinished; {damaged_lines} damaged lines.\n"
    "epochs to fit: median [min-max of the fitted; k > e: k trials not fitted after e epochs or more]. "
    "±: sample standard deviation."
)


def summary(trials: pd.DataFrame) -> pd.DataFrame:
    """One row per cell, described in docs/dataframes.md. No trial is left out of n."""
    names = cell_columns(trials)
    columns = [column for name in names for column in TRIALS if column.name == name] + list(STATISTICS)
    groups = trials.groupby(names, observed=True, dropna=False)
    rows = [{**_plain(group[names].iloc[0]), **_statistics(group)} for _, group in groups]
    return typed({column.name: [row[column.name] for row in rows] for column in columns}, columns)


def ended_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials whose last epoch is a result: all but the unfinished and the failed."""
    return trials[~trials["stop_reason"].isin(_NO_RESULT)]


def _plain(values: "pd.Series[Any]") -> dict[str, Any]:
    return {str(name): None if pd.isna(value) else value for name, value in values.items()}


def _statistics(cell: pd.DataFrame) -> dict[str, Any]:
    status = cell["status"].value_counts()
    ended = ended_trials(cell)
    error, gap = ended["test_error"].dropna(), ended["generalization_gap"].dropna()
    return {
        "n": len(cell),
        "fitted": status["fitted"],
        "censored": status["censored"],
        "diverged": (cell["stop_reason"] == "diverged").sum(),
        "failed": status["failed"],
        "unfinished": status["unfinished"] + status["not started"],
        **_epochs_to_fit(cell),
        **_mean_and_spread("test_error", error),
        "test_error_min": error.min(),
        "test_error_max": error.max(),
        **_mean_and_spread("gap", gap),
        "minutes": cell["seconds"].sum(skipna=False) / 60,
        "damaged_lines": cell["damaged_lines"].sum(),
    }


def _epochs_to_fit(cell: pd.DataFrame) -> dict[str, Any]:
    fitted = cell["fitted"].astype(bool)
    times = cell["epochs_to_fit"].fillna(cell["epochs"])
    median, above = censored_median(times.tolist(), fitted.tolist())
    return {
        "epochs_to_fit_median": median,
        "epochs_to_fit_above": above,
        "epochs_to_fit_min": times[fitted].min(),
        "epochs_to_fit_max": times[fitted].max(),
        "unfitted_from": times[~fitted].min(),
    }


def _mean_and_spread(name: str, values: "pd.Series[float]") -> dict[str, Any]:
    several = len(values) > 1
    return {f"{name}_n": len(values), f"{name}_mean": values.mean(), f"{name}_std": values.std() if several else None}


def to_text(table: pd.DataFrame) -> str:
    """The summary as an aligned table, and a line that counts what did not fit."""
    keys = [str(name) for name in table.columns[: table.columns.get_loc("n")]]
    header = [_SPELLED.get(name, name) for name in keys]
    lines = [[*header, "fitted", "epochs to fit", "test error", "generalization gap", "minutes"]]
    for row in table.to_dict("records"):
        cells = [_key(name, row[name]) for name in keys]
        lines.append([*cells, f"{row['fitted']}/{row['n']}", *_measured(row)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([*(line.rstrip() for line in aligned), "", _counts(table)])


def _key(name: str, value: Any) -> str:
    if pd.isna(value):
        return "all" if name == "train_samples" else "-"
    return f"{value:,}" if name == "train_samples" else f"{value:g}" if isinstance(value, float) else str(value)


def _measured(row: dict[Any, Any]) -> list[str]:
    spreads = [_spread(row[f"{name}_mean"], row[f"{name}_std"], row[f"{name}_n"]) for name in ("test_error", "gap")]
    return [to_epochs_text(row), *spreads, "-" if pd.isna(row["minutes"]) else f"{row['minutes']:.1f}"]


def to_epochs_text(row: dict[Any, Any]) -> str:
    """A row of the summary as text: the median epochs to fit, and the range of what was fitted and what was not."""
    open_median = pd.isna(row["epochs_to_fit_median"])
    text = f"> {row['epochs_to_fit_above']:g}" if open_median else f"{row['epochs_to_fit_median']:g}"
    unfitted = row["n"] - row["fitted"]
    parts = [span([row["epochs_to_fit_min"], row["epochs_to_fit_max"]])] if row["fitted"] else []
    parts += [f"{unfitted} > {row['unfitted_from']}"] if unfitted else []
    return f"{text} [{'; '.join(parts)}]"


def _spread(mean: Any, std: Any, n: int) -> str:
    if n == 0:
        return "- (n=0)"
    return f"{mean:.4f} (n={n})" if pd.isna(std) else f"{mean:.4f} ± {std:.4f} (n={n})"


def _counts(table: pd.DataFrame) -> str:
    count = {name: int(table[name].sum()) for name in table.columns if name in _COUNTED}
    return _LEGEND.format(**count)
