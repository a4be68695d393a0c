"""Capacity: how many training images a network fits within its horizon, bracketed from both sides.

Effective model complexity (Nakkiran et al., arXiv 1912.02292, definition 1) with an error of exactly 0.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.grouping.cells import cell_columns
from analysis.grouping.ended_trials import NO_RESULT
from analysis.schema.columns import of_trials
from analysis.schema.statistics_columns import CAPACITY
from analysis.schema.typed_frames import typed_rows

SIZE = "train_samples"


def capacity(trials: pd.DataFrame) -> pd.DataFrame:
    """The largest training set that every replicate fitted, and the smallest that some replicate did not.

    A size counts as fitted if every trial of it fitted, and as not fitted if a trial ended without a fit, whatever its
    reason. A size with a trial that failed by an error or has not ended says neither, unless another trial of it is
    known not to have fitted.

    Args:
        trials: `load(...).trials`, or some of its rows.

    Returns:
        One row per network, level and setting that ran with at least two sizes: the columns that tell cells apart but
        for `train_samples`, then those described in docs/dataframes.md. Trials on a whole data set, whose
        `train_samples` is null, have no size here.
    """
    sized = trials[trials[SIZE].notna()]
    names = [name for name in cell_columns(sized) if name != SIZE]
    rows = [
        {**dict(zip(names, cell, strict=True)), **_bracket(own)}
        for cell, own in sized.groupby(names, observed=True, dropna=False)
        if len(own[SIZE].unique()) > 1
    ]
    return typed_rows(rows, of_trials(names) + CAPACITY).sort_values(names, ignore_index=True)


def _bracket(trials: pd.DataFrame) -> Mapping[str, Any]:
    sizes = [(size, _all_fitted(trials[trials[SIZE] == size])) for size in sorted(map(int, trials[SIZE].unique()))]
    least = min((size for size, fitted in sizes if fitted is False), default=None)
    below = [size for size, fitted in sizes if fitted and (least is None or size < least)]
    above = [size for size, fitted in sizes if fitted and least is not None and size > least]
    at_least = trials[trials[SIZE] == least]
    return {
        "trials": len(trials),
        "sizes": len(sizes),
        "fitted_samples": max(below, default=None),
        "unfitted_samples": least,
        "unfitted_share": float((~at_least["fitted"].astype(bool)).mean()) if len(at_least) else None,
        "fitted_above": max(above, default=None),
        "unknown_sizes": sum(fitted is None for _, fitted in sizes),
        "horizon": trials["horizon"].max(),
    }


def _all_fitted(trials: pd.DataFrame) -> bool | None:
    """Whether every trial fitted; None where those without a result leave it open."""
    unfitted = trials[~trials["fitted"].astype(bool)]
    if not unfitted["stop_reason"].isin(NO_RESULT).all():
        return False
    return True if unfitted.empty else None
