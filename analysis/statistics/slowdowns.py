"""How much longer corrupted labels take to fit than clean ones, trial by trial, on common random numbers."""

import math
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

import pandas as pd

from analysis.grouping.cells import LEVEL, cell_columns
from analysis.grouping.partners import Trial, alike, all_but, records
from analysis.schema.columns import of_trials
from analysis.schema.statistics_columns import SLOWDOWNS
from analysis.schema.typed_frames import typed_rows
from analysis.statistics.changed_labels import changed_labels
from analysis.statistics.intervals import mean_interval


def slowdowns(trials: pd.DataFrame) -> pd.DataFrame:
    """Epochs to fit corrupted labels, divided by those of the same spec on clean labels, paired by seed.

    Args:
        trials: `load(...).trials`, or some of its rows.

    Returns:
        One row per cell above level 0 with at least one partner at level 0 that is equal in all else, seeds included:
        the columns that tell cells apart, then those described in docs/dataframes.md. Among them:

        * `pairs`, `unpaired`, `both_fitted`: numbers of pairs and trials.
        * `slowdown_median` (ratio): over all pairs; null where unfitted trials leave it open, and then
          `slowdown_above` bounds it.
        * `slowdown_mean` (ratio): geometric mean; null unless both trials of every pair fitted.
        * `slowdown_low`, `slowdown_high`: its 95% interval by Student's t of the logarithms; null for one pair.
    """
    names, shared = cell_columns(trials), all_but(trials, [LEVEL])
    every = records(trials)
    clean = {alike(trial, shared): trial for trial in every if trial[LEVEL] == 0}
    cells: dict[tuple[Any, ...], list[tuple[Trial, Trial | None]]] = {}
    for trial in every:
        if trial[LEVEL] > 0:
            cells.setdefault(alike(trial, names), []).append((trial, clean.get(alike(trial, shared))))
    rows = [
        {**dict(zip(names, cell, strict=True)), **_statistics(pairs)}
        for cell, pairs in cells.items()
        if any(partner is not None for _, partner in pairs)
    ]
    table = typed_rows(rows, of_trials(names) + SLOWDOWNS)
    return table.sort_values(names, ignore_index=True)


def _statistics(pairs: Sequence[tuple[Trial, Trial | None]]) -> dict[str, Any]:
    paired = [(trial, partner) for trial, partner in pairs if partner is not None]
    bounds = [_bounds(trial, partner) for trial, partner in paired]
    least, most = median(low for low, _ in bounds), median(high for _, high in bounds)
    logs = [math.log(low) for low, high in bounds if low == high]
    known = len(logs) == len(paired)
    low, high = mean_interval(logs) if known else (None, None)
    return {
        **changed_labels([trial["labels_changed"] for trial, _ in pairs]),
        "pairs": len(paired),
        "unpaired": len(pairs) - len(paired),
        "both_fitted": len(logs),
        "slowdown_median": least if least == most else None,
        "slowdown_above": least if least != most and least > 0 else None,
        "slowdown_mean": math.exp(fmean(logs)) if known else None,
        "slowdown_low": None if low is None else math.exp(low),
        "slowdown_high": None if high is None else math.exp(high),
    }


def _bounds(trial: Trial, clean: Trial) -> tuple[float, float]:
    """The least and the greatest ratio that the rows allow: an unfitted trial may fit at any later epoch."""
    own, partner = (one["epochs_to_fit"] or one["epochs"] for one in (trial, clean))
    low = own / partner if clean["fitted"] else 0.0
    high = own / partner if trial["fitted"] and partner else math.inf
    return low, high
