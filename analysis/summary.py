"""The trials frame in, one row of statistics per cell out; and the same as text for a terminal."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.captions import span
from analysis.cells import cell_columns
from analysis.censoring import censored_median
from analysis.changed_labels import changed_labels, changed_text
from analysis.columns import STATISTICS, of_trials
from analysis.intervals import mean_interval
from analysis.survival import Estimate, kaplan_meier, median_epochs, restricted_mean
from analysis.typed import typed
from rethink.spec import number_text

_SPELLED = {"label_corruption": "p", "train_samples": "images", "dataset": "data"}
NEVER_FITS = ("diverged", "contradiction")  # whatever the number of epochs
NO_RESULT = ("error", "unfinished")  # the network is some epoch's accident, not what the spec leads to

_Cell = Mapping[str, npt.NDArray[Any]]  # some of its trials' columns, by name
_COUNTED = ("n", "fitted", "censored", "diverged", "contradicted", "failed", "unfinished", "damaged_lines")
_LEGEND = (
    "{fitted} of {n} trials fitted; {censored} censored ({diverged} diverged, {contradicted} contradicted), "
    "{failed} failed, {unfinished} unfinished; {damaged_lines} damaged lines.\n"
    "epochs to fit: median [min-max of the fitted; k > e: k trials not fitted after e epochs or more]. "
    "changed: labels that really differ from the true ones. ±: sample standard deviation."
)


def summary(trials: pd.DataFrame) -> pd.DataFrame:
    """One row per cell, described in docs/dataframes.md. No trial is left out of n."""
    names = cell_columns(trials)
    cells = _places(trials, names)
    told = trials[names].iloc[[places[0] for places in cells]]
    values = _needed(trials)
    rows = [_statistics({name: array[places] for name, array in values.items()}) for places in cells]
    table = {name: told[name].tolist() for name in names}
    return typed(
        table | {column.name: [row[column.name] for row in rows] for column in STATISTICS},
        of_trials(names) + STATISTICS,
    )


def ended_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials whose last row is a result: all but the unfinished and the failed."""
    return trials[~trials["stop_reason"].isin(NO_RESULT)]


def _places(trials: pd.DataFrame, names: list[str]) -> list[npt.NDArray[np.intp]]:
    """The places of the trials of each cell, the cells in order."""
    cell = trials.groupby(names, observed=True, dropna=False).ngroup().to_numpy()
    order = np.argsort(cell, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(cell[order])) + 1) if len(order) else []


def _needed(trials: pd.DataFrame) -> _Cell:
    """The columns that the statistics are of, as arrays: a frame for each of a thousand cells would take seconds."""
    ended = ~trials["stop_reason"].isin(NO_RESULT)
    return {
        **{name: trials[name].to_numpy(dtype=object) for name in ("status", "stop_reason")},
        **{name: trials[name].to_numpy(dtype=np.int64) for name in ("epochs", "max_epochs", "damaged_lines")},
        "horizon": _floats(trials["horizon"]),
        "labels_changed": _floats(trials["labels_changed"]),
        "fitted": trials["fitted"].to_numpy(dtype=np.bool_),
        "time": trials["epochs_to_fit"].fillna(trials["epochs"]).to_numpy(dtype=np.int64),  # of the fit or censoring
        "seconds": _floats(trials["seconds"]),
        "test_error": _floats(trials["test_error"].where(ended)),
        "gap": _floats(trials["generalization_gap"].where(ended)),
    }


def _floats(values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _statistics(cell: _Cell) -> dict[str, Any]:
    status = Counter(cell["status"])
    why_unfitted = Counter(cell["stop_reason"][~cell["fitted"]])
    error, gap = (cell[name][~np.isnan(cell[name])] for name in ("test_error", "gap"))
    return {
        "n": len(cell["status"]),
        **{name: status[name] for name in ("fitted", "censored", "failed")},
        "diverged": why_unfitted["diverged"],
        "contradicted": why_unfitted["contradiction"],
        **changed_labels(cell["labels_changed"]),
        "given_up": why_unfitted["scheduler"],
        "unfinished": status["unfinished"] + status["not started"],
        **_epochs_to_fit(cell),
        **_survival(cell, biased=why_unfitted["scheduler"] > 0),
        **_mean_and_spread("test_error", error),
        "test_error_min": _least(error),
        "test_error_max": _greatest(error),
        **_mean_and_spread("gap", gap),
        "minutes": None if np.isnan(cell["seconds"]).any() else cell["seconds"].sum() / 60,
        "damaged_lines": cell["damaged_lines"].sum(),
    }


def _epochs_to_fit(cell: _Cell) -> dict[str, Any]:
    times, fitted = cell["time"], cell["fitted"]
    median, above = censored_median(times.tolist(), fitted.tolist())
    return {
        "epochs_to_fit_median": median,
        "epochs_to_fit_above": above,
        "epochs_to_fit_min": _least(times[fitted]),
        "epochs_to_fit_max": _greatest(times[fitted]),
        "unfitted_from": _least(times[~fitted]),
    }


def _survival(cell: _Cell, *, biased: bool) -> dict[str, Any]:
    """Kaplan and Meier's estimates; none where trials were given up for doing badly, which would bias them."""
    known = cell["horizon"][~np.isnan(cell["horizon"])]
    horizon = int(known.max()) if len(known) else None
    never = np.isin(cell["stop_reason"], NEVER_FITS) & ~cell["fitted"]  # at risk to the horizon, and longer
    curve = kaplan_meier(np.where(never, horizon or cell["max_epochs"], cell["time"]), cell["fitted"])
    none = Estimate(None, None, None)
    median = none if biased else median_epochs(curve)
    mean = none if biased or not horizon else restricted_mean(curve, horizon)
    return {**_with_bounds("km_median", median), **_with_bounds("restricted_mean", mean), "horizon": horizon}


def _with_bounds(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _mean_and_spread(name: str, values: npt.NDArray[np.float64]) -> dict[str, Any]:
    low, high = mean_interval(values)
    return {
        f"{name}_n": len(values),
        f"{name}_mean": values.mean() if len(values) else None,
        f"{name}_std": values.std(ddof=1) if len(values) > 1 else None,
        f"{name}_low": low,
        f"{name}_high": high,
    }


def _least(values: npt.NDArray[Any]) -> Any:
    return values.min() if len(values) else None


def _greatest(values: npt.NDArray[Any]) -> Any:
    return values.max() if len(values) else None


def to_text(table: pd.DataFrame) -> str:
    """The summary as an aligned table, and a line that counts what did not fit."""
    keys = [str(name) for name in table.columns[: table.columns.get_loc("n")]]
    header = [_SPELLED.get(name, name) for name in keys]
    lines = [[*header, "changed, %", "fitted", "epochs to fit", "test error", "generalization gap", "minutes"]]
    for row in table.to_dict("records"):
        cells = [_key(name, row[name]) for name in keys]
        lines.append([*cells, changed_text(row), f"{row['fitted']}/{row['n']}", *_measured(row)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([*(line.rstrip() for line in aligned), "", _counts(table)])


def _key(name: str, value: Any) -> str:
    if pd.isna(value):
        return "all" if name == "train_samples" else "-"
    return f"{value:,}" if name == "train_samples" else number_text(value) if isinstance(value, float) else str(value)


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
