"""Trials whose end is a result: what became of the others is some epoch's accident."""

import pandas as pd

NO_RESULT = ("error", "unfinished")  # the network is some epoch's accident, not what the spec leads to


def ended_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials whose last row is a result: all but the unfinished and the failed."""
    return trials[~trials["stop_reason"].isin(NO_RESULT)]
