"""Trials whose last row is a result. Failed and unfinished trials stopped at some arbitrary epoch."""

import pandas as pd

NO_RESULT = ("error", "unfinished")  # stopped at an arbitrary epoch, not where the spec leads


def ended_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials whose last row is a result: all but the unfinished and the failed."""
    return trials[~trials["stop_reason"].isin(NO_RESULT)]
