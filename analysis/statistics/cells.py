"""The trials frame in, one row of statistics per cell out."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.grouping.cells import cell_columns
from analysis.grouping.ended_trials import NO_RESULT
from analysis.schema.columns import of_trials
from analysis.schema.statistics_columns import STATISTICS
from analysis.schema.typed_frames import typed
from analysis.statistics.censored_median import censored_median
from analysis.statistics.changed_labels import changed_labels
from analysis.statistics.float_columns import floats
from analysis.statistics.intervals import Interval, interval_of_tested_mean
from analysis.statistics.survival import Estimate, kaplan_meier, median_epochs, restricted_mean

NEVER_FITS = ("diverged", "contradiction")  # whatever the number of epochs

_COUNTS = ("epochs", "max_epochs", "test_images", "damaged_lines")
_Cell = Mapping[str, npt.NDArray[Any]]  # some of its trials' columns, by name


def summary(trials: pd.DataFrame) -> pd.DataFrame:
    """Statistics of each cell: the trials that differ in seeds alone. No trial is left out of n.

    Args:
        trials: `load(...).trials`, or some of its rows.

    Returns:
        One row per cell: the columns that tell cells apart, then those described in docs/dataframes.md. Among them:

        * `n`, `fitted`, `censored`, ...: numbers of trials.
        * `km_median`, `restricted_mean` (epochs): Kaplan-Meier estimates over all n, in which unfitted trials are
          right-censored.
        * `test_error_mean`, `gap_mean` (fractions): over the trials that ended, not by an error.
        * `..._low`, `..._high`: 95% intervals, null for n < 2. That of `km_median` is Brookmeyer and Crowley's, the
          others are Student's t. They account for what differs between the trials of a cell: a whole replicate, or
          only what `seed` draws. Those of test error and gap account for the finite test set too (Wilson's).
    """
    names = cell_columns(trials)
    cells = _places(trials, names)
    first_trials = trials[names].iloc[[places[0] for places in cells]]
    values = _needed(trials)
    rows = [_statistics({name: array[places] for name, array in values.items()}) for places in cells]
    table = {name: first_trials[name].tolist() for name in names}
    return typed(
        table | {column.name: [row[column.name] for row in rows] for column in STATISTICS},
        of_trials(names) + STATISTICS,
    )


def _places(trials: pd.DataFrame, names: list[str]) -> list[npt.NDArray[np.intp]]:
    """The places of the trials of each cell, the cells in order."""
    cell = trials.groupby(names, observed=True, dropna=False).ngroup().to_numpy()
    order = np.argsort(cell, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(cell[order])) + 1) if len(order) else []


def _needed(trials: pd.DataFrame) -> _Cell:
    """The columns that the statistics need, as arrays: a frame for each of a thousand cells would take seconds."""
    ended = ~trials["stop_reason"].isin(NO_RESULT)
    return {
        **{name: trials[name].to_numpy(dtype=object) for name in ("status", "stop_reason")},
        **{name: trials[name].to_numpy(dtype=np.int64) for name in _COUNTS},
        "horizon": floats(trials["horizon"]),
        "labels_changed": floats(trials["labels_changed"]),
        "fitted": trials["fitted"].to_numpy(dtype=np.bool_),
        "time": trials["epochs_to_fit"].fillna(trials["epochs"]).to_numpy(dtype=np.int64),  # of the fit or censoring
        "seconds": floats(trials["seconds"]),
        "test_error": floats(trials["test_error"].where(ended)),
        "gap": floats(trials["generalization_gap"].where(ended)),
    }


def _statistics(cell: _Cell) -> dict[str, Any]:
    status = Counter(cell["status"])
    why_unfitted = Counter(cell["stop_reason"][~cell["fitted"]])
    error, gap = (cell[name][~np.isnan(cell[name])] for name in ("test_error", "gap"))
    measured, images = ~np.isnan(cell["gap"]), int(cell["test_images"].min())
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
        **_mean_and_spread("test_error", error, interval_of_tested_mean(error, error, images)),
        "test_error_min": _least(error),
        "test_error_max": _greatest(error),
        **_mean_and_spread("gap", gap, interval_of_tested_mean(gap, cell["test_error"][measured], images)),
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
    """Kaplan and Meier's estimates; none if trials were given up for doing badly, which would bias them."""
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


def _mean_and_spread(name: str, values: npt.NDArray[np.float64], interval: Interval) -> dict[str, Any]:
    low, high = interval
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
