"""The share of labels that a corruption level really changed: by chance more or less than p · (1 - 1/classes)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.captions import MISSING
from analysis.statistics.float_columns import floats

NAMES = ("labels_changed_mean", "labels_changed_min", "labels_changed_max")


def changed_labels(shares: "Sequence[float | None] | npt.NDArray[np.float64]") -> dict[str, float | None]:
    """NAMES of the trials' shares (fractions): mean, least and greatest; None unless all shares are known."""
    known = np.asarray(shares, dtype=np.float64)
    if not len(known) or np.isnan(known).any():
        return dict.fromkeys(NAMES)
    return dict(zip(NAMES, (float(known.mean()), float(known.min()), float(known.max())), strict=True))


def changed_text(row: Mapping[Any, Any]) -> str:
    """The NAMES of a row in percent, such as "18.1 [16.9-19.2]"; one number where all trials have the same."""
    mean, least, greatest = (row[name] for name in NAMES)
    if pd.isna(mean):
        return MISSING
    ends = [f"{100 * value:.1f}" for value in (least, greatest)]
    return f"{100 * mean:.1f}" if ends[0] == ends[1] else f"{100 * mean:.1f} [{ends[0]}-{ends[1]}]"


def of_trials(trials: pd.DataFrame) -> str:
    """The changed labels of trials, as `changed_text` writes them."""
    return changed_text(changed_labels(floats(trials["labels_changed"])))
